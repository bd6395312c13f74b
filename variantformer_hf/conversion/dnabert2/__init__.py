"""DNABERT-2 checkpoints, and those that were trained on from one."""

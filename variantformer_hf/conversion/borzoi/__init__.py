"""Borzoi checkpoints: as the PyTorch implementations write them."""

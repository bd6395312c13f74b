"""The released VariantFormer checkpoints, to model folders."""

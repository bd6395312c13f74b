"""Enformer checkpoints: as the PyTorch implementations write them."""

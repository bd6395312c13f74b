"""Bytes: each step in a process of its own, whose peak is read."""

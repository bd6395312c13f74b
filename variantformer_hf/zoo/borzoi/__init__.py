"""Borzoi: what its folders hold."""

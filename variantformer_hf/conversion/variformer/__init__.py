"""Variformer: as its Lightning module writes it."""

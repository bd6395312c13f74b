"""Seconds."""

"""Predictions as files and plots."""

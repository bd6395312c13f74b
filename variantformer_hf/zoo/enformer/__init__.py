"""Enformer: what its folders hold."""

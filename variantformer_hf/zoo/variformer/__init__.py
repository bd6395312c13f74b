"""Variformer: people's genes as it reads them, and what its folders hold."""

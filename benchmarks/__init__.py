"""What the package costs and what its training learns: scripts that print what docs/performance.md tells."""

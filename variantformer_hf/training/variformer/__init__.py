"""Training of Variformer: options, and its recipe."""

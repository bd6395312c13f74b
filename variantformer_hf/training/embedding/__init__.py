"""Baselines of vectors that another network makes of people's genes: heads of tissues, elastic nets."""

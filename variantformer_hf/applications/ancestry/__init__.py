"""Genetic ancestry: which population of a panel a person's genotypes are nearest to."""

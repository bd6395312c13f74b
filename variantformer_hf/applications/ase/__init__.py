"""Allele-specific expression: each haplotype of a phased person predicted alone, and held against counted reads."""

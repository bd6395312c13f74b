"""Associations with genes: weights of dosages as other programs read them, people's sums of them, GWAS statistics."""

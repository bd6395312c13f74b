"""Classifiers of a disease, one of each gene and tissue, on embeddings or genotypes of people."""

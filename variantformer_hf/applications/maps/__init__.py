"""Maps of embeddings: where genes, tissues and people lie beside each other."""

"""Names of the files that a model folder holds beside those of transformers."""

GENES_FILE = "genes.parquet"
CRES_FILE = "cres.parquet"

"""Names of the files that a model folder holds beside those of transformers, and the folder of what is kept."""

import os
from pathlib import Path

GENES_FILE = "genes.parquet"
CRES_FILE = "cres.parquet"


def cache_folder() -> Path:
    """Where stores and hashes are kept between runs: ``$VARIANTFORMER_CACHE``, or ~/.cache/variantformer-hf."""
    given = os.environ.get("VARIANTFORMER_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "variantformer-hf"

"""Names of the files that a model folder holds beside those of transformers, the folder of what is kept, modes."""

import os
import stat
from pathlib import Path

GENES_FILE = "genes.parquet"
CRES_FILE = "cres.parquet"
TRACKS_FILE = "tracks.parquet"
EXONS_FILE = "exons.parquet"
ELEMENTS_FILE = "elements.parquet"
GENE_FEATURES_FILE = "gene_features.parquet"
VARIANTS_FILE = "variants.parquet"
FITS_FILE = "fits.parquet"


def cache_folder() -> Path:
    """Where stores and hashes are kept between runs: ``$VARIANTFORMER_CACHE``, or ~/.cache/variantformer-hf."""
    given = os.environ.get("VARIANTFORMER_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "variantformer-hf"


def as_new_file(path: Path) -> None:
    """Give a file the mode that a new file gets in its folder: safetensors writes for its owner alone."""
    new = path.with_name(f".{path.name}.new")
    new.touch()
    try:
        path.chmod(stat.S_IMODE(new.stat().st_mode))
    finally:
        new.unlink()

"""AnnData: samples and genes in one file."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...errors import InputError
from .source import ExpressionSource, Sample, check_once

# Genes of an h5ad that are read at a time.
_GENES_AT_ONCE = 256


def read_anndata(path: str | Path, *, cohort: str | None = None, layer: str | None = None) -> ExpressionSource:
    """AnnData: observations are samples (obs: donor, tissue; maybe rin), variables genes, X (or a layer) TPM.

    Raises:
        InputError: the file cannot be read or lacks a column; anndata is not installed.
    """
    path = Path(path)
    try:
        import anndata
    except ImportError as error:
        raise InputError(
            "reading h5ad needs the package anndata",
            file=path,
            remedy="Install it: pip install 'variantformer-hf[h5ad]'.",
        ) from error
    try:
        data = anndata.read_h5ad(path, backed="r")
    except (OSError, KeyError) as error:
        raise InputError("cannot be read as h5ad", file=path) from error
    missing = [name for name in ("donor", "tissue") if name not in data.obs.columns]
    if missing:
        raise InputError(f"its obs has no column {', '.join(missing)}", file=path, remedy="Add it.")
    if layer is not None and layer not in data.layers:
        raise InputError(f"has no layer {layer}", file=path, remedy=f"It has {', '.join(data.layers) or 'none'}.")
    samples = tuple(
        Sample(str(name), str(row["donor"]), str(row["tissue"]), float(row["rin"]) if "rin" in row else None)
        for name, row in data.obs.iterrows()
    )
    check_once([each.sample for each in samples], path)

    def values() -> Iterator[tuple[str, np.ndarray]]:
        matrix = data.X if layer is None else data.layers[layer]
        for first in range(0, data.n_vars, _GENES_AT_ONCE):
            part = matrix[:, first : first + _GENES_AT_ONCE]
            dense = np.asarray(part.todense() if hasattr(part, "todense") else part, dtype=np.float32)
            for column in range(dense.shape[1]):
                yield str(data.var_names[first + column]), dense[:, column]

    return ExpressionSource(path, cohort or path.stem, samples, values, {})

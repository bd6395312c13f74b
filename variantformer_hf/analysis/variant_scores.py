"""One score a variant: the largest effect that it has on any gene, in any tissue."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

SCORES = ("each", "max-abs")
_OF_VARIANT = ("chrom", "pos", "ref", "alt", "variant")
_OF_LARGEST = ("gene_id", "gene_name", "tissue", "background", "zygosity", "effect")
_KEPT = ("consequence", "label")


def max_abs_scores(table: "pd.DataFrame") -> "pd.DataFrame":
    """The largest absolute effect of each variant, over genes, tissues, zygosities and backgrounds.

    Args:
        table: of ``EffectResult``.

    Returns:
        A row a variant as given, in its order: chrom, pos, ref, alt, variant, ``score``, and of the row that it is of
        (the first of several) gene_id, gene_name, tissue, background, zygosity and effect, with its sign;
        ``n_effects``, how many effects there are; status of that row, or without any effect of the first (NaN);
        consequence and label, where they were given.
    """
    size = table["effect"].abs().to_numpy(dtype=float)
    keyed = table.assign(_size=np.where(np.isnan(size), -1.0, size), _row=np.arange(len(table)))
    groups = keyed.groupby(list(_OF_VARIANT), sort=False, dropna=False)
    largest = keyed.loc[groups["_size"].idxmax()]
    found = largest[[*_OF_VARIANT, *_OF_LARGEST, "status", *(name for name in _KEPT if name in largest)]].copy()
    found.insert(len(_OF_VARIANT), "score", found["effect"].abs())
    found.insert(found.columns.get_loc("status"), "n_effects", groups["effect"].count().to_numpy())  # type: ignore[arg-type]
    return found.reset_index(drop=True)

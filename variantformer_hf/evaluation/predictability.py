"""How far to trust a prediction of a gene in a tissue: what cross-validation says of its model, and the ceiling."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

HIGH, LOW, NONE = "high", "low", "none"
KEYS = ["gene_id", "tissue", "population"]
# A prediction is trusted from this r and below this p on, PrediXcan's rule, and highly where it says a quarter of the
# variance.
LEAST_R, MOST_P, HIGH_R = 0.1, 0.05, 0.5


def predictability(
    fits: "Mapping[str, pd.DataFrame]", heritability: "pd.DataFrame | None", population: str
) -> "pd.DataFrame":
    """A row a gene, tissue and population: what models can say of people there.

    Args:
        fits: name of a model -> gene_id, tissue, n_people, and pred_perf_r2 with pred_perf_pval, or pearson_mean, r
            over people who were held out; a row a gene and tissue.
        heritability: gene_id, tissue and h2; None = not known.
        population: of the people of both.

    Returns:
        gene_id, tissue, population; n, people of the largest fit; h2 and ceiling, its root; of each model ``r_NAME``
        and ``p_NAME``, r over people whom it was not fitted to, 0 where it is below, and the one-sided p of that; NaN
        where it is not known.
    """
    import pandas as pd

    keys = KEYS[:2]
    found: pd.DataFrame = pd.DataFrame({name: pd.Series(dtype=object) for name in keys})
    for name, table in fits.items():
        r, p = _r_and_p(table)
        own = table[keys].assign(**{f"r_{name}": r, f"p_{name}": p}, **{f"n_{name}": table["n_people"]})
        found = found.merge(own, on=keys, how="outer")
    counts = [f"n_{name}" for name in fits]
    found["n"] = found[counts].max(axis=1)
    if heritability is None:
        found["h2"] = np.nan
    else:
        found = found.merge(heritability[[*keys, "h2"]], on=keys, how="outer" if not fits else "left")
    found = found.assign(population=population, ceiling=np.sqrt(found["h2"].astype(float)))
    of_models = [f"{what}_{name}" for name in fits for what in ("r", "p")]
    return found[[*KEYS, "n", "h2", "ceiling", *of_models]]


def _r_and_p(table: "pd.DataFrame") -> tuple[np.ndarray, np.ndarray]:
    """(rows,) r and the one-sided p of it, as a fit says them or of an evaluation's r by Student's t."""
    if "pred_perf_r2" in table:
        return np.sqrt(table["pred_perf_r2"].to_numpy(dtype=float)), table["pred_perf_pval"].to_numpy(dtype=float)
    from scipy import stats

    r, freedom = table["pearson_mean"].to_numpy(dtype=float), table["n_people"].to_numpy(dtype=float) - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stats.t.sf(r * np.sqrt(freedom / np.maximum(1 - np.square(r), 0)), freedom)
    return np.maximum(r, 0), p


def with_trust(table: "pd.DataFrame", gene_ids: "pd.Series[str]", known: "pd.DataFrame", model: str) -> "pd.DataFrame":
    """Predictions with ``expected_r`` and ``trust``.

    Args:
        table: predictions, a row a person, gene and tissue.
        gene_ids: of each row, stable.
        known: of one population, see :func:`predictability`.
        model: whose r it is.

    Returns:
        The table with expected_r, NaN where it is not known, and trust: ``none`` where r is not known, below 0.1, or
        has a p of 0.05 or more; ``high`` where it is 0.5 or more; else ``low``.
    """
    import pandas as pd

    asked = pd.DataFrame({"gene_id": gene_ids, "tissue": table["tissue"]})
    of_model = known[["gene_id", "tissue", f"r_{model}", f"p_{model}"]]
    joined = asked.merge(of_model, on=["gene_id", "tissue"], how="left")
    r, p = (joined[f"{what}_{model}"].to_numpy(dtype=float) for what in ("r", "p"))
    is_trusted = (r >= LEAST_R) & (p < MOST_P)
    trust = np.where(is_trusted & (r >= HIGH_R), HIGH, np.where(is_trusted, LOW, NONE))
    return table.assign(expected_r=r.astype(np.float32), trust=trust)

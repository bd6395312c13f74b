"""Correlations within a tissue beside the ceiling that heritability sets."""

from typing import TYPE_CHECKING

import numpy as np

from .results import EvaluationResults

if TYPE_CHECKING:
    import pandas as pd


def add_ceiling(heritability: "pd.DataFrame", results: EvaluationResults) -> None:
    """h2 and its root, the ceiling of r over people, of each row of ``within_tissue``.

    ``within_tissue_ceiling`` has their means over genes that have both, by model, tissue and parts of genes and donors,
    and ``share``: the mean of r over that of the ceilings.

    Args:
        heritability: gene_id (stable), tissue, maybe cohort, and h2; a row each.
        results: with ``within_tissue``, where the samples allow it.
    """
    import pandas as pd

    if "within_tissue" not in results.tables:
        results.skipped["within_tissue_ceiling"] = results.skipped.get("within_tissue", "there is no within_tissue")
        return
    keys = [name for name in ("gene_id", "tissue", "cohort") if name in heritability]
    table = results.tables["within_tissue"].merge(heritability[[*keys, "h2"]], on=keys, how="left")
    results.tables["within_tissue"] = table = table.assign(ceiling=np.sqrt(table["h2"]))
    has_both = table["h2"].notna() & table["pearson"].notna()
    for model, lacks in (~has_both).groupby(table["model"], sort=False):
        reason = "no heritability, or no correlation"
        results.count("within_tissue_ceiling", str(model), "genes, tissues and folds", reason, int(lacks.sum()))
    both = table[has_both]
    if not len(both):
        results.skipped["within_tissue_ceiling"] = "no gene and tissue has a heritability"
        return
    names = ["model", "tissue", "gene_part", "donor_part", "fold"]
    found = pd.concat([both.assign(tissue="all"), both]).groupby(names, sort=False)
    means = found.agg(
        n=("h2", "size"), mean_pearson=("pearson", "mean"), mean_ceiling=("ceiling", "mean")
    ).reset_index()
    share = means["mean_pearson"] / means["mean_ceiling"].where(means["mean_ceiling"] > 0)
    results.tables["within_tissue_ceiling"] = means.assign(share=share)

"""Measured and predicted samples in one plane: 50 principal components, then UMAP (VariantFormer, figure 2f)."""

from collections.abc import Callable

import numpy as np

from .paired import PairedExpression
from .results import EvaluationOptions, EvaluationResults

# (points, width) and a seed -> principal components, and the plane of UMAP, None where it is not installed.
Place = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray | None]]
_LEAST_SAMPLES = 4
OBSERVED = "observed"


def add_expression_map(
    paired: PairedExpression, options: EvaluationOptions, results: EvaluationResults, place: Place
) -> None:
    """Two coordinates of every sample, as measured and as each model predicts it.

    Genes are those that half of the samples have a value of; a value that is missing is the gene's mean among the
    observed, or the model's. Without UMAP the coordinates are the first two components.
    """
    columns = paired.columns()
    there = ~np.isnan(next(iter(paired.predicted.values()))[:, columns]) & ~np.isnan(paired.observed[:, columns])
    genes = np.flatnonzero(2 * there.sum(axis=1) >= len(columns))
    some = there[genes].any(axis=0)
    results.count("expression_map", "all", "samples", "no value of these genes", int((~some).sum()))
    columns, there = columns[some], there[np.ix_(genes, some)]
    if len(columns) < _LEAST_SAMPLES or len(genes) < 2:
        results.skipped["expression_map"] = "under 4 samples, or 2 genes that half of them have"
        return
    results.count(
        "expression_map", "all", "genes", "under half of the samples have a value", len(paired.genes) - len(genes)
    )
    results.count("expression_map", "all", "values", "missing, put at the gene's mean", int((~there).sum()))
    layers = {OBSERVED: paired.observed, **paired.predicted}
    n = len(columns)
    matrix = np.empty((n * len(layers), len(genes)), dtype=np.float32)
    for number, values in enumerate(layers.values()):
        known = np.where(there, values[np.ix_(genes, columns)], 0)
        mean = known.sum(axis=1) / there.sum(axis=1)
        matrix[number * n : (number + 1) * n] = np.where(there, known, mean[:, None]).T
    if (matrix == matrix[0]).all():
        results.skipped["expression_map"] = "all samples are the same"
        return
    components, plane = place(matrix, options.seed)
    table = paired.samples[["cohort", "donor", "tissue"]].iloc[np.tile(columns, len(layers))].reset_index(drop=True)
    table.insert(0, "layer", np.repeat(list(layers), n))
    table = table.assign(pc1=components[:, 0], pc2=components[:, 1])
    if plane is None:
        results.skipped["expression_map: UMAP"] = "it needs the extra maps: pip install 'variantformer-hf[maps]'"
    else:
        table = table.assign(umap1=plane[:, 0], umap2=plane[:, 1])
    results.tables["expression_map"] = table

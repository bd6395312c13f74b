"""One model against another in the field's columns: differences of r on the same genes, people and values."""

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import binomtest

from .correlations import mean_interval

if TYPE_CHECKING:
    import pandas as pd


def column_comparison(by_gene: "pd.DataFrame") -> "pd.DataFrame":
    """Of each two models and column, over genes, a gene's r being its mean over tissues, populations and folds.

    Genes are paired, so that the interval of the mean difference is narrower than those of both means.

    Args:
        by_gene: of one run, columns of ``columns_by_gene``.

    Returns:
        model, other, column; n_genes; difference, low, high: mean of r minus the other's r, with its normal 95 %
        interval; n_differ, share_better, p: genes whose r differ, how many of them are better, and the two-sided p of
        a binomial test against one half.
    """
    import pandas as pd

    used = by_gene[by_gene["reason"] == ""]
    rows: list[dict[str, Any]] = []
    for column, of_column in used.groupby("column", sort=False):
        wide = of_column.pivot_table(index="gene_id", columns="model", values="pearson", aggfunc="mean", sort=False)
        for model, other in combinations(dict.fromkeys(of_column["model"]), 2):
            difference = (wide[model] - wide[other]).dropna().to_numpy()
            mean, low, high = mean_interval(difference)
            n_differ, better = int((difference != 0).sum()), int((difference > 0).sum())
            test = binomtest(better, n_differ) if n_differ else None
            rows.append(
                {
                    "model": model,
                    "other": other,
                    "column": column,
                    "n_genes": len(difference),
                    "difference": mean,
                    "low": low,
                    "high": high,
                    "n_differ": n_differ,
                    "share_better": better / n_differ if n_differ else np.nan,
                    "p": float(test.pvalue) if test is not None else np.nan,
                }
            )
    return pd.DataFrame(rows)

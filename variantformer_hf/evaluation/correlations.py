"""Gene correlation and subject correlation (paper, section 6.1.2): over samples for a gene, over genes for a sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# With fewer values a rank correlation says nothing.
LEAST_VALUES = 3
# Rows that are ranked at a time.
_VALUES_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Correlations:
    """Correlations of many rows, and their means.

    Attributes:
        spearman, pearson, r2: (R,) float64 of each row; r2 is 1 - SS_res / SS_tot. NaN where a row has under 3 values,
            or where observed or predicted values are all the same.
        n: (R,) values of each row.
        n_constant: rows whose predictions are all the same while the observed values are not.
    """

    spearman: np.ndarray
    pearson: np.ndarray
    r2: np.ndarray
    n: np.ndarray
    n_constant: int

    def summary(self, *, constant_as_zero: bool = False) -> dict[str, float]:
        """Means over the rows with 95 % confidence intervals (normal, of the mean), and counts.

        Args:
            constant_as_zero: rows with constant predictions count as a correlation of 0, not as missing.
        """
        result: dict[str, float] = {}
        for name in ("spearman", "pearson", "r2"):
            values = getattr(self, name)
            if constant_as_zero and name != "r2":
                values = np.where(self._constant, 0.0, values)
            known = values[~np.isnan(values)]
            mean = float(known.mean()) if len(known) else float("nan")
            half = 1.959964 * known.std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else float("nan")
            result |= {name: mean, f"{name}_low": mean - float(half), f"{name}_high": mean + float(half)}
        return result | {
            "rows": float((~np.isnan(self.spearman)).sum()),
            "rows_without": float(np.isnan(self.spearman).sum()),
            "rows_constant": float(self.n_constant),
        }

    def across_donors(self) -> dict[str, float]:
        """Means over genes of what :func:`gene_correlation` found over donors, as Variformer's paper has them.

        Returns:
            pearson and r2 (1 - SSE / SST), the means over the genes (in a tissue each) that have one, NaN where none
            has; genes, of how many the mean r is; genes_without_r, which have under 3 values or whose observed or
            predicted values are all the same; genes_without_r2, a constant prediction not among them.
        """
        known = {name: values[~np.isnan(values)] for name, values in (("pearson", self.pearson), ("r2", self.r2))}
        means = {name: float(values.mean()) if len(values) else float("nan") for name, values in known.items()}
        return means | {
            "genes": float(len(known["pearson"])),
            "genes_without_r": float(len(self.pearson) - len(known["pearson"])),
            "genes_without_r2": float(len(self.r2) - len(known["r2"])),
        }

    @property
    def _constant(self) -> np.ndarray:
        return np.isnan(self.spearman) & np.isfinite(self.r2)


def gene_correlation(observed: np.ndarray, predicted: np.ndarray) -> Correlations:
    """Of each gene over samples, a sample being a donor's tissue.

    Args:
        observed, predicted: (genes, samples); pairs with a NaN in either are left out.
    """
    return row_correlations(observed, predicted)


def subject_correlation(observed: np.ndarray, predicted: np.ndarray) -> Correlations:
    """Of each sample over genes; arguments as for :func:`gene_correlation`."""
    return row_correlations(observed.T, predicted.T)


def row_correlations(observed: np.ndarray, predicted: np.ndarray) -> Correlations:
    """Row by row.

    Args:
        observed, predicted: (R, C); pairs with a NaN in either are left out.

    Raises:
        ValueError: the shapes differ.
    """
    if observed.shape != predicted.shape:
        raise ValueError(f"observed is {observed.shape}, predicted {predicted.shape}")
    n_rows, n_columns = observed.shape
    spearman, pearson, r2 = (np.full(n_rows, np.nan) for _ in range(3))
    counts = np.zeros(n_rows, dtype=np.int64)
    n_constant = 0
    step = max(1, _VALUES_AT_ONCE // max(1, n_columns))
    for first in range(0, n_rows, step):
        rows = slice(first, min(first + step, n_rows))
        left, right = np.asarray(observed[rows], np.float64), np.asarray(predicted[rows], np.float64)
        there = ~(np.isnan(left) | np.isnan(right))
        counts[rows] = there.sum(axis=1)
        pearson[rows], r2[rows] = _pearson(left, right, there), _r2(left, right, there)
        spearman[rows] = _pearson(_ranks(left, there), _ranks(right, there), there)
        few = counts[rows] < LEAST_VALUES
        for values in (spearman, pearson, r2):
            values[rows][few] = np.nan
        n_constant += int((_is_constant(right, there) & ~_is_constant(left, there) & ~few).sum())
    return Correlations(spearman, pearson, r2, counts, n_constant)


def _ranks(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Ranks within each row, ties getting their mean; those of missing values mean nothing."""
    # Missing values go last, where they do not touch the others' ranks.
    filled = np.where(there, values, np.inf)
    order = np.argsort(filled, axis=1, kind="stable")
    ordered = np.take_along_axis(filled, order, axis=1)
    n_columns = values.shape[1]
    starts = np.ones(values.shape, dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    # Of each run of equal values the first and last place.
    places = np.broadcast_to(np.arange(n_columns), values.shape)
    first = np.maximum.accumulate(np.where(starts, places, 0), axis=1)
    ends = np.ones(values.shape, dtype=bool)
    ends[:, :-1] = starts[:, 1:]
    last = np.minimum.accumulate(np.where(ends, places, n_columns)[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2, axis=1)
    return ranks


def _pearson(left: np.ndarray, right: np.ndarray, there: np.ndarray) -> np.ndarray:
    count = np.maximum(there.sum(axis=1), 1)[:, None]
    left = np.where(there, left, 0)
    right = np.where(there, right, 0)
    left = np.where(there, left - left.sum(axis=1, keepdims=True) / count, 0)
    right = np.where(there, right - right.sum(axis=1, keepdims=True) / count, 0)
    constant = _is_constant(left, there) | _is_constant(right, there)
    scale = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (left * right).sum(axis=1) / scale
    return np.where(constant | (scale == 0), np.nan, np.clip(found, -1, 1))


def _r2(observed: np.ndarray, predicted: np.ndarray, there: np.ndarray) -> np.ndarray:
    count = np.maximum(there.sum(axis=1), 1)[:, None]
    known = np.where(there, observed, 0)
    centred = np.where(there, known - known.sum(axis=1, keepdims=True) / count, 0)
    residual = np.where(there, observed - predicted, 0)
    total = (centred**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 1 - (residual**2).sum(axis=1) / total
    return np.where(_is_constant(observed, there), np.nan, found)


def _is_constant(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Whether a row's values that are there are all the same, or none is there."""
    low = np.where(there, values, np.inf).min(axis=1, initial=np.inf)
    high = np.where(there, values, -np.inf).max(axis=1, initial=-np.inf)
    return high <= low


def as_matrix(
    genes: Sequence[str], samples: Sequence[str], values: Sequence[float]
) -> tuple[np.ndarray, list[str], list[str]]:
    """Tidy values as (genes, samples), NaN where there is none, with the names of rows and columns.

    Raises:
        ValueError: a gene and sample are there twice.
    """
    rows = {name: place for place, name in enumerate(dict.fromkeys(genes))}
    columns = {name: place for place, name in enumerate(dict.fromkeys(samples))}
    row = np.array([rows[name] for name in genes], dtype=np.int64)
    column = np.array([columns[name] for name in samples], dtype=np.int64)
    if len(np.unique(row * max(1, len(columns)) + column)) != len(row):
        raise ValueError("a gene is there twice in a sample")
    matrix = np.full((len(rows), len(columns)), np.nan)
    matrix[row, column] = np.asarray(values, dtype=np.float64)
    return matrix, list(rows), list(columns)

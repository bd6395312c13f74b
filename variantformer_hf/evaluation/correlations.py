"""Gene correlation and subject correlation (paper, section 6.1.2): over samples for a gene, over genes for a sample."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

# With fewer values a rank correlation says nothing.
LEAST_VALUES = 3
# Values of the rows that are ranked at a time: few enough for a core's cache.
_VALUES_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class Correlations:
    """Correlations of many rows, and their means.

    Attributes:
        spearman, pearson, r2: (R,) float64 of each row; r2 is 1 - SS_res / SS_tot. NaN where a row has under 3 values,
            or where observed or predicted values are all the same.
        mse: (R,) mean squared error; NaN where a row has under 3 values.
        n: (R,) values of each row.
        n_constant: rows whose predictions are all the same while the observed values are not.
    """

    spearman: np.ndarray
    pearson: np.ndarray
    r2: np.ndarray
    mse: np.ndarray
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
                values = np.where(self.is_constant, 0.0, values)
            mean, low, high = mean_interval(values)
            result |= {name: mean, f"{name}_low": low, f"{name}_high": high}
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
    def is_constant(self) -> np.ndarray:
        """(R,) whether a row's predictions are all the same while the observed values are not."""
        return np.isnan(self.spearman) & np.isfinite(self.r2)

    def reasons(self) -> np.ndarray:
        """(R,) why a row has no correlation; "" where it has one."""
        found = np.where(self.is_constant, "predictions are all the same", "observed values are all the same")
        found = np.where(self.n < LEAST_VALUES, f"under {LEAST_VALUES} values", found).astype(object)
        return np.where(np.isnan(self.spearman), found, "")


def mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of the values that are no NaN, and the ends of its normal 95 % interval."""
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if len(known) else float("nan")
    half = float(1.959964 * known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else float("nan")
    return mean, mean - half, mean + half


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
    """Row by row, on all cores.

    Args:
        observed, predicted: (R, C); pairs with a NaN in either are left out.

    Raises:
        ValueError: the shapes differ.
    """
    if observed.shape != predicted.shape:
        raise ValueError(f"observed is {observed.shape}, predicted {predicted.shape}")
    n_rows, n_columns = observed.shape
    spearman, pearson, r2, mse = (np.full(n_rows, np.nan) for _ in range(4))
    counts = np.zeros(n_rows, dtype=np.int64)
    step = max(1, _VALUES_AT_ONCE // max(1, n_columns))

    def fill(first: int) -> int:
        """Of some rows; how many have constant predictions."""
        rows = slice(first, min(first + step, n_rows))
        left, right = np.ascontiguousarray(observed[rows]), np.ascontiguousarray(predicted[rows])
        there = ~(np.isnan(left) | np.isnan(right))
        counts[rows] = n = there.sum(axis=1)
        no_r2 = _is_constant(left, there) | (n < LEAST_VALUES)
        constant = _is_constant(right, there)
        pearson[rows], r2[rows], mse[rows] = _moments(left, right, there)
        spearman[rows] = _rank_correlation(left, right, there)
        for values in (spearman, pearson):
            values[rows][no_r2 | constant] = np.nan
        r2[rows][no_r2] = np.nan
        mse[rows][n < LEAST_VALUES] = np.nan
        return int((constant & ~no_r2).sum())

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        n_constant = sum(pool.map(fill, range(0, n_rows, step)))
    return Correlations(spearman, pearson, r2, mse, counts, n_constant)


def _rank_correlation(left: np.ndarray, right: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Spearman of each row: ranks of n values, whatever their ties, have the mean (n - 1) / 2."""
    middle = (there.sum(axis=1, keepdims=True) - 1) / 2
    ranks = [np.where(there, _ranks(values, there) - middle, 0) for values in (left, right)]
    return _cosine(*ranks)


def _ranks(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Ranks within each row from 0, ties getting their mean; those of missing values mean nothing."""
    # Missing values go last, where they do not touch the others' ranks; 0 is added for -0, which is 0.
    order, ordered = _sorted(np.where(there, values, np.inf).astype(values.dtype) + 0)
    n_rows, n_columns = values.shape
    starts = np.ones(values.shape, dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    # Of each run of equal values the first place, its length, and the mean of its places in the row.
    first = np.flatnonzero(starts)
    length = np.diff(first, append=values.size)
    ranks = np.empty(values.size)
    order += np.arange(n_rows)[:, None] * n_columns
    ranks[order.ravel()] = np.repeat(first % n_columns + (length - 1) / 2, length)
    return ranks.reshape(values.shape)


def _sorted(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order of each row, and what tells its values apart in that order."""
    if values.dtype != np.float32:
        order = np.argsort(values, axis=1)
        return order, np.take_along_axis(values, order, axis=1)
    # Floats of 32 bits as integers that sort as they do, their places behind: numbers are sorted faster than places.
    bits = values.view(np.int32)
    keys = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int64) << 32
    keys |= np.arange(values.shape[1])
    keys.sort(axis=1)
    return keys & 0xFFFFFFFF, keys >> 32


def _moments(observed: np.ndarray, predicted: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, ...]:
    """Pearson, R2 and the mean squared error of each row."""
    n = np.maximum(there.sum(axis=1), 1)
    left, mean_left = _centred(observed, there, n)
    right, mean_right = _centred(predicted, there, n)
    pearson = _cosine(left, right)
    total = np.einsum("ij,ij->i", left, left)
    left -= right
    residual = np.einsum("ij,ij->i", left, left) + n * (mean_left - mean_right) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return pearson, 1 - residual / total, residual / n


def _centred(values: np.ndarray, there: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values minus their row's mean, 0 where there is none, and the means."""
    known = np.where(there, values, 0).astype(np.float64)
    mean = known.sum(axis=1) / n
    known -= mean[:, None]
    known *= there
    return known, mean


def _cosine(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of each row; of centred values it is their correlation."""
    scale = np.sqrt(np.einsum("ij,ij->i", left, left) * np.einsum("ij,ij->i", right, right))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.clip(np.einsum("ij,ij->i", left, right) / scale, -1, 1)


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

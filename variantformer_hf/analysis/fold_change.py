"""Fold changes: one definition for every table."""

import numpy as np


def log2_ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """log2 of a ratio, float64, same shape; NaN where either is not positive."""
    numerator, denominator = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    able = (numerator > 0) & (denominator > 0)
    return np.where(able, np.log2(np.where(able, numerator, 1)) - np.log2(np.where(able, denominator, 1)), np.nan)


def log2_fold_change(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """log2 of TPM after over TPM before, float64, of log1p TPM; NaN where either TPM is not positive."""
    return log2_ratio(np.expm1(np.asarray(after, dtype=float)), np.expm1(np.asarray(before, dtype=float)))

"""The mean of some values, and what it may be."""

import numpy as np


def student_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and its 95 % confidence interval by Student's t.

    Args:
        values: (n,) without NaN.

    Returns:
        mean, low, high; NaN without a value, and no interval of one.
    """
    from scipy import stats

    n = len(values)
    mean, half = (float(values.mean()) if n else np.nan), np.nan
    if n > 1:
        half = float(stats.t.ppf(0.975, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half

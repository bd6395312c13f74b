"""Whether probabilities are what they say: reliability in bins, and the Brier score."""

from typing import Any

import numpy as np


def calibration(labels: np.ndarray, probabilities: np.ndarray, *, bins: int = 10) -> dict[str, Any]:
    """Reliability of probabilities in bins of equal width, and their Brier score.

    Args:
        labels: (n,) 0 or 1.
        probabilities: (n,) of label 1, from 0 to 1.
        bins: how many; all but the last leave out their upper end.

    Returns:
        ``n``; ``brier``, the mean of (probability - label) squared, NaN of nobody; ``bins``, those that hold somebody:
        ``lower``, ``upper``, ``n``, ``mean_probability`` and ``share_of_cases``.

    Raises:
        ValueError: a probability that is none.
    """
    labels, values = np.asarray(labels, dtype=float), np.asarray(probabilities, dtype=float)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("a probability lies from 0 to 1")
    edges = np.linspace(0, 1, bins + 1)
    number = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, bins - 1)
    found = []
    for each in np.unique(number).tolist():
        chosen = number == each
        found.append(
            {
                "lower": float(edges[each]),
                "upper": float(edges[each + 1]),
                "n": int(chosen.sum()),
                "mean_probability": float(values[chosen].mean()),
                "share_of_cases": float(labels[chosen].mean()),
            }
        )
    brier = float(np.mean((values - labels) ** 2)) if len(values) else float("nan")
    return {"n": len(values), "brier": brier, "bins": found}

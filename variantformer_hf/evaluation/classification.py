"""How well the encoder tells active cCREs from others, tissue by tissue."""

from collections.abc import Sequence

import numpy as np


def activity_scores(
    labels: np.ndarray, probabilities: np.ndarray, tissues: Sequence[str] | np.ndarray
) -> dict[str, dict[str, float]]:
    """F1, AUROC and AUPRC of each tissue, and their means under ``mean``.

    Args:
        labels: (N,) 0 or 1.
        probabilities: (N,) of being active; F1 is taken at 0.5.
        tissues: (N,) names.

    Returns:
        Tissue -> f1, auroc, auprc, n, n_active. AUROC and AUPRC are NaN where a tissue has one class only; means are
        over the tissues that have both.
    """
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    labels, names = np.asarray(labels).astype(int), np.asarray(tissues, dtype=object)
    result: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(names.tolist()):
        chosen = names == name
        truth, scores = labels[chosen], np.asarray(probabilities, dtype=float)[chosen]
        both = 0 < truth.sum() < len(truth)
        result[str(name)] = {
            "f1": float(f1_score(truth, scores >= 0.5, zero_division=0.0)),
            "auroc": float(roc_auc_score(truth, scores)) if both else float("nan"),
            "auprc": float(average_precision_score(truth, scores)) if both else float("nan"),
            "n": float(len(truth)),
            "n_active": float(truth.sum()),
        }
    means = {}
    for score in ("f1", "auroc", "auprc"):
        known = [each[score] for each in result.values() if not np.isnan(each["auroc"])]
        means[score] = float(np.mean(known)) if known else float("nan")
    result["mean"] = means
    return result

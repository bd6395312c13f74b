"""AUROC and AUPRC of classifiers, of many resamples at once, and the nested bootstrap over classifiers and people.

VariantFormer, 6.2.2: in each replicate the people of each classifier are drawn with replacement, its score is computed
anew, then the classifiers are drawn with replacement, and the mean is taken.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

# Numbers of a block of replicates.
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over classifiers, and the ends of its 95 % percentile interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BootstrapScores:
    """What :func:`nested_bootstrap` found.

    Attributes:
        auprc, auroc: means over the classifiers.
        units: classifiers.
        replicates: of the bootstrap.
        redrawn: draws of people that had one class alone, and were drawn again.
    """

    auprc: Interval
    auroc: Interval
    units: int
    replicates: int
    redrawn: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def ranking_scores(
    labels: np.ndarray, probabilities: np.ndarray, counts: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """AUROC and AUPRC (average precision), as scikit-learn has them; equal probabilities are one threshold.

    Args:
        labels: (n,) 0 or 1.
        probabilities: (n,) of label 1.
        counts: (replicates, n) how often each is drawn; None = each once.

    Returns:
        auroc, auprc, each (replicates,); NaN where there is one class alone.
    """
    order = np.argsort(-probabilities, kind="stable")
    drawn = np.ones((1, len(labels))) if counts is None else np.asarray(counts)[:, order].astype(float)
    truth = np.asarray(labels)[order] == 1
    last = np.flatnonzero(np.append(np.diff(probabilities[order]) != 0, True))
    true_positive = np.cumsum(drawn * truth, axis=1)[:, last]
    false_positive = np.cumsum(drawn * ~truth, axis=1)[:, last]
    more_true, more_false = (np.diff(each, axis=1, prepend=0) for each in (true_positive, false_positive))
    cases, controls = true_positive[:, -1], false_positive[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        auroc = (more_false * (true_positive - more_true / 2)).sum(axis=1) / (cases * controls)
        precision = true_positive / (true_positive + false_positive)
        auprc = (more_true * np.where(more_true > 0, precision, 0)).sum(axis=1) / cases
    auprc[(cases == 0) | (controls == 0)] = np.nan
    return auroc, auprc


def nested_bootstrap(
    units: Sequence[tuple[np.ndarray, np.ndarray]], *, replicates: int = 2_000, seed: int = 0
) -> BootstrapScores:
    """Means of AUPRC and AUROC over classifiers, with 95 % percentile intervals over replicates.

    Args:
        units: labels and probabilities of each classifier, (n,) each, of both classes; the n may differ.
        replicates: of the bootstrap.
        seed: of its draws.

    Raises:
        ValueError: no classifier, or one with one class alone.
    """
    if not units or any(len(set(np.asarray(labels).tolist())) < 2 for labels, _ in units):
        raise ValueError("each classifier has labels of both classes, and there is at least one")
    rng, redrawn = np.random.default_rng(seed), 0
    found, whole = np.empty((2, len(units), replicates)), np.empty((2, len(units)))
    for number, (labels, probabilities) in enumerate(units):
        whole[:, number] = [each[0] for each in ranking_scores(labels, probabilities)]
        step = max(1, _BLOCK // len(labels))
        for first in range(0, replicates, step):
            n = min(step, replicates - first)
            counts, again = _drawn(rng, np.asarray(labels), n)
            redrawn += again
            found[:, number, first : first + n] = ranking_scores(labels, probabilities, counts)
    chosen = rng.integers(0, len(units), (replicates, len(units)))
    means = found[:, chosen, np.arange(replicates)[:, None]].mean(axis=2)
    low, high = np.percentile(means, (2.5, 97.5), axis=1)
    auroc, auprc = (Interval(float(whole[each].mean()), float(low[each]), float(high[each])) for each in (0, 1))
    return BootstrapScores(auprc, auroc, len(units), replicates, redrawn)


def _drawn(rng: np.random.Generator, labels: np.ndarray, n: int) -> tuple[np.ndarray, int]:
    """(n, people) how often each is drawn, and how many draws had one class and were drawn again."""
    people, redrawn = len(labels), 0
    counts, waiting = np.empty((n, people), dtype=np.int32), np.arange(n)
    while len(waiting):
        drawn = rng.integers(0, people, (len(waiting), people))
        flat = (np.arange(len(waiting))[:, None] * people + drawn).ravel()
        counts[waiting] = np.bincount(flat, minlength=len(waiting) * people).reshape(len(waiting), people)
        cases = counts[waiting] @ (labels == 1)
        waiting = waiting[(cases == 0) | (cases == people)]
        redrawn += len(waiting)
    return counts, redrawn

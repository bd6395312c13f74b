"""Driver SNPs: the few whose effects, added up over what people carry, already follow a model's predictions.

As Sasse et al. chose them, and Variformer's paper after them: SNPs come by the size of their effect; a driver raises
the correlation that they have reached by more than a twentieth of that of all, and correlates by itself.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ..errors import InputError

Selection = Literal["cumulative", "drivers_only"]
SELECTIONS: tuple[str, ...] = get_args(Selection)
LEAST_PEOPLE = 3
_LEAST_RISE, _ALPHA = 0.05, 0.01
# Below this share of their size, differences between values are rounding.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class DriverSelection:
    """Which of n SNPs are drivers; arrays in the order in which the SNPs were given.

    Attributes:
        order: (n,) the SNPs by the size of their effect, the largest first.
        r_alone: (n,) correlation of the SNP's effect x dosage alone with the predictions; NaN where one is constant.
        p: (n,) one-sided p of it, that it is above 0.
        share: (n,) correlation that is reached with the SNP, relative to ``r_all``.
        is_driver: (n,) bool.
        r_all: correlation of the sum over all SNPs with the predictions; NaN where the sum is constant.
    """

    order: np.ndarray
    r_alone: np.ndarray
    p: np.ndarray
    share: np.ndarray
    is_driver: np.ndarray
    r_all: float


def select_drivers(
    effects: np.ndarray, dosages: np.ndarray, predicted: np.ndarray, selection: Selection = "cumulative"
) -> DriverSelection:
    """Choose the drivers of one gene's predictions across people.

    A SNP is a driver where the share of the correlation rises by more than 0.05 with it, from 0 before the first, and
    where alone it has r > 0 and a one-sided p < 0.01 / n. Of equal effects the first given comes first. Where the sum
    over all SNPs does not correlate (``r_all`` is not above 0) there is no share, and no driver.

    Args:
        effects: (n,) of an ALT on both haplotypes.
        dosages: (P, n) copies of ALT that people carry.
        predicted: (P,) the model's predictions of these people.
        selection: what the rise is of: ``cumulative``, the sum over all SNPs so far, or ``drivers_only``, that over the
            drivers so far and the SNP.

    Raises:
        InputError: fewer than 3 people, predictions that are the same for all, or an unknown selection.
    """
    if selection not in SELECTIONS:
        raise InputError(f"there is no selection {selection!r}", remedy=f"Choose one of {', '.join(SELECTIONS)}.")
    check_people(len(predicted))
    if is_constant(predicted):
        raise InputError("the predictions are the same for all people", remedy="Ask for a gene in which people differ.")
    effects = np.asarray(effects, dtype=float)
    n = len(effects)
    order = np.argsort(-np.abs(effects), kind="stable")
    r_alone, share, is_driver = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=bool)
    for snp in range(n):
        r_alone[snp] = correlation(effects[snp] * dosages[:, snp].astype(float), predicted)
    p = one_sided_p(r_alone, len(predicted))
    r_all = correlation(weighted_sum(effects, dosages), predicted)
    if not r_all > 0:
        return DriverSelection(order, r_alone, p, share, is_driver, r_all)
    total, reached = np.zeros(len(predicted)), 0.0
    for snp in order.tolist():
        with_it = total + effects[snp] * dosages[:, snp]
        share[snp] = np.nan_to_num(correlation(with_it, predicted)) / r_all
        rises = share[snp] - reached > _LEAST_RISE
        is_driver[snp] = rises and r_alone[snp] > 0 and p[snp] < _ALPHA / n
        if selection == "cumulative" or is_driver[snp]:
            total, reached = with_it, share[snp]
    return DriverSelection(order, r_alone, p, share, is_driver, r_all)


def check_people(count: int) -> None:
    """Refuse fewer people than a correlation's p needs.

    Raises:
        InputError: it says how many there are.
    """
    if count < LEAST_PEOPLE:
        raise InputError(
            f"drivers are found across people, and of {count} there are predictions",
            remedy=f"Give {LEAST_PEOPLE} people or more.",
        )


def weighted_sum(effects: np.ndarray, dosages: np.ndarray) -> np.ndarray:
    """(P,) what people's copies of ALT add up to: half an effect, which is of both haplotypes, each."""
    return np.asarray(dosages @ (np.asarray(effects, dtype=float) / 2))


def is_constant(values: np.ndarray) -> bool:
    """Whether values are the same but for rounding."""
    return float(np.ptp(values)) <= _ROUNDING * max(1e-30, float(np.abs(values).max()))


def correlation(left: np.ndarray, right: np.ndarray) -> float:
    """Pearson's r; NaN where either is constant."""
    if is_constant(left) or is_constant(right):
        return float("nan")
    left, right = left - left.mean(), right - right.mean()
    return float(np.clip(left @ right / np.sqrt((left @ left) * (right @ right)), -1, 1))


def explained(predicted: np.ndarray, observed: np.ndarray) -> float:
    """R2 = 1 - squared errors / squared distances from the mean; NaN where ``observed`` is constant."""
    if is_constant(observed):
        return float("nan")
    return float(1 - np.square(observed - predicted).sum() / np.square(observed - observed.mean()).sum())


def one_sided_p(r: np.ndarray, n_people: int) -> np.ndarray:
    """p of correlations, that they are above 0, by Student's t with n - 2 degrees of freedom."""
    from scipy.stats import t

    with np.errstate(divide="ignore"):
        statistic = r * np.sqrt((n_people - 2) / np.maximum(1 - np.square(r), 0))
    return np.asarray(t.sf(statistic, n_people - 2))

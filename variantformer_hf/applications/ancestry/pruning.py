"""Variants in linkage disequilibrium, of which some are left out, as ``plink1.9 --indep-pairwise`` does."""

from dataclasses import dataclass

import numpy as np

from ...errors import check_number
from ...genome.dosages import MISSING

# Variants whose correlations with those behind them are computed at a time.
_AT_ONCE = 512
# Frequencies that differ by rounding alone are the same.
_SAME = 1 - 2.0**-44


@dataclass(frozen=True, slots=True)
class PruningOptions:
    """How variants are pruned.

    Attributes:
        window: variants that are looked at together.
        step: variants by which the window moves.
        r2: squared correlation of dosages above which one of a pair goes.
    """

    window: int = 50
    step: int = 5
    r2: float = 0.2

    def check(self) -> None:
        """Refuse what is no way to prune.

        Raises:
            InputError: a number out of its range.
        """
        check_number("--window", self.window, 2)
        check_number("--step", self.step, 1)
        check_number("--r2", self.r2, 0, 1)


def pruned(dosages: np.ndarray, options: PruningOptions = PruningOptions()) -> np.ndarray:
    """Which variants of one chromosome are kept.

    Within a window each variant, in their order, is compared with those behind it: of the first pair whose squared
    correlation is too high the first variant goes where its minor allele is rarer, else the second; then the next
    variant has its turn, until no such pair is left, and the window moves. A variant that does not vary goes at once.

    Args:
        dosages: (people, variants) int8 in the order of the chromosome, -1 = missing; of a pair those people count who
            have both.
        options: how.

    Returns:
        (variants,) bool.
    """
    n_variants = dosages.shape[1]
    present = dosages != MISSING
    copies, known = np.where(present, dosages, 0).sum(axis=0, dtype=np.int64), present.sum(axis=0)
    frequency = np.divide(copies, 2 * known, out=np.zeros(n_variants), where=known > 0)
    minor = np.minimum(frequency, 1 - frequency)
    gone = _does_not_vary(dosages, present)
    linked = _linked(dosages, present, options)
    start = 0
    while start < n_variants:
        end = min(start + options.window, n_variants)
        _prune_window(start, end, linked, minor, gone)
        if end == n_variants:
            break
        start += options.step
    return ~gone


def _does_not_vary(dosages: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(variants,) whether all people who are known have the same dosage."""
    least = np.where(present, dosages, 2).min(axis=0, initial=2)
    most = np.where(present, dosages, 0).max(axis=0, initial=0)
    return np.asarray(least >= most)


def _prune_window(start: int, end: int, linked: list[int], minor: np.ndarray, gone: np.ndarray) -> None:
    """Leave out variants of [start, end) until no two are linked; ``gone`` is written to."""
    live = sum(1 << (place - start) for place in range(start, end) if not gone[place])
    again = True
    while again:
        again = False
        for first in range(end - start - 1):
            if not live >> first & 1:
                continue
            others = (linked[start + first] << (first + 1)) & live
            if others:
                second = (others & -others).bit_length() - 1
                is_rarer = minor[start + first] < _SAME * minor[start + second]
                loser = first if is_rarer else second
                live ^= 1 << loser
                gone[start + loser] = True
                again = True


def _linked(dosages: np.ndarray, present: np.ndarray, options: PruningOptions) -> list[int]:
    """Of each variant, as bits, which of the ``window - 1`` behind it are linked with it; the next is the lowest."""
    n_variants, reach = dosages.shape[1], options.window - 1
    found = []
    for first in range(0, n_variants, _AT_ONCE):
        last = min(first + _AT_ONCE, n_variants)
        end = min(last + reach, n_variants)
        is_linked = _pairs(dosages[:, first:end], present[:, first:end], last - first, options.r2)
        for row in range(last - first):
            bits = is_linked[row, row + 1 : row + 1 + reach]
            found.append(int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little"))
    return found


def _pairs(dosages: np.ndarray, present: np.ndarray, n_first: int, r2: float) -> np.ndarray:
    """(n_first, variants) whether each of the first variants is correlated with each by more than ``r2``.

    Sums of dosages are whole numbers below 2**24, exact in float32.
    """
    values = np.where(present, dosages, 0).astype(np.float32)
    products = (values[:, :n_first].T @ values).astype(np.float64)
    if present.all():
        n: np.ndarray | float = float(len(dosages))
        sums, squares = values.sum(axis=0, dtype=np.float64), np.square(values).sum(axis=0, dtype=np.float64)
        of_first, of_second = sums[:n_first, None], sums
        squares_of_first, squares_of_second = squares[:n_first, None], squares
    else:
        known = present.astype(np.float32)
        squared = np.square(values)
        n = (known[:, :n_first].T @ known).astype(np.float64)
        of_first, of_second = values[:, :n_first].T @ known, known[:, :n_first].T @ values
        squares_of_first, squares_of_second = squared[:, :n_first].T @ known, known[:, :n_first].T @ squared
    covariance = n * products - of_first * of_second
    spread = (n * squares_of_first - of_first**2) * (n * squares_of_second - of_second**2)
    return np.asarray((spread > 0) & (covariance**2 > r2 * spread))

"""Mosaics of a panel's haplotypes, and fours of them whose contrast is of pairs alone.

A mosaic is a person each of whose two haplotypes is put together of blocks, each copied from a haplotype of the panel
that is drawn for it alone. So the 2 x B blocks of a person are independent, and a function of a person is a constant,
a part of each block, a part of each pair of blocks, and so on, all uncorrelated (Hoeffding's decomposition). A sum over
dosages is made of the parts of single blocks only.
"""

from dataclasses import dataclass

import numpy as np

_LEAST_BLOCKS = 10


def block_of_records(position: np.ndarray, size: int) -> np.ndarray:
    """(R,) int64, number of the block in which each record lies: blocks of so many bases, and ten at the least.

    Where blocks of that size are fewer than ten, records are dealt out evenly, neighbours together.

    Args:
        position: (R,) ascending.
        size: bases.
    """
    if not len(position):
        return np.zeros(0, dtype=np.int64)
    blocks = np.unique((position - position[0]) // size, return_inverse=True)[1]
    if blocks[-1] + 1 >= _LEAST_BLOCKS:
        return np.asarray(blocks, dtype=np.int64)
    return np.arange(len(position)) * min(_LEAST_BLOCKS, len(position)) // len(position)


def draw_mosaics(rng: np.random.Generator, people: int, haplotypes: int, blocks: int) -> np.ndarray:
    """(people, 2, blocks) int64, from which haplotype each block is copied."""
    return rng.integers(haplotypes, size=(people, 2, blocks))


def draw_fours(rng: np.random.Generator, fours: int, haplotypes: int, blocks: int) -> np.ndarray:
    """Fours of mosaics, (4 x fours, 2, blocks): two independent ones, and the two that have some blocks exchanged.

    Each block is exchanged or not with equal chance, so that the latter two are independent mosaics too.
    """
    one, other = draw_mosaics(rng, 2 * fours, haplotypes, blocks).reshape(2, fours, 2, blocks)
    is_kept = rng.integers(2, size=one.shape).astype(bool)
    crossed = np.where(is_kept, one, other), np.where(is_kept, other, one)
    return np.stack([one, other, *crossed], axis=1).reshape(4 * fours, 2, blocks)


def alleles_of(calls: np.ndarray, source: np.ndarray, block: np.ndarray) -> np.ndarray:
    """(n, 2, R) int8, alleles of mosaics; a missing one is REF, as a model reads it.

    Args:
        calls: (H, R) int8 alleles of the panel's haplotypes.
        source: (n, 2, blocks), see :func:`draw_mosaics`.
        block: (R,) see :func:`block_of_records`.
    """
    found = np.empty((*source.shape[:2], calls.shape[1]), dtype=np.int8)
    records = np.arange(calls.shape[1])
    for person, of_person in zip(found, source, strict=True):
        person[:] = calls[of_person[:, block], records]
    return np.maximum(found, 0)


@dataclass(frozen=True, slots=True)
class PairsShare:
    """Share of a function's variance over mosaics that no sum over blocks can have.

    Attributes:
        share: of two blocks together exactly; of three it counts 1.5 times, of many twice at the most.
        standard_error: of it, by the delta method over fours.
    """

    share: float
    standard_error: float


def pairs_share(values: np.ndarray) -> PairsShare:
    """Share of variance from pairs of blocks, by the contrast of fours; NaN of fewer than three, or without variance.

    f(one) + f(other) - f(crossed) - f(crossed back) loses all parts of single blocks. A pair of blocks stays in it
    where one of the two is exchanged, of half of the pairs, with four times its variance, so that half of the mean
    square is the variance of pairs, without a fit and its errors.

    Args:
        values: (4 x fours,) in the order of :func:`draw_fours`.
    """
    one, other, crossed, back = values.reshape(-1, 4).astype(float).T
    of_pairs = np.square(one + other - crossed - back) / 2
    total = (np.square(one - other) + np.square(crossed - back)) / 4
    if len(one) < 3 or not total.mean() > 0:
        return PairsShare(np.nan, np.nan)
    share = of_pairs.mean() / total.mean()
    spread = np.square(of_pairs - share * total).sum() / (len(one) - 1)
    return PairsShare(float(share), float(np.sqrt(spread / len(one)) / total.mean()))

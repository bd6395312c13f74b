"""Who of a population has a mutation: founders with genealogies, and people whose haplotypes are mosaics of them."""

import numpy as np

FOUNDERS = 48
# Bases between changes from one founder to another.
_SWITCH = 40_000


class Genealogy:
    """A coalescent tree of founders: who inherits a mutation on one of its branches."""

    def __init__(self, rng: np.random.Generator, founders: int) -> None:
        lineages = list(range(founders))
        clades = [1 << founder for founder in range(founders)]
        born = [0.0] * founders
        lengths: list[float] = [0.0] * founders
        time = 0.0
        while len(lineages) > 1:
            n = len(lineages)
            time += rng.exponential(2 / (n * (n - 1)))
            pair = [lineages.pop(int(rng.integers(len(lineages)))) for _ in range(2)]
            for child in pair:
                lengths[child] = time - born[child]
            lineages.append(len(clades))
            clades.append(clades[pair[0]] | clades[pair[1]])
            born.append(time)
            lengths.append(0.0)
        bits = [[clade >> founder & 1 for founder in range(founders)] for clade in clades[:-1]]
        self._clades = np.array(bits, dtype=bool)  # (branches, founders)
        self._lengths = np.array(lengths[:-1])

    def mutation(self, rng: np.random.Generator, common: bool) -> np.ndarray:
        """(founders,) who carries the ALT. Long branches get more; most lead to few founders, but ``common`` ones."""
        weights = self._lengths
        if common:
            sizes = self._clades.sum(axis=1)
            # Descending into the greater clade, sizes never jump over this range.
            weights = weights * ((sizes >= FOUNDERS // 6) & (sizes <= FOUNDERS // 2))
        return self._clades[rng.choice(len(weights), p=weights / weights.sum())]


class Mosaic:
    """Which founder each haplotype is a copy of, along a contig."""

    def __init__(self, rng: np.random.Generator, length: int, donors: int) -> None:
        n = 1 + length // (_SWITCH // 4)
        self._bounds = np.sort(rng.integers(0, max(1, length), n))
        # At each bound a quarter of the haplotypes change: about one change in _SWITCH bases.
        self._founders = np.empty((n + 1, donors, 2), dtype=np.int64)
        self._founders[0] = rng.integers(0, FOUNDERS, (donors, 2))
        for step in range(n):
            change = rng.random((donors, 2)) < 0.25
            self._founders[step + 1] = np.where(change, rng.integers(0, FOUNDERS, (donors, 2)), self._founders[step])

    def carriers(self, place: int, founders: np.ndarray) -> np.ndarray:
        """(donors, 2) whether each haplotype carries what these founders do."""
        return founders[self._founders[int(np.searchsorted(self._bounds, place, side="right"))]]

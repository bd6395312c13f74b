"""What a run will do, in which order, and which share of it a process has."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..genome.interval import Interval

# Genes whose surroundings are so near each other are read as one stretch.
_GAP = 100_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Genes that are near each other, and what is read for all of them.

    Attributes:
        interval: the stretch.
        genes: their indices in the run, along the genome.
    """

    interval: Interval
    genes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """What one process of several has to do: a part of the run's (gene, person) pairs, genes along the genome.

    Attributes:
        rank, of: which process, of how many.
        first, last: its pairs are those from ``first`` to before ``last``.
    """

    rank: int
    of: int
    first: int
    last: int

    def __contains__(self, pair: int) -> bool:
        return self.first <= pair < self.last


def stretches_of(reaches: Sequence[Interval]) -> list[Stretch]:
    """Group genes whose reaches overlap, or nearly do, along the genome; genes within a stretch too."""
    order = sorted(range(len(reaches)), key=reaches.__getitem__)
    found: list[Stretch] = []
    for index in order:
        reach = reaches[index]
        last = found[-1] if found else None
        if last is not None and last.interval.chrom == reach.chrom and reach.start <= last.interval.end + _GAP:
            interval = Interval(reach.chrom, last.interval.start, max(last.interval.end, reach.end))
            found[-1] = Stretch(interval, (*last.genes, index))
        else:
            found.append(Stretch(reach, (index,)))
    return found


def shares_of(costs: np.ndarray, n_people: int, n_processes: int) -> list[Share]:
    """Split a run among processes so that each has about the same cost, and neighbouring genes stay together.

    Args:
        costs: (genes,) of each gene, along the genome.
        n_people: people of the run; pair ``gene * n_people + person`` is one person's gene.
        n_processes: how many processes there are.
    """
    total = np.cumsum(np.repeat(costs, n_people))
    whole = total[-1] if len(total) else 0.0
    bounds = np.searchsorted(total, whole * np.arange(1, n_processes) / n_processes, side="right")
    edges = [0, *(int(bound) for bound in bounds), len(total)]
    return [Share(rank, n_processes, edges[rank], edges[rank + 1]) for rank in range(n_processes)]

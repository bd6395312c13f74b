"""What a run will do, in which order, and how it is cut into units: some people's genes of a stretch each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ..genome.interval import Interval
from ..work.units import Unit, unit_of

# Genes whose surroundings are so near each other are read as one stretch.
_GAP = 100_000
# Behind the end of every contig, and before the start.
_NOWHERE = 2**40
# A unit is as many genes of as few people, up to here; then more people.
_MOST_GENES = 256


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
class Piece:
    """Genes that a unit reads at once.

    Attributes:
        interval: what is read.
        alone: (start, end) of what no other unit reads for the same person: records within are counted here.
        genes: indices in the run, along the genome.
    """

    interval: Interval
    alone: tuple[int, int]
    genes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PeopleGenes:
    """What a unit is: some people's genes.

    Attributes:
        people: the first one's number in the run, and the number behind the last one.
        pieces: the genes.
        block: number of the batch of people, and of the genes' stretch.
    """

    people: tuple[int, int]
    pieces: tuple[Piece, ...]
    block: tuple[int, int]

    @property
    def genes(self) -> list[int]:
        """Indices in the run, along the genome."""
        return [gene for piece in self.pieces for gene in piece.genes]

    @property
    def n_pairs(self) -> int:
        """How many (person, gene) pairs it has."""
        return (self.people[1] - self.people[0]) * len(self.genes)


@dataclass(frozen=True, slots=True)
class Cut:
    """How large the units of a run are; it is written into the run's folder, and whoever goes on keeps to it.

    Attributes:
        people, genes: of a unit, at most.
        by_contig: a unit's genes are of one contig, and units of a contig cost about the same; else all units have as
            many genes, whatever they cost, as chunks of an array.
    """

    people: int
    genes: int
    by_contig: bool = True

    @classmethod
    def of_size(cls, n_pairs: int, n_people: int, *, people_at_once: int, by_contig: bool = True) -> "Cut":
        """Units of about so many (person, gene) pairs.

        Args:
            n_pairs: how many; at least one.
            n_people: people of the run.
            people_at_once: people who are read together anyway.
            by_contig: see :class:`Cut`.
        """
        people = min(n_people, max(min(people_at_once, n_pairs), n_pairs // _MOST_GENES))
        return cls(people, max(1, n_pairs // people), by_contig)


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


def units_of(reaches: Sequence[Interval], costs: Sequence[float], n_people: int, cut: Cut) -> list[Unit]:
    """Cut a run into units, along the genome and there by people, so that what people share is at hand.

    Args:
        reaches: of each gene.
        costs: of each gene.
        n_people: people of the run.
        cut: how large.

    Returns:
        Units whose content is a :class:`PeopleGenes`; each pair of a person and a gene is in one of them.
    """
    units = []
    for number, pieces in enumerate(_groups(stretches_of(reaches), costs, reaches, cut)):
        cost = sum(costs[gene] for piece in pieces for gene in piece.genes)
        for batch, first in enumerate(range(0, n_people, cut.people)):
            people = first, min(first + cut.people, n_people)
            content = PeopleGenes(people, pieces, (batch, number))
            units.append(unit_of(_kind(content), content, _described(content), cost=cost * (people[1] - people[0])))
    return units


def shares_of(units: Sequence[Unit], n_processes: int) -> list[Sequence[Unit]]:
    """Split units among processes so that each has about the same cost, and neighbours stay together."""
    total = np.cumsum([unit.cost for unit in units])
    whole = total[-1] if len(total) else 0.0
    bounds = np.searchsorted(total, whole * np.arange(1, n_processes) / n_processes, side="right")
    edges = [0, *(int(bound) for bound in bounds), len(units)]
    return [units[edges[rank] : edges[rank + 1]] for rank in range(n_processes)]


def _groups(
    stretches: Sequence[Stretch], costs: Sequence[float], reaches: Sequence[Interval], cut: Cut
) -> Iterator[tuple[Piece, ...]]:
    """The genes of each unit, along the genome, and what is read for them."""
    along = [(gene, number) for number, stretch in enumerate(stretches) for gene in stretch.genes]
    bounds = _by_cost(along, costs, reaches, cut.genes) if cut.by_contig else range(0, len(along), cut.genes)
    starts = set(bounds)
    groups: list[list[tuple[int, list[int]]]] = []  # of each: number of the stretch, genes
    for place, (gene, number) in enumerate(along):
        if place in starts:
            groups.append([])
        if not groups[-1] or groups[-1][-1][0] != number:
            groups[-1].append((number, []))
        groups[-1][-1][1].append(gene)
    flat = [entry for group in groups for entry in group]
    intervals = _read_by(flat, stretches, reaches)
    alone = _alone(intervals)
    pieces = iter(
        Piece(interval, own, tuple(genes)) for (_, genes), interval, own in zip(flat, intervals, alone, strict=True)
    )
    for group in groups:
        yield tuple(next(pieces) for _ in group)


def _by_cost(
    along: Sequence[tuple[int, int]], costs: Sequence[float], reaches: Sequence[Interval], most: int
) -> list[int]:
    """Places along the genome where a unit begins: at every contig, there at equal costs, and behind ``most`` genes."""
    found: list[int] = []
    place = 0
    while place < len(along):
        chrom = reaches[along[place][0]].chrom
        end = place
        while end < len(along) and reaches[along[end][0]].chrom == chrom:
            end += 1
        n_units = -(-(end - place) // most)
        total = np.cumsum([costs[gene] for gene, _ in along[place:end]])
        wanted = total[-1] * np.arange(1, n_units) / n_units
        bounds = [place, *(place + np.searchsorted(total, wanted, side="right")).tolist(), end]
        for begin, stop in pairwise(bounds):  # of genes that cost little there may be too many
            found += range(begin, stop, most)
        place = end
    return found


def _read_by(
    entries: Sequence[tuple[int, Sequence[int]]], stretches: Sequence[Stretch], reaches: Sequence[Interval]
) -> list[Interval]:
    """What is read for the genes of each entry; those of a stretch leave nothing of it out."""
    found = []
    for place, (number, genes) in enumerate(entries):
        start = min(reaches[gene].start for gene in genes)
        end = max(reaches[gene].end for gene in genes)
        following = entries[place + 1] if place + 1 < len(entries) else None
        if following is not None and following[0] == number:
            end = max(end, min(reaches[gene].start for gene in following[1]))
        found.append(Interval(stretches[number].interval.chrom, start, end))
    return found


def _alone(intervals: Sequence[Interval]) -> list[tuple[int, int]]:
    """What of each interval none of the others reads; they are sorted by contig and start."""
    found = []
    furthest, chrom = -_NOWHERE, ""
    for place, interval in enumerate(intervals):
        if interval.chrom != chrom:
            furthest, chrom = -_NOWHERE, interval.chrom
        following = intervals[place + 1] if place + 1 < len(intervals) else None
        behind = following.start if following is not None and following.chrom == chrom else _NOWHERE
        found.append((furthest, max(furthest, behind)))
        furthest = max(furthest, interval.end)
    return found


def _kind(content: PeopleGenes) -> str:
    """The beginning of a unit's name, for people."""
    chrom = re.sub(r"[^A-Za-z0-9_]", "-", content.pieces[0].interval.chrom)
    return f"{chrom}-people-{content.people[0]}-{content.people[1]}-stretch-{content.block[1]}"


def _described(content: PeopleGenes) -> dict[str, Any]:
    return {"people": content.people, "genes": content.genes}

"""One person's gene as EPInformer reads it: promoter and elements, as many bases of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch
from ..gene_input import GeneInput
from ..gene_reader import GeneReader
from ..gene_regions import GeneRegions, covered
from ..statuses import GENE_DELETED, WINDOW_OFF_CONTIG, record_use
from ..window.person_window import PersonWindow, WindowPlace, read_each
from .element_table import ElementTable

# (L,) uint8 ASCII codes of the promoter, then of each element; None = it is not there.
Reading = tuple[np.ndarray | None, ...]


@dataclass(frozen=True, slots=True)
class ElementInput(GeneInput):
    """A gene as its promoter and elements.

    Attributes:
        readings: one, or two haplotypes whose numbers are averaged; none where the gene is missing.
    """

    readings: tuple[Reading, ...]

    def letters(self) -> list[np.ndarray]:
        """All promoters and elements that are there."""
        return [each for reading in self.readings for each in reading if each is not None]


def places_of(regions: GeneRegions, length: int) -> list[WindowPlace]:
    """Where the promoter is read, in so many bases, and each element."""
    promoter = WindowPlace.around(regions.window.chrom, regions.gene.tss, length)
    return [promoter, *map(WindowPlace.of_interval, regions.cres)]


class ElementReader(GeneReader):
    """Reads one person's genes in a stretch as promoters and elements.

    The middle of each keeps its place, so that an insertion or deletion moves what lies beyond it within that element
    alone; see ``person_window``. An element of which a haplotype has lost every base is empty there.

    Args:
        person: the person.
        stretch: the person's records there.
        elements: of the genes.
        length: bases of a promoter and of an element.
    """

    def __init__(self, person: PersonalGenome, stretch: PersonalStretch, elements: ElementTable, length: int) -> None:
        super().__init__(person, stretch)
        self._elements, self._length = elements, length

    def gene(self, regions: GeneRegions) -> ElementInput:
        """A gene as the model reads it, see :class:`GeneReader`."""
        chrom = regions.window.chrom
        keys, outcomes = self.person.outcomes(self.stretch, *covered([regions]))
        use = record_use(self.person, chrom, outcomes)
        promoter, *elements = places_of(regions, self._length)
        promoters = read_each(self.person, promoter, self.stretch)
        if promoters is None:
            return ElementInput(regions, use, keys, outcomes, WINDOW_OFF_CONTIG, ())
        if not all(_is_there(each, regions.window.start, regions.window.end) for each in promoters):
            return ElementInput(regions, use, keys, outcomes, GENE_DELETED, ())
        columns: list[Sequence[np.ndarray | None]] = [[each.letters for each in promoters]]
        columns += [self._element(regions, *each, len(promoters)) for each in enumerate(elements)]
        readings = tuple(zip(*columns, strict=True))
        if all(_same(each, readings[0]) for each in readings[1:]):
            readings = readings[:1]
        return ElementInput(regions, use, keys, outcomes, "", readings)

    def _element(
        self, regions: GeneRegions, number: int, place: WindowPlace, n_readings: int
    ) -> list[np.ndarray | None]:
        """An element as each reading has it."""
        found = read_each(self.person, place, self.stretch)
        if found is None:  # deletions near the end of a contig leave too few bases
            return [None] * n_readings
        (_, start, end), row = place.interval, int(regions.cre_rows[number])
        own = max(start, int(self._elements.start[row])), min(end, int(self._elements.end[row]))
        return [each.letters if _is_there(each, *own) else None for each in found]


def _is_there(window: PersonWindow, start: int, end: int) -> bool:
    """Whether any base of a stretch of the reference, or what took its place, is left."""
    first, last = window.places_of([start, end])
    return bool(last > first)


def _same(first: Reading, second: Reading) -> bool:
    return all(
        one is other or (one is not None and other is not None and np.array_equal(one, other))
        for one, other in zip(first, second, strict=True)
    )

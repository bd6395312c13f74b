"""From a base of the reference to what the model reads of it: sequence, token, element or window row."""

from dataclasses import dataclass

import numpy as np

from ...genome.coordinate_map import CoordinateMap
from ...genome.interval import reverse_complement
from ...genome.personal import PersonalGenome
from ...modeling import VariantFormerProcessor
from ..gene_regions import GeneRegions


@dataclass(frozen=True, slots=True)
class GenePlace:
    """Where one base of the reference is read for a gene.

    Attributes:
        kind: ``cre`` or ``gene``.
        element: index among the gene's cCREs; None in its window.
        position: 0-based place in the person's sequence of the region, in the gene's orientation; None = deleted.
        token: index of the token that holds it; None = deleted, or removed by the tokenizer (N).
        window_row: row of the window, 0-based; None in a cCRE and without a token.
        seen: whether the model reads the token: it is within an element's row, or within the window's last one.
    """

    kind: str
    element: int | None
    position: int | None
    token: int | None
    window_row: int | None
    seen: bool


class GenePlaces:
    """Looks up bases of the reference in one person's gene, through the person's indels.

    Args:
        person: the person.
        regions: of the gene.
        processor: the model's.
    """

    def __init__(self, person: PersonalGenome, regions: GeneRegions, processor: VariantFormerProcessor) -> None:
        self._person, self._regions, self._processor = person, regions, processor
        self._reverse = regions.gene.strand == "-"
        self._tokens: dict[tuple[int, int], np.ndarray] = {}

    def locate(self, position: int) -> list[GenePlace]:
        """All places of a base (0-based, on the gene's contig): in cCREs by their order, then in the window.

        Raises:
            InputError: as for ``PersonalGenome.sequences``.
        """
        regions = self._regions
        inside = np.flatnonzero((regions.starts <= position) & (regions.ends > position)).tolist()
        places = [self._place(position, int(regions.starts[i]), int(regions.ends[i]), i) for i in inside]
        if regions.window.start <= position < regions.window.end:
            places.append(self._place(position, regions.window.start, regions.window.end, None))
        return places

    def _place(self, position: int, start: int, end: int, element: int | None) -> GenePlace:
        chrom, length = self._regions.window.chrom, self._processor.token_length
        found = CoordinateMap.of(self._person, chrom, start, end, reverse=self._reverse).to_personal(position)
        tokens = self._token_of_base(start, end)
        token = None if found is None or tokens[found] < 0 else int(tokens[found])
        kind = "gene" if element is None else "cre"
        row = None if token is None or element is not None else token // length
        most = length * (self._processor.max_gene_windows if element is None else 1)
        return GenePlace(kind, element, found, token, row, token is not None and token < most)

    def _token_of_base(self, start: int, end: int) -> np.ndarray:
        """Index of the token of each base of a region's personal sequence; -1 where the tokenizer removes it."""
        if (start, end) not in self._tokens:
            sequence = self._person.sequence(self._regions.window.chrom, start, end)
            if self._reverse:
                sequence = reverse_complement(sequence)
            self._tokens[start, end] = self._processor.tokenizer.character_to_token(sequence).token_of_character
        return self._tokens[start, end]

"""One person's gene held in memory, for many edits of it."""

from dataclasses import replace

import numpy as np

from ...genome.edited import EditedGenome
from ...genome.intervals import union
from ...genome.personal import PersonalGenome
from ...tokenization import DnaTokenizer
from ..gene_regions import GeneRegions, covered
from .gene_tokens import GeneTokens
from .personal_tokens import PersonalTokens
from .reference_tokens import ReferenceTokens
from .token_states import TokenState


class PersonalGene:
    """A person's tokens of one gene, and those of edited genomes as far as they differ.

    Args:
        person: the person.
        regions: of the gene.
        reference_tokens: tokens of the reference, by row of the cCRE table, for these regions.
        tokenizer: the model's.

    Attributes:
        person: the person, with the records of the gene's regions in memory; what edited genomes are to be made of.
        regions: of the gene.
        base: the person's tokens.
    """

    def __init__(
        self, person: PersonalGenome, regions: GeneRegions, reference_tokens: ReferenceTokens, tokenizer: DnaTokenizer
    ) -> None:
        self.regions, self._reference_tokens, self._tokenizer = regions, reference_tokens, tokenizer
        starts, ends = covered([regions])
        self._chrom = regions.window.chrom
        low, high = int(starts.min()), int(ends.max())
        self.person = person.holding(self._chrom, low, high)
        self._stretch = self.person.stretch(self._chrom, low, high, within=union(starts, ends))
        self.base: GeneTokens = PersonalTokens(self.person, self._stretch, [regions], reference_tokens, tokenizer).gene(
            regions
        )

    def element(self, index: int) -> np.ndarray | None:
        """Tokens of one of the gene's cCREs; None where the person lacks it."""
        row = int(np.searchsorted(self.base.indices, index))
        there = row < len(self.base.indices) and self.base.indices[row] == index
        return self.base.elements[row] if there else None

    def conflict(self, edited: EditedGenome) -> str | None:
        """A record that is not applied beside an edit in one of the gene's regions, or leaves it out; None = none."""
        return edited.conflict_in(self._chrom, *covered([self.regions]))

    def state(self, edited: EditedGenome) -> TokenState:
        """What differs in an edited genome of this person.

        Raises:
            ReferenceMismatchError: as for ``PersonalGenome.edits``.
        """
        spans = [self._stretch.touched(low, high) for low, high in edited.edited_spans(self._chrom)]
        regions, window = self.regions, self.regions.window
        touches = np.zeros(len(regions.starts), dtype=bool)
        in_window = False
        for low, high in spans:
            touches |= (regions.starts < high) & (regions.ends > low)
            in_window |= window.start < high and window.end > low
        changed = np.flatnonzero(touches)
        if not len(changed) and not in_window:
            return TokenState()
        some = replace(
            regions,
            starts=regions.starts[changed],
            ends=regions.ends[changed],
            cre_class_ids=regions.cre_class_ids[changed],
            cre_rows=regions.cre_rows[changed],
        )
        tokens = self._tokens_of(edited, some, with_window=in_window)
        elements = dict(zip(changed.tolist(), tokens.elements(some), strict=True)) if len(changed) else {}
        if not in_window:
            return TokenState(elements)
        after = tokens.window(some)
        return TokenState(elements, after, has_window=after is not None)

    def _tokens_of(self, edited: EditedGenome, regions: GeneRegions, *, with_window: bool) -> PersonalTokens:
        starts, ends = covered([regions]) if with_window else (regions.starts, regions.ends)
        stretch = edited.stretch(self._chrom, int(starts.min()), int(ends.max()), within=union(starts, ends))
        return PersonalTokens(edited, stretch, [regions], self._reference_tokens, self._tokenizer)


def shifted(regions: GeneRegions, bases: int) -> GeneRegions:
    """Regions without the first bases of each sequence, in the gene's orientation: the tokens fall into another phase.

    A cCRE that is not longer than that stays as it is.
    """
    starts, ends, window = regions.starts, regions.ends, regions.window
    can = ends - starts > bases
    if regions.gene.strand == "-":
        return replace(regions, ends=np.where(can, ends - bases, ends), window=window._replace(end=window.end - bases))
    return replace(
        regions, starts=np.where(can, starts + bases, starts), window=window._replace(start=window.start + bases)
    )


def first_difference(left: np.ndarray | None, right: np.ndarray | None) -> int | None:
    """Index of the first token in which two sequences differ, one's end included; None = they are the same."""
    left = np.zeros(0, np.int32) if left is None else left
    right = np.zeros(0, np.int32) if right is None else right
    shortest = min(len(left), len(right))
    differs = np.flatnonzero(left[:shortest] != right[:shortest])
    if len(differs):
        return int(differs[0])
    return None if len(left) == len(right) else shortest

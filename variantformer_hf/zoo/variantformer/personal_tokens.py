"""One person's tokens, made from those of the reference: only what lies around an edit is encoded anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch, RegionEdits
from ...tokenization import DnaTokenizer
from ...tokenization.token_edits import Ragged, Slices
from ..gene_regions import GeneRegions
from .gene_tokens import GeneTokens, RememberedRows
from .reference_tokens import ReferenceTokens
from .region_texts import edited_tokens, oriented_edits, region_texts, removed_letters
from .token_rows import TokenRows


class PersonalTokens:
    """One person's tokens in a stretch: elements once for all genes that are near them, windows gene by gene.

    Args:
        person: the person.
        stretch: the person's records there.
        regions: of the genes that will be asked for.
        reference: tokens of the reference.
        tokenizer: the model's.
    """

    def __init__(
        self,
        person: PersonalGenome,
        stretch: PersonalStretch,
        regions: Sequence[GeneRegions],
        reference: ReferenceTokens,
        tokenizer: DnaTokenizer,
    ) -> None:
        self._person, self._stretch, self._regions = person, stretch, regions
        self._reference, self._tokenizer = reference, tokenizer
        self._elements: dict[bool, _Elements] = {}

    def gene(self, regions: GeneRegions) -> GeneTokens:
        """Tokens of a gene, equal to those of its sequences.

        Raises:
            ReferenceMismatchError: as for ``PersonalGenome.edits``.
        """
        elements, kept, place = self._elements_of(regions)
        keys, outcomes = self._person.outcomes(
            self._stretch, np.append(regions.starts, regions.window.start), np.append(regions.ends, regions.window.end)
        )
        return GeneTokens(
            elements=elements.tokens.take(place),
            indices=kept,
            cre_rows=regions.cre_rows[kept],
            differs=elements.differs[place],
            class_ids=regions.cre_class_ids[kept].astype(np.int64),
            window=self.window(regions),
            keys=keys,
            outcomes=outcomes,
            remembered=replace(elements.remembered, place=place),
        )

    def elements(self, regions: GeneRegions) -> list[np.ndarray | None]:
        """Tokens of a gene's cCREs, in their order; None for one that the person lacks.

        Raises:
            ReferenceMismatchError: as for ``PersonalGenome.edits``.
        """
        elements, kept, place = self._elements_of(regions)
        tokens: list[np.ndarray | None] = [None] * len(regions.cre_rows)
        for index, row in zip(kept.tolist(), place.tolist(), strict=True):
            tokens[index] = elements.tokens[row]
        return tokens

    def _elements_of(self, regions: GeneRegions) -> tuple["_Elements", np.ndarray, np.ndarray]:
        """A strand's elements, which cCREs of the gene are there, and their rows in it."""
        reverse = regions.gene.strand == "-"
        if reverse not in self._elements:
            self._elements[reverse] = self._edited_elements(reverse=reverse)
        elements = self._elements[reverse]
        place = np.searchsorted(elements.cre_rows, regions.cre_rows)
        kept = np.flatnonzero(elements.lengths[place] > 0)
        return elements, kept, place[kept]

    def _edited_elements(self, *, reverse: bool) -> "_Elements":
        """All elements of the genes on a strand."""
        genes = [each for each in self._regions if (each.gene.strand == "-") == reverse]
        rows, first = np.unique(np.concatenate([each.cre_rows for each in genes]), return_index=True)
        starts = np.concatenate([each.starts for each in genes])[first]
        ends = np.concatenate([each.ends for each in genes])[first]
        edits = self._person.edits(self._stretch, starts, ends)
        before, editable = self._reference.elements(rows, self._stretch, starts, ends, reverse=reverse)
        changed = np.flatnonzero(np.diff(edits.offsets) > 0)
        differs = np.zeros(len(rows), dtype=bool)
        differs[changed] = True
        tokens = before
        if len(changed):
            of_changed = Slices(before.sources[0], before.first[changed], before.last[changed])
            after = self._edited(edits, changed, of_changed, editable[changed], reverse=reverse)
            source, begin, end = before.source.copy(), before.first.copy(), before.last.copy()
            source[changed], begin[changed], end[changed] = 1, after.first[:-1], after.first[1:]
            tokens = TokenRows((before.sources[0], after.values), source, begin, end)
        return _Elements(rows, tokens, differs, edits.lengths, RememberedRows.of_none(len(rows)))

    def window(self, regions: GeneRegions) -> np.ndarray | None:
        """Tokens of a gene's window; None where all of it is deleted.

        Raises:
            ReferenceMismatchError: as for ``PersonalGenome.edits``.
        """
        window, reverse = regions.window, regions.gene.strand == "-"
        tokens, editable = self._reference.window(
            window.chrom, window.start, window.end, self._stretch, reverse=reverse
        )
        edits = self._person.edits(self._stretch, np.array([window.start]), np.array([window.end]))
        if not edits.lengths[0]:
            return None
        if not len(edits.span_start):
            return tokens
        before = Slices(tokens, np.array([0]), np.array([len(tokens)]))
        return self._edited(edits, np.array([0]), before, np.array([editable]), reverse=reverse).values

    def _edited(
        self, edits: RegionEdits, rows: np.ndarray, tokens: Slices, editable: np.ndarray, *, reverse: bool
    ) -> Ragged:
        """Tokens of some regions after their edits; ``tokens`` are those of the reference there."""
        texts = region_texts(self._stretch, edits.starts[rows], edits.ends[rows], reverse=reverse)
        text_edits = oriented_edits(edits, rows, texts, reverse=reverse)
        whole = ~editable | removed_letters(text_edits, self._tokenizer)
        return edited_tokens(texts, tokens, text_edits, whole, self._tokenizer)


@dataclass(frozen=True, slots=True)
class _Elements:
    """A person's elements on one strand, by row of the cCRE table, and what the pool of vectors knows of them."""

    cre_rows: np.ndarray
    tokens: TokenRows
    differs: np.ndarray
    lengths: np.ndarray
    remembered: RememberedRows

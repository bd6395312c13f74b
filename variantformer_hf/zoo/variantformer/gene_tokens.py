"""Tokens of one person's gene, made from those of the reference: what the models read, without the strings between."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...genome.interval import reverse_complement
from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch, RegionEdits
from ...modeling import VariantFormerProcessor
from ...tokenization import DnaTokenizer
from ...tokenization.token_edits import Ragged, TextEdits, bounds, ragged
from ..gene_regions import GeneRegions

# Tokens of reference elements that are kept; beyond, all are made anew.
_MOST_TOKENS = 40_000_000
_MOST_WINDOWS = 64
_NO_TOKENS = np.zeros(0, dtype=np.int32)
_COMPLEMENT = np.arange(256, dtype=np.uint8)
for _letter in "ACGTRYSWKMBDHV":
    _COMPLEMENT[ord(_letter)] = ord(reverse_complement(_letter))
    _COMPLEMENT[ord(_letter.lower())] = ord(reverse_complement(_letter).lower())


@dataclass(frozen=True, slots=True)
class TokenRows:
    """Rows of tokens that lie where they were made, in one of two arrays; none is copied until it is asked for.

    Attributes:
        sources: the arrays, int32.
        source: (N,) which array each row is in.
        first, last: (N,) int64, where in it.
    """

    sources: tuple[np.ndarray, np.ndarray]
    source: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, row: int) -> np.ndarray:
        return self.sources[self.source[row]][self.first[row] : self.last[row]]

    def take(self, rows: np.ndarray) -> "TokenRows":
        """Some of the rows."""
        return TokenRows(self.sources, self.source[rows], self.first[rows], self.last[rows])

    def ragged(self) -> Ragged:
        """All rows, one behind the other."""
        return ragged([self[row] for row in range(len(self))], np.int32)


@dataclass(frozen=True, slots=True)
class GeneTokens:
    """One person's tokens of one gene, in the gene's orientation.

    Attributes:
        elements: N rows of tokens; an element that the person lacks has no row.
        indices: (N,) int64, which of the gene's cCREs each row is.
        cre_rows: (N,) int64, row of each in the cCRE table.
        differs: (N,) whether the element differs from the reference.
        class_ids: (N,) int64.
        window: (tokens,) int32 of the gene's window; None where the person lacks all of it.
        keys, outcomes: records in the gene's regions, and what became of each (see ``RegionEdits``).
    """

    elements: TokenRows
    indices: np.ndarray
    cre_rows: np.ndarray
    differs: np.ndarray
    class_ids: np.ndarray
    window: np.ndarray | None
    keys: np.ndarray
    outcomes: np.ndarray


class ReferenceTokens:
    """Tokens of the reference's elements and windows, made once and kept.

    Args:
        tokenizer: the model's.
        n_elements: rows of the cCRE table.
    """

    def __init__(self, tokenizer: DnaTokenizer, n_elements: int) -> None:
        self._tokenizer = tokenizer
        self._first = np.full((2, n_elements), -1, dtype=np.int64)
        self._last = np.zeros((2, n_elements), dtype=np.int64)
        # Tokens can be edited where they are the whole text, no character of which was removed.
        self._editable = np.zeros((2, n_elements), dtype=bool)
        self._values = np.zeros(1 << 16, dtype=np.int32)
        self._used = 0
        self._windows: OrderedDict[tuple[str, int, int, bool], tuple[np.ndarray, bool]] = OrderedDict()

    def elements(
        self, rows: np.ndarray, stretch: PersonalStretch, starts: np.ndarray, ends: np.ndarray, *, reverse: bool
    ) -> tuple[TokenRows, np.ndarray]:
        """Tokens of elements, and which of them can be edited.

        Args:
            rows: (N,) rows of the cCRE table.
            stretch: where their bases are.
            starts, ends: (N,) of each element with its flanks.
            reverse: on the reverse strand.
        """
        strand = int(reverse)
        missing = np.flatnonzero(self._first[strand, rows] < 0)
        if len(missing):
            if self._used > _MOST_TOKENS:
                # Rows that were given out stay in the old array.
                self._first[:], self._used, self._values = -1, 0, np.zeros(1 << 16, dtype=np.int32)
                missing = np.arange(len(rows))
            texts = _texts(stretch, starts[missing], ends[missing], reverse=reverse)
            found = _encoded(self._tokenizer, texts)
            self._keep(strand, rows[missing], found)
            length = self._tokenizer.merge_table.token_length[found.values]
            total = bounds(length)
            self._editable[strand, rows[missing]] = total[found.first[1:]] - total[found.first[:-1]] == texts.lengths
        first, last = self._first[strand, rows], self._last[strand, rows]
        kept = TokenRows((self._values, _NO_TOKENS), np.zeros(len(rows), dtype=np.int8), first, last)
        return kept, self._editable[strand, rows]

    def window(
        self, chrom: str, start: int, end: int, stretch: PersonalStretch, *, reverse: bool
    ) -> tuple[np.ndarray, bool]:
        """Tokens of a gene's window, and whether they can be edited; the last few are kept."""
        key = (chrom, start, end, reverse)
        if key not in self._windows:
            texts = _texts(stretch, np.array([start]), np.array([end]), reverse=reverse)
            tokens = _encoded(self._tokenizer, texts).values
            editable = int(self._tokenizer.merge_table.token_length[tokens].sum()) == end - start
            self._windows[key] = tokens, editable
            if len(self._windows) > _MOST_WINDOWS:
                self._windows.popitem(last=False)
        self._windows.move_to_end(key)
        return self._windows[key]

    def _keep(self, strand: int, rows: np.ndarray, found: Ragged) -> None:
        needed = self._used + len(found.values)
        if needed > len(self._values):
            self._values = np.concatenate([self._values[: self._used], np.empty(2 * needed - self._used, np.int32)])
        self._values[self._used : needed] = found.values
        self._first[strand, rows] = self._used + found.first[:-1]
        self._last[strand, rows] = self._used + found.first[1:]
        self._used = needed


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
            of_changed = gathered(before.sources[0], before.first[changed], (before.last - before.first)[changed])
            after = self._edited(edits, changed, of_changed, editable[changed], reverse=reverse)
            source, begin, end = before.source.copy(), before.first.copy(), before.last.copy()
            source[changed], begin[changed], end[changed] = 1, after.first[:-1], after.first[1:]
            tokens = TokenRows((before.sources[0], after.values), source, begin, end)
        return _Elements(rows, tokens, differs, edits.lengths)

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
        before = Ragged(tokens, np.array([0, len(tokens)]))
        return self._edited(edits, np.array([0]), before, np.array([editable]), reverse=reverse).values

    def _edited(
        self, edits: RegionEdits, rows: np.ndarray, tokens: Ragged, editable: np.ndarray, *, reverse: bool
    ) -> Ragged:
        """Tokens of some regions after their edits; ``tokens`` are those of the reference there."""
        texts = _texts(self._stretch, edits.starts[rows], edits.ends[rows], reverse=reverse)
        text_edits = _oriented(edits, rows, texts, reverse=reverse)
        whole = ~editable | _removed_letters(text_edits, self._tokenizer)
        return _edited(texts, tokens, text_edits, whole, self._tokenizer)


@dataclass(frozen=True, slots=True)
class _Elements:
    """A person's elements on one strand, by row of the cCRE table."""

    cre_rows: np.ndarray
    tokens: TokenRows
    differs: np.ndarray
    lengths: np.ndarray


def padded_rows(tokens: Ragged, token_length: int, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ``token_length``, the tokens beyond cut: ids and attention mask, (R, L) int64 each."""
    lengths = np.minimum(tokens.lengths, token_length)
    mask = np.arange(token_length) < lengths[:, None]
    ids = np.full(mask.shape, pad, dtype=np.int64)
    ids[mask] = gathered(tokens.values, tokens.first[:-1], lengths).values
    return ids, mask.astype(np.int64)


def window_rows(window: np.ndarray, processor: VariantFormerProcessor) -> Ragged:
    """A window's tokens in rows of the processor's token length, those beyond its last row cut."""
    length = processor.token_length
    n_rows = min(max(1, -(-len(window) // length)), processor.max_gene_windows)
    kept = window[: n_rows * length]
    return Ragged(kept, np.minimum(np.arange(n_rows + 1, dtype=np.int64) * length, len(kept)))


def model_inputs(tokens: GeneTokens, processor: VariantFormerProcessor) -> dict[str, np.ndarray]:
    """A gene's inputs as the processor makes them of its sequences: a batch of one, int64.

    Raises:
        ValueError: the person lacks the gene's whole window.
    """
    if tokens.window is None:
        raise ValueError("the gene's sequence is empty (deleted outright?): there is nothing to predict from")
    pad = processor.tokenizer.pad_token_id
    cre_ids, cre_mask = padded_rows(tokens.elements.ragged(), processor.token_length, pad)
    gene_ids, gene_mask = padded_rows(window_rows(tokens.window, processor), processor.token_length, pad)
    return {
        "cre_input_ids": cre_ids[None],
        "cre_attention_mask": cre_mask[None],
        "cre_class_ids": tokens.class_ids[None],
        "gene_input_ids": gene_ids[None],
        "gene_attention_mask": gene_mask[None],
    }


def _texts(stretch: PersonalStretch, starts: np.ndarray, ends: np.ndarray, *, reverse: bool) -> Ragged:
    """Reference bases of regions, in the orientation asked for."""
    if not len(starts):
        return ragged([], np.uint8)
    low = int(starts.min())
    bases = stretch.bases(low, int(ends.max()))
    places = zip((starts - low).tolist(), (ends - low).tolist(), strict=True)
    step = -1 if reverse else 1
    texts = ragged([bases[start:end][::step] for start, end in places], np.uint8)
    return Ragged(_COMPLEMENT[texts.values], texts.first) if reverse else texts


def _encoded(tokenizer: DnaTokenizer, texts: Ragged) -> Ragged:
    sequences = [texts[row].tobytes().decode("latin-1") for row in range(len(texts))]
    return ragged(tokenizer.encode_sequences(sequences), np.int32)


def gathered(values: np.ndarray, first: np.ndarray, lengths: np.ndarray) -> Ragged:
    """Stretches of an array, one behind the other."""
    begins = bounds(lengths)
    return Ragged(values[np.arange(begins[-1]) + np.repeat(first - begins[:-1], lengths)], begins)


def _oriented(edits: RegionEdits, rows: np.ndarray, texts: Ragged, *, reverse: bool) -> TextEdits:
    """The edits of some regions, by their places in the regions' oriented texts."""
    counts = np.diff(edits.offsets)[rows]
    first = bounds(counts)
    row = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(first[-1]) - first[row]
    spans = edits.offsets[rows][row] + (counts[row] - 1 - within if reverse else within)
    start, end = edits.span_start[spans], edits.span_end[spans]
    alt_start, alt_end, alts = edits.alt_start[spans], edits.alt_end[spans], edits.alts
    origin = texts.first[row]
    if reverse:
        ends = edits.ends[rows][row]
        start, end = origin + ends - end, origin + ends - start
        alt_start, alt_end, alts = len(alts) - alt_end, len(alts) - alt_start, _COMPLEMENT[alts[::-1]]
    else:
        starts = edits.starts[rows][row]
        start, end = origin + start - starts, origin + end - starts
    return TextEdits(first, start, end, alt_start, alt_end, alts)


def _removed_letters(edits: TextEdits, tokenizer: DnaTokenizer) -> np.ndarray:
    """Which texts get a character that the tokenizer removes."""
    removed = bounds(tokenizer.merge_table.letter_ids[edits.alts] == 0)
    of_span = bounds(removed[edits.alt_end] - removed[edits.alt_start])
    return of_span[edits.first[1:]] > of_span[edits.first[:-1]]


def _edited(texts: Ragged, tokens: Ragged, edits: TextEdits, whole: np.ndarray, tokenizer: DnaTokenizer) -> Ragged:
    """Tokens after the edits; texts that are ``whole``, or that editing gives up on, are encoded anew."""
    if whole.any():
        done = np.flatnonzero(~whole)
        after, given_up = tokenizer.merge_table.edit(*_of_texts(texts, tokens, edits, done))
        again = np.sort(np.concatenate([np.flatnonzero(whole), done[given_up]]))
        rows = dict(zip(done.tolist(), range(len(done)), strict=True))
    else:
        after, given_up = tokenizer.merge_table.edit(texts, tokens, edits)
        again = np.flatnonzero(given_up)
        if not len(again):
            return after
        rows = {row: row for row in range(len(texts))}
    encoded = dict(
        zip(again.tolist(), tokenizer.encode_sequences([_written(texts, edits, row) for row in again]), strict=True)
    )
    return ragged([encoded[row] if row in encoded else after[rows[row]] for row in range(len(texts))], np.int32)


def _of_texts(texts: Ragged, tokens: Ragged, edits: TextEdits, rows: np.ndarray) -> tuple[Ragged, Ragged, TextEdits]:
    """Some of the texts, with their tokens and edits."""
    kept = texts.take(rows)
    counts = np.diff(edits.first)[rows]
    first = bounds(counts)
    spans = np.arange(first[-1]) + np.repeat(edits.first[rows] - first[:-1], counts)
    shift = np.repeat(kept.first[:-1] - texts.first[rows], counts)
    chosen = TextEdits(
        first,
        edits.start[spans] + shift,
        edits.end[spans] + shift,
        edits.alt_start[spans],
        edits.alt_end[spans],
        edits.alts,
    )
    return kept, tokens.take(rows), chosen


def _written(texts: Ragged, edits: TextEdits, row: int) -> str:
    """One text after its edits."""
    pieces, cursor = [], int(texts.first[row])
    for span in range(int(edits.first[row]), int(edits.first[row + 1])):
        pieces += [texts.values[cursor : edits.start[span]], edits.alts[edits.alt_start[span] : edits.alt_end[span]]]
        cursor = int(edits.end[span])
    return np.concatenate([*pieces, texts.values[cursor : texts.first[row + 1]]]).tobytes().decode("latin-1")

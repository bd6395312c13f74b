"""Tokens of one person's gene, made from those of the reference: what the models read, without the strings between."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from ..genome.interval import reverse_complement
from ..genome.personal import PersonalGenome
from ..genome.stretch import PersonalStretch, RegionEdits
from ..modeling import VariantFormerProcessor
from ..tokenization import DnaTokenizer
from ..tokenization.token_edits import Ragged, TextEdits, bounds, ragged
from .gene_regions import GeneRegions

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


def gene_tokens(
    regions: GeneRegions,
    person: PersonalGenome,
    stretch: PersonalStretch,
    reference: ReferenceTokens,
    tokenizer: DnaTokenizer,
) -> GeneTokens:
    """One person's tokens of a gene, equal to those of its sequences.

    Args:
        regions: the gene's regions, within the stretch.
        person: the person.
        stretch: the person's records there.
        reference: tokens of the reference.
        tokenizer: the model's.

    Raises:
        ReferenceMismatchError: as for ``PersonalGenome.edits``.
    """
    reverse = regions.gene.strand == "-"
    starts, ends = np.append(regions.starts, regions.window.start), np.append(regions.ends, regions.window.end)
    edits = person.edits(stretch, starts, ends)
    before, editable = reference.elements(regions.cre_rows, stretch, regions.starts, regions.ends, reverse=reverse)
    chrom, start, end = regions.window.chrom, regions.window.start, regions.window.end
    window, window_editable = reference.window(chrom, start, end, stretch, reverse=reverse)
    n_elements = len(before)
    lengths = edits.lengths
    elements = before
    changed = np.flatnonzero(np.diff(edits.offsets) > 0)
    if len(changed):
        changed_elements = changed[changed < n_elements]
        of_elements = gathered(
            before.sources[0], before.first[changed_elements], (before.last - before.first)[changed_elements]
        )
        tokens = of_elements
        if changed[-1] == n_elements:
            first = np.append(of_elements.first, of_elements.first[-1] + len(window))
            tokens = Ragged(np.concatenate([of_elements.values, window]), first)
        texts = _texts(stretch, starts[changed], ends[changed], reverse=reverse)
        text_edits = _oriented(edits, changed, texts, reverse=reverse)
        whole = ~np.append(editable, window_editable)[changed] | _removed_letters(text_edits, tokenizer)
        after = _edited(texts, tokens, text_edits, whole, tokenizer)
        if changed[-1] == n_elements:
            window = after[len(after) - 1]
        source, first, last = before.source.copy(), before.first.copy(), before.last.copy()
        source[changed_elements] = 1
        first[changed_elements] = after.first[: len(changed_elements)]
        last[changed_elements] = after.first[1 : len(changed_elements) + 1]
        elements = TokenRows((before.sources[0], after.values), source, first, last)
    else:
        changed_elements = changed
    kept = np.flatnonzero(lengths[:-1] > 0)
    differs = np.zeros(n_elements, dtype=bool)
    differs[changed_elements] = True
    return GeneTokens(
        elements=elements.take(kept),
        indices=kept,
        cre_rows=regions.cre_rows[kept],
        differs=differs[kept],
        class_ids=regions.cre_class_ids[kept].astype(np.int64),
        window=window if lengths[-1] > 0 else None,
        keys=stretch.keys[edits.records],
        outcomes=edits.outcomes,
    )


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

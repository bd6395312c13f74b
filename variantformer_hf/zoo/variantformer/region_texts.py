"""The bases of regions in a gene's orientation, their edits, and their tokens before and after."""

import numpy as np

from ...genome.interval import reverse_complement
from ...genome.stretch import PersonalStretch, RegionEdits
from ...tokenization import DnaTokenizer
from ...tokenization.token_edits import Ragged, Slices, TextEdits, bounds, ragged

_COMPLEMENT = np.arange(256, dtype=np.uint8)
for _letter in "ACGTRYSWKMBDHV":
    _COMPLEMENT[ord(_letter)] = ord(reverse_complement(_letter))
    _COMPLEMENT[ord(_letter.lower())] = ord(reverse_complement(_letter).lower())


def region_texts(stretch: PersonalStretch, starts: np.ndarray, ends: np.ndarray, *, reverse: bool) -> Slices:
    """Reference bases of regions, in the orientation asked for."""
    if not len(starts):
        return Slices(np.zeros(0, dtype=np.uint8), starts, ends)
    low, high = int(starts.min()), int(ends.max())
    bases = stretch.bases(low, high)
    if reverse:
        return Slices(bases, low + len(bases) - ends, low + len(bases) - starts, _COMPLEMENT)
    return Slices(bases, starts - low, ends - low)


def oriented_edits(edits: RegionEdits, rows: np.ndarray, texts: Slices, *, reverse: bool) -> TextEdits:
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


def removed_letters(edits: TextEdits, tokenizer: DnaTokenizer) -> np.ndarray:
    """Which texts get a character that the tokenizer removes."""
    removed = bounds(tokenizer.merge_table.letter_ids[edits.alts] == 0)
    of_span = bounds(removed[edits.alt_end] - removed[edits.alt_start])
    return of_span[edits.first[1:]] > of_span[edits.first[:-1]]


def edited_tokens(
    texts: Slices, tokens: Slices, edits: TextEdits, whole: np.ndarray, tokenizer: DnaTokenizer
) -> Ragged:
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


def _of_texts(texts: Slices, tokens: Slices, edits: TextEdits, rows: np.ndarray) -> tuple[Slices, Slices, TextEdits]:
    """Some of the texts, with their tokens and edits."""
    counts = np.diff(edits.first)[rows]
    first = bounds(counts)
    spans = np.arange(first[-1]) + np.repeat(edits.first[rows] - first[:-1], counts)
    places = (edits.start[spans], edits.end[spans], edits.alt_start[spans], edits.alt_end[spans])
    return texts.take(rows), tokens.take(rows), TextEdits(first, *places, edits.alts)


def _written(texts: Slices, edits: TextEdits, row: int) -> str:
    """One text after its edits."""
    pieces, text, cursor = [], texts[row], 0
    for span in range(int(edits.first[row]), int(edits.first[row + 1])):
        start, end = (int(places[span] - texts.first[row]) for places in (edits.start, edits.end))
        pieces += [text[cursor:start], edits.alts[edits.alt_start[span] : edits.alt_end[span]]]
        cursor = end
    return np.concatenate([*pieces, text[cursor:]]).tobytes().decode("latin-1")

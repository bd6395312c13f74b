"""Tokens of the reference's cCREs and windows, made once and kept: a person's are made from them."""

from collections import OrderedDict

import numpy as np

from ...genome.stretch import PersonalStretch
from ...tokenization import DnaTokenizer
from ...tokenization.token_edits import Ragged, bounds
from .region_texts import region_texts
from .token_rows import TokenRows

_NO_TOKENS = np.zeros(0, dtype=np.int32)


class ReferenceTokens:
    """Tokens of the reference's elements and windows, made once and kept.

    Args:
        tokenizer: the model's.
        n_elements: rows of the cCRE table.
        most_tokens: of elements that are kept; beyond, all are made anew.
        most_windows: that are kept, the last ones.
    """

    def __init__(
        self, tokenizer: DnaTokenizer, n_elements: int, *, most_tokens: int = 40_000_000, most_windows: int = 64
    ) -> None:
        self._tokenizer, self._most_tokens, self._most_windows = tokenizer, most_tokens, most_windows
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
            if self._used > self._most_tokens:
                # Rows that were given out stay in the old array.
                self._first[:], self._used, self._values = -1, 0, np.zeros(1 << 16, dtype=np.int32)
                missing = np.arange(len(rows))
            texts = region_texts(stretch, starts[missing], ends[missing], reverse=reverse)
            found = self._tokenizer.encode_slices(texts)
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
            texts = region_texts(stretch, np.array([start]), np.array([end]), reverse=reverse)
            tokens = self._tokenizer.encode_slices(texts).values
            editable = int(self._tokenizer.merge_table.token_length[tokens].sum()) == end - start
            self._windows[key] = tokens, editable
            if len(self._windows) > self._most_windows:
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

"""Rows of tokens: where they lie, and as the padded rows that an encoder reads."""

from dataclasses import dataclass

import numpy as np

from ...modeling import VariantFormerProcessor
from ...tokenization.token_edits import Ragged, bounds, ragged


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

    def __reduce__(self) -> tuple[type["TokenRows"], tuple[object, ...]]:
        """What is sent to another process: the rows, and not all that lies where they were made."""
        own = self.ragged()
        return TokenRows, (
            (own.values, np.zeros(0, dtype=np.int32)),
            np.zeros(len(self), dtype=self.source.dtype),
            own.first[:-1],
            own.first[1:],
        )

    @classmethod
    def one_empty(cls) -> "TokenRows":
        """One row without a token."""
        nothing, place = np.zeros(0, dtype=np.int32), np.zeros(1, dtype=np.int64)
        return cls((nothing, nothing), np.zeros(1, dtype=np.int8), place, place)


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


def gathered(values: np.ndarray, first: np.ndarray, lengths: np.ndarray) -> Ragged:
    """Stretches of an array, one behind the other."""
    begins = bounds(lengths)
    return Ragged(values[np.arange(begins[-1]) + np.repeat(first - begins[:-1], lengths)], begins)

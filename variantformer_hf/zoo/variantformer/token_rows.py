"""Rows of tokens: where they lie, and as the padded rows that an encoder reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...modeling import VariantFormerProcessor
from ...tokenization.token_edits import Ragged, ragged
from .element_store import token_key


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

    def keys(self, rows: np.ndarray, token_length: int) -> list[bytes]:
        """What stands for the tokens of some of the rows, those beyond a length cut; see ``token_key``."""
        found = []
        for source, first, last in zip(
            *(each[rows].tolist() for each in (self.source, self.first, self.last)), strict=True
        ):
            found.append(token_key(self.sources[source][first : min(last, first + token_length)]))
        return found

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
    def of(cls, values: np.ndarray, first: np.ndarray, last: np.ndarray) -> "TokenRows":
        """Rows that all lie in one array."""
        return cls((values, np.zeros(0, dtype=np.int32)), np.zeros(len(first), dtype=np.int8), first, last)

    @classmethod
    def joined(cls, parts: "Sequence[TokenRows]") -> "TokenRows":
        """Rows of several, each of which has all its rows in its first array."""
        values = [part.sources[0] for part in parts]
        begins = np.cumsum([0, *(len(each) for each in values)])[:-1]
        moved = [(part.first + begin, part.last + begin) for part, begin in zip(parts, begins, strict=True)]
        return cls.of(np.concatenate(values), *(np.concatenate(each) for each in zip(*moved, strict=True)))

    @classmethod
    def one_empty(cls) -> "TokenRows":
        """One row without a token."""
        nothing, place = np.zeros(0, dtype=np.int32), np.zeros(1, dtype=np.int64)
        return cls((nothing, nothing), np.zeros(1, dtype=np.int8), place, place)


def padded_rows(tokens: TokenRows, token_length: int, pad: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ``token_length``, the tokens beyond cut: ids and attention mask, (R, L) int64 each."""
    from ...compiled import HAS_NUMBA

    if HAS_NUMBA:
        from .row_kernels import fill_rows

        # As one block: of two, glibc gives the memory back to the system after each gene, and clears it for the next.
        ids, mask = np.empty((2, len(tokens), token_length), dtype=np.int64)
        fill_rows(*tokens.sources, tokens.source, tokens.first, tokens.last, pad, ids, mask)
        return ids, mask
    lengths = np.minimum(tokens.last - tokens.first, token_length)
    is_token = np.arange(token_length) < lengths[:, None]
    ids = np.full(is_token.shape, pad, dtype=np.int64)
    kept = ragged([tokens[row][:token_length] for row in range(len(tokens))], np.int32)
    ids[is_token] = kept.values
    return ids, is_token.astype(np.int64)


def window_rows(window: np.ndarray, processor: VariantFormerProcessor) -> TokenRows:
    """A window's tokens in rows of the processor's token length, those beyond its last row cut."""
    length = processor.token_length
    n_rows = min(max(1, -(-len(window) // length)), processor.max_gene_windows)
    edges = np.minimum(np.arange(n_rows + 1, dtype=np.int64) * length, len(window))
    return TokenRows.of(window, edges[:-1], edges[1:])

"""Vectors of cCREs in memory, kept by content: one of the reference is near some fifty genes, and is encoded once."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from .gene_tokens import GeneTokens

# Vectors kept in memory; at the released width a million takes 2 GB.
MOST_VECTORS = 400_000
# What is remembered of one pool, or from before it forgot all, is told from what holds.
_EPOCHS = count()


class VectorPool:
    """Vectors of elements in memory, by content; those of the reference also by their place in the cCRE table.

    Args:
        n_elements: rows of the cCRE table.
        width: numbers in a vector.
        most: vectors that are kept; beyond, all are forgotten.
    """

    def __init__(self, n_elements: int, width: int, most: int = MOST_VECTORS) -> None:
        self._most = most
        self._row_of_reference = np.full((2, n_elements), -1, dtype=np.int64)
        self._row_of_key: dict[bytes, int] = {}
        self._vectors = np.empty((1_024, width), dtype=np.float32)
        self._epoch = next(_EPOCHS)

    def __len__(self) -> int:
        return len(self._row_of_key)

    @property
    def vectors(self) -> np.ndarray:
        """(n, width) float32."""
        return self._vectors[: len(self)]

    def asked(
        self, tokens: GeneTokens, token_length: int, wanted: dict[bytes, np.ndarray], *, reverse: bool
    ) -> "AskedRows":
        """What is known of a gene's elements; tokens of those that are not there go to ``wanted``, by their keys."""
        strand, remembered = int(reverse), tokens.remembered
        rows = np.where(tokens.differs, -1, self._row_of_reference[strand, tokens.cre_rows])
        if remembered is not None and remembered.epoch[0] == self._epoch:
            rows = np.where(rows < 0, remembered.rows[remembered.place], rows)
        unknown = np.flatnonzero(rows < 0)
        keys = _keys(tokens, unknown, token_length)
        for index, key in zip(unknown.tolist(), keys, strict=True):
            if key not in self._row_of_key and key not in wanted:
                wanted[key] = tokens.elements[index][:token_length]
        return AskedRows(tokens, strand, rows, unknown, keys)

    def rows(self, asked: "AskedRows") -> np.ndarray:
        """Rows of a gene's elements, (N,) int64, when all that was wanted is there."""
        rows, unknown, tokens = asked.rows, asked.unknown, asked.tokens
        if len(unknown):
            rows[unknown] = [self._row_of_key[key] for key in asked.keys]
            same = unknown[~tokens.differs[unknown]]
            self._row_of_reference[asked.strand, tokens.cre_rows[same]] = rows[same]
            remembered = tokens.remembered
            if remembered is not None:
                if remembered.epoch[0] != self._epoch:
                    remembered.rows[:], remembered.epoch[0] = -1, self._epoch
                remembered.rows[remembered.place[unknown]] = rows[unknown]
        return rows

    def add(self, keys: Sequence[bytes], vectors: np.ndarray) -> None:
        """Keep vectors (n, width) float32."""
        first, last = len(self), len(self) + len(keys)
        if last > len(self._vectors):
            grown = np.empty((2 * last, self._vectors.shape[1]), dtype=np.float32)
            grown[:first] = self._vectors[:first]
            self._vectors = grown
        self._vectors[first:last] = vectors
        self._row_of_key.update(zip(keys, range(first, last), strict=True))

    def make_room(self) -> None:
        """Forget all, where there are more than are to be kept."""
        if len(self) > self._most:
            self._row_of_key.clear()
            self._row_of_reference[:] = -1
            self._vectors = np.empty((1_024, self._vectors.shape[1]), dtype=np.float32)
            self._epoch = next(_EPOCHS)


@dataclass(frozen=True, slots=True)
class AskedRows:
    """A gene's elements: their rows in the pool (-1 = unknown), and the keys of those that are unknown."""

    tokens: GeneTokens
    strand: int
    rows: np.ndarray
    unknown: np.ndarray
    keys: list[bytes]


def _keys(tokens: GeneTokens, rows: np.ndarray, token_length: int) -> list[bytes]:
    """Keys of some of a gene's elements; each is made once for all genes that remember it."""
    if tokens.remembered is None:
        return tokens.elements.keys(rows, token_length)
    known, places = tokens.remembered.keys, tokens.remembered.place[rows].tolist()
    new = rows[[known[place] is None for place in places]]
    made = iter(tokens.elements.keys(new, token_length))
    found = []
    for place in places:
        key = known[place]
        if key is None:
            key = known[place] = next(made)
        found.append(key)
    return found

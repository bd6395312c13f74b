"""Vectors of cCREs in memory, kept by content: one of the reference is near some fifty genes, and is encoded once."""

from collections.abc import Sequence

import numpy as np

from .element_store import token_key
from .gene_tokens import GeneTokens

# Vectors kept in memory; at the released width a million takes 2 GB.
MOST_VECTORS = 400_000


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

    def __len__(self) -> int:
        return len(self._row_of_key)

    @property
    def vectors(self) -> np.ndarray:
        """(n, width) float32."""
        return self._vectors[: len(self)]

    def rows(
        self, tokens: GeneTokens, token_length: int, wanted: dict[bytes, np.ndarray], *, reverse: bool
    ) -> list[bytes] | np.ndarray:
        """Rows of a gene's elements, (N,) int64; or where some are not there, their keys, which go to ``wanted``."""
        strand = int(reverse)
        rows = np.where(tokens.differs, -1, self._row_of_reference[strand, tokens.cre_rows])
        unknown = np.flatnonzero(rows < 0)
        if not len(unknown):
            return rows
        keys = {}
        for index in unknown.tolist():
            kept = tokens.elements[index][:token_length]
            key = token_key(kept)
            keys[index] = key
            if key not in self._row_of_key:
                wanted[key] = kept
        if any(key in wanted for key in keys.values()):
            return list(keys.values())
        rows[unknown] = [self._row_of_key[key] for key in keys.values()]
        same = unknown[~tokens.differs[unknown]]
        self._row_of_reference[strand, tokens.cre_rows[same]] = rows[same]
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

"""People's variant embeddings from a file, held to the UKBioFormer that reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..embedding_table import EmbeddingTable

_REMEDY = "Make it with `variantformer embed UKBIOBERT --mode concat --snps-only`, as the model reads it."


class PeopleEmbeddings:
    """The vectors of people's genes, one a row, and whose each is.

    Args:
        path: see :class:`EmbeddingTable`.
        width: that is wanted; None = any.
        wanted: window and chunk_bases that they are made with, where the file says it.
        sha256: of the UKBioBERT that has made them, where the file says it; None = any.

    Attributes:
        width: numbers of a vector.

    Raises:
        InputError: as for :class:`EmbeddingTable`; a width, window, mode or UKBioBERT that is another than the model's.
    """

    def __init__(
        self, path: str | Path, width: int | None, wanted: Mapping[str, Any] | None = None, sha256: str | None = None
    ) -> None:
        self._table = EmbeddingTable(path, _REMEDY)
        self.path, self.width = self._table.path, self._table.width
        if self.width != (width or self.width):
            raise self._other(f"embeddings of {self.width} numbers", str(width))
        self._check_made(wanted or {}, sha256)

    @property
    def name(self) -> str:
        """Of the file."""
        return self._table.name

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self._table.sha256

    @property
    def ukbiobert_sha256(self) -> str | None:
        """Of the UKBioBERT that has made them, where the file says it."""
        return self._table.model_sha256

    def of(self, people: Sequence[tuple[str, str]]) -> np.ndarray:
        """(n, width) float32 of n samples and gene ids; zeros of a sample without a name, which is nobody.

        Raises:
            InputError: one is not there, or there is no vector of it.
        """
        rows = self._table.rows(people).tolist()
        return np.stack([self._vector(row, *whose) for row, whose in zip(rows, people, strict=True)])

    def _vector(self, row: int, sample: str, gene_id: str) -> np.ndarray:
        if not sample:
            return np.zeros(self.width, dtype=np.float32)
        vector = None if row < 0 else self._table.vector(row)
        if vector is None or not np.isfinite(vector).all():
            status = self._table.status(sample, gene_id)
            why = "has no embedding of it" if status is None else f"has no numbers of it ({status or 'not finite'})"
            raise InputError(
                why, file=self.path, record=f"{sample}, {gene_id}", remedy="Leave the two out, or embed them."
            )
        return vector

    def _check_made(self, wanted: Mapping[str, Any], sha256: str | None) -> None:
        """Hold what the file says of itself to the model."""
        made, of = self._table.made, self._table.model_sha256
        for name, value in {"mode": "concat", "pool": "mean", **wanted}.items():
            if made.get(name, value) != value:
                raise self._other(f"embeddings of the {name} {made[name]}", f"those of {value}")
        if sha256 is not None and of is not None and of != sha256:
            raise self._other(f"embeddings by the UKBioBERT of the SHA-256 {of[:16]}", sha256[:16])

    def _other(self, has: str, wanted: str) -> InputError:
        return InputError(f"has {has}, and the model reads {wanted}", file=self.path, remedy=_REMEDY)

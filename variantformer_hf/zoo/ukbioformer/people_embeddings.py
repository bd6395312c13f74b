"""People's variant embeddings from a file: what ``variantformer embed`` writes, or others have made."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ...errors import UNREADABLE, InputError, unreadable
from ...genome.genes import stable_id
from ...genome.provenance import file_sha256
from ..model_files import remembered_sha256

_TENSOR = "embedding"
_WITH_VECTOR = ("ok", "no_variants", "")
_REMEDY = "Make it with `variantformer embed UKBIOBERT --mode concat --snps-only`, as the model reads it."


class PeopleEmbeddings:
    """The vectors of people's genes, one a row, and whose each is.

    Args:
        path: the tensor ``embedding`` (rows, width) as safetensors; beside it a TSV of the same name with the columns
            sample, gene_id and maybe status.
        width: that is wanted; None = any.
        wanted: window and chunk_bases that they are made with, where the file says it.
        sha256: of the UKBioBERT that has made them, where the file says it; None = any.

    Attributes:
        width: numbers of a vector.
        sha256: of the file.
        ukbiobert_sha256: of the UKBioBERT that has made them, where the file says it.

    Raises:
        InputError: a file is missing or damaged; a width, window, mode or UKBioBERT that is another than the model's;
            rows that are not the table's, or are twice the same person's.
    """

    def __init__(
        self, path: str | Path, width: int | None, wanted: Mapping[str, Any] | None = None, sha256: str | None = None
    ) -> None:
        self.path, table = Path(path), Path(path).with_suffix(".tsv")
        self.vectors, described = _tensor(self.path)
        if self.vectors.ndim != 2 or self.vectors.shape[1] != (width or self.vectors.shape[1]):
            shape = " x ".join(map(str, self.vectors.shape[1:]))
            raise self._other(f"embeddings of {shape} numbers", f"{width or 'one vector a row'}")
        self.width = int(self.vectors.shape[1])
        self.ukbiobert_sha256: str | None = described.get("model", {}).get("sha256")
        self._check_made(described, wanted or {}, sha256)
        self.sha256 = remembered_sha256(self.path)
        rows = _rows(table)
        if len(rows) != len(self.vectors):
            raise InputError(
                f"has {len(self.vectors):,} rows, and {table.name} beside it {len(rows):,}",
                file=self.path,
                remedy="Keep the two files that were written together.",
            )
        written, found = described.get("rows_sha256"), file_sha256(table)
        if written is not None and written != found:
            raise InputError(
                f"was written with a table of rows of the SHA-256 {written[:16]}, and {table.name} beside it has "
                f"{found[:16]}: the people may be in another order",
                file=self.path,
                remedy="Keep the two files that were written together.",
            )
        self._row: dict[tuple[str, str], tuple[int, str]] = {}
        for number, (sample, gene_id, status) in enumerate(rows):
            if self._row.setdefault((sample, stable_id(gene_id)), (number, status))[0] != number:
                raise InputError("is there twice", file=table, record=f"{sample}, {gene_id}", remedy="Leave one out.")

    @property
    def name(self) -> str:
        """Of the file."""
        return self.path.name

    def of(self, people: Sequence[tuple[str, str]]) -> np.ndarray:
        """(n, width) float32 of n samples and gene ids; zeros of a sample without a name, which is nobody.

        Raises:
            InputError: one is not there, or there is no vector of it.
        """
        return np.stack([self._vector(sample, gene_id) for sample, gene_id in people])

    def _vector(self, sample: str, gene_id: str) -> np.ndarray:
        if not sample:
            return np.zeros(self.width, dtype=np.float32)
        row, status = self._row.get((sample, stable_id(gene_id)), (None, ""))
        if row is None or status not in _WITH_VECTOR or not np.isfinite(self.vectors[row]).all():
            why = "has no embedding of it" if row is None else f"has no numbers of it ({status or 'not finite'})"
            raise InputError(
                why, file=self.path, record=f"{sample}, {gene_id}", remedy="Leave the two out, or embed them."
            )
        return self.vectors[row]

    def _check_made(self, described: dict[str, Any], wanted: Mapping[str, Any], sha256: str | None) -> None:
        """Hold what the file says of itself to the model."""
        made, of = described.get("embedding", {}), described.get("model", {})
        for name, value in {"mode": "concat", "pool": "mean", **wanted}.items():
            if made.get(name, value) != value:
                raise self._other(f"embeddings of the {name} {made[name]}", f"those of {value}")
        if sha256 is not None and of.get("sha256", sha256) != sha256:
            raise self._other(f"embeddings by the UKBioBERT of the SHA-256 {of['sha256'][:16]}", sha256[:16])

    def _other(self, has: str, wanted: str) -> InputError:
        return InputError(f"has {has}, and the model reads {wanted}", file=self.path, remedy=_REMEDY)


def _tensor(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """The vectors, and what the file says of how they were made; nothing, of one that others wrote."""
    try:
        with safe_open(path, framework="numpy") as file:
            found = np.asarray(file.get_tensor(_TENSOR), dtype=np.float32)
            described = json.loads((file.metadata() or {}).get("variantformer", "{}"))
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"holds no tensor {_TENSOR!r}: {error}", file=path, remedy=_REMEDY) from error
    return found, described if isinstance(described, dict) else {}


def _rows(path: Path) -> list[tuple[str, str, str]]:
    """Sample, gene id and status of each row."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file, delimiter="\t")
            if not {"sample", "gene_id"} <= set(table.fieldnames or ()):
                raise InputError("lacks the columns sample and gene_id", file=path, remedy=_REMEDY)
            return [(row["sample"], row["gene_id"], row.get("status") or "") for row in table]
    except UNREADABLE as error:
        raise unreadable(path, error) from None

"""People's vectors from a file: what ``variantformer embed`` writes, or others have made.

``FILE.safetensors`` has the tensor ``embedding`` (rows, width), and ``FILE.tsv`` beside it says whose each row is: the
columns sample and gene_id, and maybe status. The numbers stay in the file until they are asked for.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv
from safetensors import SafetensorError, safe_open

from ..errors import UNREADABLE, InputError, unreadable
from ..genome.genes import stable_id
from ..genome.provenance import file_sha256
from .model_files import remembered_sha256

_TENSOR = "embedding"
_WITH_VECTOR = ("ok", "no_variants", "")


class EmbeddingTable:
    """The vectors of people's genes, one a row, and whose each is.

    Args:
        path: the safetensors file; the TSV lies beside it.
        remedy: how such a file is made, for messages.

    Attributes:
        described: what the file says of how it was made, as ``embed`` writes it; nothing, of one that others wrote.
        width: numbers of a vector.

    Raises:
        InputError: a file is missing or damaged; it has no vector a row; rows that are not the table's, or are twice
            the same person's.
    """

    def __init__(self, path: str | Path, remedy: str) -> None:
        self.path, self.remedy = Path(path), remedy
        self._file: Any = None
        table = self.path.with_suffix(".tsv")
        shape, self.described = self._opened()
        if len(shape) != 2:
            numbers = " x ".join(map(str, shape[1:])) or "no"
            problem = f"has embeddings of {numbers} numbers, and the model reads one vector a row"
            raise InputError(problem, file=path, remedy=remedy)
        self._n_rows, self.width = shape
        samples, genes, has_vector, status = _rows(table, remedy)
        if len(samples) != self._n_rows:
            raise InputError(
                f"has {self._n_rows:,} rows, and {table.name} beside it {len(samples):,}",
                file=self.path,
                remedy="Keep the two files that were written together.",
            )
        written, found = self.described.get("rows_sha256"), file_sha256(table)
        if written is not None and written != found:
            raise InputError(
                f"was written with a table of rows of the SHA-256 {written[:16]}, and {table.name} beside it has "
                f"{found[:16]}: the people may be in another order",
                file=self.path,
                remedy="Keep the two files that were written together.",
            )
        self._status, self._has_vector = status, has_vector
        self._sample = {name: code for code, name in enumerate(samples.dictionary.to_pylist())}
        of_id: dict[str, int] = {}
        stable = [of_id.setdefault(stable_id(name), len(of_id)) for name in genes.dictionary.to_pylist()]
        self._gene = of_id
        gene = np.array(stable, dtype=np.int64)[genes.indices.to_numpy()] if len(genes) else np.zeros(0, np.int64)
        key = samples.indices.to_numpy().astype(np.int64) * len(of_id) + gene
        self._order = np.argsort(key, kind="stable")
        self._key = key[self._order]
        twice = np.flatnonzero(self._key[1:] == self._key[:-1])
        if len(twice):
            row = int(self._order[twice[0]])
            record = f"{samples[row].as_py()}, {genes[row].as_py()}"
            raise InputError("is there twice", file=table, record=record, remedy="Leave one out.")

    @property
    def name(self) -> str:
        """Of the file."""
        return self.path.name

    @property
    def samples(self) -> list[str]:
        """Names of the people."""
        return list(self._sample)

    @cached_property
    def sha256(self) -> str:
        """Of the file."""
        return remembered_sha256(self.path)

    @property
    def model_sha256(self) -> str | None:
        """SHA-256 of the weights of the network that made the vectors; None = the file does not say it."""
        found = self.described.get("model", {}).get("sha256")
        return None if found is None else str(found)

    @property
    def made(self) -> dict[str, Any]:
        """Mode, pool, window and further options of the vectors, as far as the file says them."""
        return dict(self.described.get("embedding") or {})

    def rows(self, people: Sequence[tuple[str, str]]) -> np.ndarray:
        """(n,) int64, rows of n samples and gene ids; -1 = there is none, or one without a vector."""
        row = self._rows_of(people)
        return np.where((row >= 0) & np.append(self._has_vector, False)[row], row, -1)

    def status(self, sample: str, gene_id: str) -> str | None:
        """What the table says of a person's gene; None = it has no row of it."""
        row = int(self._rows_of([(sample, gene_id)])[0])
        return None if row < 0 else str(self._status[row].as_py())

    def vector(self, row: int) -> np.ndarray:
        """(width,) float32 of a row.

        Raises:
            InputError: the file cannot be read any more.
        """
        if self._file is None:
            self._opened()
        return np.asarray(self._file.get_slice(_TENSOR)[row : row + 1], dtype=np.float32)[0]

    def vectors(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """(width,) float32 of rows, one after the other."""
        for row in rows.tolist():
            yield self.vector(row)

    def _rows_of(self, people: Sequence[tuple[str, str]]) -> np.ndarray:
        """Rows whatever their status; -1 = there is none."""
        codes = [(self._sample.get(sample, -1), self._gene.get(stable_id(gene_id), -1)) for sample, gene_id in people]
        person, gene = np.array(codes, dtype=np.int64).reshape(-1, 2).T
        key = np.where((person < 0) | (gene < 0), -1, person * len(self._gene) + gene)
        place = np.searchsorted(self._key, key)
        is_there = np.append(self._key, -1)[place] == key
        return np.where(is_there & (key >= 0), np.append(self._order, -1)[place], -1)

    def _opened(self) -> tuple[tuple[int, ...], dict[str, Any]]:
        try:
            self._file = safe_open(self.path, framework="numpy")
            shape = tuple(self._file.get_slice(_TENSOR).get_shape())
            described = json.loads((self._file.metadata() or {}).get("variantformer", "{}"))
        except UNREADABLE as error:
            raise unreadable(self.path, error) from None
        except (OSError, ValueError, SafetensorError) as error:
            raise InputError(f"holds no tensor {_TENSOR!r}: {error}", file=self.path, remedy=self.remedy) from error
        return shape, described if isinstance(described, dict) else {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}


def _rows(path: Path, remedy: str) -> tuple[pa.DictionaryArray, pa.DictionaryArray, np.ndarray, pa.DictionaryArray]:
    """Sample and gene id of each row, whether it has a vector by its status, and the status."""
    names = ("sample", "gene_id", "status")
    convert = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    try:
        table = csv.read_csv(path, parse_options=csv.ParseOptions(delimiter="\t"), convert_options=convert)
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except pa.ArrowException as error:
        raise InputError(f"is no table: {' '.join(str(error).split())[:200]}", file=path, remedy=remedy) from error
    if not {"sample", "gene_id"} <= set(table.column_names):
        raise InputError("lacks the columns sample and gene_id", file=path, remedy=remedy)
    sample, gene = (table[name].combine_chunks().dictionary_encode() for name in names[:2])
    if "status" not in table.column_names:
        status = pa.array([""] * len(table)).dictionary_encode()
    else:
        status = table["status"].combine_chunks().dictionary_encode()
    with_vector = np.array([each in _WITH_VECTOR for each in status.dictionary.to_pylist()], dtype=bool)
    has = with_vector[status.indices.to_numpy()] if len(status) else np.zeros(0, dtype=bool)
    return sample, gene, has, status

"""Vectors of people's genes as files: a tensor as safetensors, written some rows at a time, and a table of its rows."""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..files import whole_file
from ..inference.embedding import EmbeddingResult, VectorRow

_ALIGNED = 8


def write_vectors(result: EmbeddingResult, path: Path, metadata: Mapping[str, Any]) -> Path:
    """Write the vectors: the tensor ``embedding``, (rows, width) or (rows, bins, width) float32.

    No more than a unit of the run is in memory; of safetensors' format a header and the numbers behind it are written.

    Args:
        result: the run.
        path: the output.
        metadata: of the file, under the key ``variantformer``, as JSON.

    Raises:
        InputError: a file of a unit is damaged.
        OutputError: it cannot be written.
    """
    shape, kind = result.shape, np.dtype("<f4")
    row_bytes = int(np.prod(shape[1:])) * kind.itemsize
    described = {
        "__metadata__": {"variantformer": json.dumps(metadata)},
        "embedding": {"dtype": "F32", "shape": list(shape), "data_offsets": [0, shape[0] * row_bytes]},
    }
    header = json.dumps(described).encode()
    header += b" " * (-len(header) % _ALIGNED)
    with whole_file(path) as partial, partial.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        begin = file.tell()
        file.truncate(begin + shape[0] * row_bytes)
        for rows, vectors in result.blocks():
            content = np.ascontiguousarray(vectors, dtype=kind)
            for first, last in _runs(rows):
                file.seek(begin + int(rows[first]) * row_bytes)
                file.write(content[first:last].tobytes())
    return path


def write_rows(rows: Iterable[VectorRow], path: Path) -> Path:
    """Write which vector each row is, as TSV: the columns of :class:`VectorRow`."""
    names = [field.name for field in fields(VectorRow)]
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, names, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(map(asdict, rows))
    return path


def _runs(rows: np.ndarray) -> Iterable[tuple[int, int]]:
    """First and last + 1 places of rows that follow each other."""
    cuts = (np.flatnonzero(np.diff(rows) != 1) + 1).tolist()
    return zip([0, *cuts], [*cuts, len(rows)], strict=True)

"""A unit's predictions as chunks of arrays: a Zarr group (format 2) of sample x gene x tissue.

Each unit is one chunk of each array, so that units need not know of each other. Metadata and coordinates are written
when the run begins. Writing needs nothing but the format's specification; ``xarray.open_zarr`` reads it.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..work.units import Unit
from ..zoo.statuses import STATUSES
from ..zoo.units import VALUE_COLUMNS
from .predicted import PredictedGenes
from .run_contents import RunContents
from .unit_notes import UnitNotes

_DIMENSIONS = ("sample", "gene", "tissue")
_COORDINATES = ("sample", "gene", "gene_name", "chrom", "tissue")
_METADATA = (".zgroup", ".zattrs", ".zmetadata")
# Bytes of like weight lie together, and then compress well.
_SHUFFLE, _ZSTD = "shuffle", {"id": "zstd", "level": 1}
# Where no unit has been written.
_NOT_THERE = "absent"
_LARGEST_HALF = float(np.finfo(np.float16).max)


class UnitArrays:
    """Units as chunks of arrays; genes lie along the genome.

    Args:
        contents: of the run.
    """

    def __init__(self, contents: RunContents) -> None:
        self._contents = contents
        self._dtype = np.dtype(contents.dtype)
        self._chunk = contents.cut.people, min(contents.cut.genes, len(contents.genes)), len(contents.tissues)

    @staticmethod
    def of_any_run() -> tuple[str, ...]:
        """Files that say nothing of what is done."""
        arrays = (*_COORDINATES, "status", *VALUE_COLUMNS)
        inner = [f"{name}/{file}" for name in arrays for file in (".zarray", ".zattrs")]
        return (*_METADATA, *inner, *(f"{name}/0" for name in _COORDINATES))

    @classmethod
    def is_of_a_run(cls, name: str) -> bool:
        """Whether a file may be of a run's arrays."""
        folder, _, chunk = name.partition("/")
        is_chunk = folder in ("status", *VALUE_COLUMNS) and chunk.replace(".", "").isdecimal()
        return is_chunk or name in cls.of_any_run()

    def of_run(self) -> dict[str, bytes]:
        """Metadata and coordinates."""
        contents, order = self._contents, self._contents.genes_along
        genes = [contents.genes[gene] for gene in order]
        text = {
            "sample": ("sample", contents.samples),
            "gene": ("gene", [gene.gene_id for gene in genes]),
            "gene_name": ("gene", [gene.gene_name for gene in genes]),
            "chrom": ("gene", [gene.chrom for gene in genes]),
            "tissue": ("tissue", contents.tissues),
        }
        shape = len(contents.samples), len(genes), len(contents.tissues)
        named = dict(enumerate((_NOT_THERE, *STATUSES)))
        arrays: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
            contents.unit.column: (
                _array(shape, self._chunk, self._dtype, fill_value="NaN"),
                {"_ARRAY_DIMENSIONS": _DIMENSIONS, "long_name": contents.unit.description},
            ),
            "status": (
                _array(shape[:2], self._chunk[:2], np.dtype(np.uint8), fill_value=None),
                {
                    "_ARRAY_DIMENSIONS": _DIMENSIONS[:2],
                    "flag_values": list(named),
                    "flag_meanings": " ".join(named.values()),
                },
            ),
        }
        files = {}
        for name, (dimension, values) in text.items():
            column = np.asarray(values, dtype=np.str_)
            arrays[name] = (
                _array(column.shape, column.shape, column.dtype, fill_value=None),
                {"_ARRAY_DIMENSIONS": [dimension]},
            )
            files[f"{name}/0"] = _compressed(column)
        group = {"coordinates": "gene_name chrom", "unit": contents.unit.name}
        metadata: dict[str, Any] = {".zgroup": {"zarr_format": 2}, ".zattrs": group}
        for name, (array, attributes) in arrays.items():
            metadata |= {f"{name}/.zarray": array, f"{name}/.zattrs": attributes}
        consolidated = {"zarr_consolidated_format": 1, "metadata": metadata}
        return files | {
            name: json.dumps(content, indent=1).encode()
            for name, content in {**metadata, ".zmetadata": consolidated}.items()
        }

    def of_unit(self, unit: Unit, found: PredictedGenes) -> dict[str, tuple[bytes, int]]:
        """Name -> content and rows of a unit's chunks.

        Raises:
            InputError: a number is too large for float16.
        """
        if self._dtype == np.float16 and (np.abs(found.values) > _LARGEST_HALF).any():
            raise InputError(
                f"{unit.name} has a number beyond {_LARGEST_HALF:,.0f}, the largest of float16",
                remedy="Write float32: --dtype float32.",
            )
        codes = {name: code for code, name in enumerate(STATUSES, start=1)}
        status = np.array([codes[name] for name in found.status.ravel()], dtype=np.uint8).reshape(found.status.shape)
        batch, block = unit.content.block
        values = _whole(found.values.astype(self._dtype), self._chunk, np.nan)
        return {
            f"{self._contents.unit.column}/{batch}.{block}.0": (_compressed(values), found.values.size),
            f"status/{batch}.{block}": (_compressed(_whole(status, self._chunk[:2], 0)), 0),
        }

    def values(self, read: Callable[[str], bytes], notes: UnitNotes) -> np.ndarray:
        """(P, G, T) float32 of a unit that is done; ``read`` gives its files."""
        name = next(file.name for file in notes.files if not file.name.startswith("status/"))
        size = int(np.prod(self._chunk)) * self._dtype.itemsize
        content = pa.decompress(read(name), decompressed_size=size, codec="zstd", asbytes=True)
        planes = np.frombuffer(content, dtype=np.uint8).reshape(self._dtype.itemsize, -1)
        chunk = np.ascontiguousarray(planes.T).view(self._dtype).reshape(self._chunk)
        n_people, n_genes = notes.predictions.status.shape
        return chunk[:n_people, :n_genes].astype(np.float32)


def _array(shape: Sequence[int], chunks: Sequence[int], dtype: np.dtype, *, fill_value: Any) -> dict[str, Any]:
    """What a Zarr array of format 2 says of itself."""
    return {
        "zarr_format": 2,
        "shape": list(shape),
        "chunks": list(chunks),
        "dtype": dtype.str,
        "order": "C",
        "fill_value": fill_value,
        "filters": [{"id": _SHUFFLE, "elementsize": dtype.itemsize}],
        "compressor": _ZSTD,
        "dimension_separator": ".",
    }


def _whole(values: np.ndarray, chunk: Sequence[int], fill: float) -> np.ndarray:
    """Values as a whole chunk, also where the array ends within it."""
    if values.shape == tuple(chunk):
        return values
    found = np.full(chunk, fill, dtype=values.dtype)
    found[tuple(slice(size) for size in values.shape)] = values
    return found


def _compressed(values: np.ndarray) -> bytes:
    planes = np.ascontiguousarray(values).reshape(-1).view(np.uint8).reshape(-1, values.dtype.itemsize).T
    return bytes(pa.compress(planes.tobytes(), codec="zstd", asbytes=True))

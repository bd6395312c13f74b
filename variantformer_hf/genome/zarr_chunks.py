"""The files of an array's chunks in a folder of Zarr: how many there are, and that none was cut short.

Blosc unpacks a chunk that was cut short to anything, without an error, so that the size that it says of itself is held
against its file's. Other codecs notice it, and so do the checksums of a zip.
"""

import math
import zipfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

# Of a Blosc frame: its head, and where in it the size of all of it stands.
_HEAD, _SIZE = 16, slice(12, 16)


class ArrayChunks:
    """The chunks of an array.

    Args:
        array: of zarr.
        path: of the group: a folder, or a zip of one.
        name: of the array in it.
    """

    def __init__(self, array: Any, path: Path, name: str) -> None:
        self._array, self._path, self._name = array, path, name
        packed = array.compressors[-1:] if path.is_dir() and not array.shards else ()
        self._is_blosc = any("Blosc" in type(codec).__name__ for codec in packed)
        self._checked: set[tuple[int, ...]] = set()

    def check(self, *indices: np.ndarray) -> None:
        """Look at the files that hold some places of the array.

        Args:
            indices: along the first dimensions; of those behind them all.

        Raises:
            ValueError: a file is not as long as it says.
        """
        if not self._is_blosc:
            return
        sizes = self._array.chunks
        along = [np.unique(place // size).tolist() for place, size in zip(indices, sizes, strict=False)]
        along += [range(-(-length // size)) for length, size in zip(self._array.shape, sizes, strict=True)][
            len(along) :
        ]
        for chunk in set(product(*along)) - self._checked:
            key = self._array.metadata.encode_chunk_key(chunk)
            try:
                with (self._path / self._name / key).open("rb") as file:
                    head, size = file.read(_HEAD), file.seek(0, 2)
            except FileNotFoundError:
                continue  # nothing but what is not written
            if size < _HEAD or int.from_bytes(head[_SIZE], "little") != size:
                raise ValueError(f"its chunk {key} is cut short, or longer than it was")
            self._checked.add(chunk)

    def count(self) -> tuple[int, int]:
        """How many files an array of its shape is of, and how many are there."""
        sizes = self._array.shards or self._array.chunks
        expected = math.prod(-(-length // size) for length, size in zip(self._array.shape, sizes, strict=True))
        if self._path.is_dir():
            files = [file.name for file in (self._path / self._name).rglob("*") if file.is_file()]
        else:
            with zipfile.ZipFile(self._path) as archive:
                inside = [name for name in archive.namelist() if name.startswith(f"{self._name}/")]
            files = [name.rpartition("/")[2] for name in inside if not name.endswith("/")]
        return expected, sum(not (file.startswith(".") or file == "zarr.json") for file in files)

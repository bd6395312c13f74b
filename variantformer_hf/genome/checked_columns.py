"""Columns of numbers on disk, mapped: each block has a checksum, held against it when the block is first read."""

from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike
from xxhash import xxh3_64_intdigest

from ..errors import InputError

_BLOCK = 1 << 16


class DamagedColumnError(InputError):
    """A column is not what was written: missing, of another size, or with another content."""


class CheckedColumn:
    """A one-dimensional array in an .npy file; its header is not believed, since all of it is known.

    Args:
        path: the file.
        dtype: of the numbers.
        length: how many there are.
        checksums: (blocks,) uint64, as :func:`write_column` returned them.

    Raises:
        DamagedColumnError: the file cannot be mapped as such.
    """

    def __init__(self, path: Path, dtype: DTypeLike, length: int, checksums: np.ndarray) -> None:
        self._path = path
        self._checksums = checksums
        self._is_checked = np.zeros(len(checksums), dtype=bool)
        kind = np.dtype(dtype)
        try:
            offset = path.stat().st_size - length * kind.itemsize
            if offset < 0 or len(checksums) != n_blocks(kind, length):
                raise ValueError("it is cut short")
            # As a plain array: a memmap's own indexing is several times slower. Of nothing there is no map.
            mapped = np.memmap(path, kind, "r", offset, (length,)) if length else np.zeros(0, kind)
        except (OSError, ValueError) as error:
            raise DamagedColumnError(f"is a damaged file of a store ({error})", file=path) from error
        self._values = mapped.view(np.ndarray)
        self._in_a_block = _BLOCK // kind.itemsize

    def __len__(self) -> int:
        return len(self._values)

    def rows(self, first: int, last: int) -> np.ndarray:
        """Rows [first, last), a view.

        Raises:
            DamagedColumnError: a block of them is damaged; the message names it.
        """
        size = self._in_a_block
        blocks = slice(first // size, -(-last // size))
        if not self._is_checked[blocks].all():
            for block in (np.flatnonzero(~self._is_checked[blocks]) + blocks.start).tolist():
                begin = block * size
                part = self._values[begin : begin + size]
                if xxh3_64_intdigest(part.data) != self._checksums[block]:
                    where = f"rows {begin} to {begin + len(part) - 1} of {len(self)}"
                    raise DamagedColumnError("is a damaged file of a store", file=self._path, record=where)
                self._is_checked[block] = True
        return self._values[first:last]


def n_blocks(dtype: DTypeLike, length: int) -> int:
    """Blocks of a column."""
    return -(-length * np.dtype(dtype).itemsize // _BLOCK)


def write_column(path: Path, values: np.ndarray) -> np.ndarray:
    """Write a column as .npy; the checksums of its blocks, (blocks,) uint64."""
    np.save(path, values, allow_pickle=False)
    size = _BLOCK // values.dtype.itemsize
    parts = (values[begin : begin + size] for begin in range(0, len(values), size))
    return np.array([xxh3_64_intdigest(part.data) for part in parts], dtype=np.uint64)

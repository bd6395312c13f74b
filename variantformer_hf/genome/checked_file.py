"""A file of arrays, mapped: each piece of it has a checksum, held against it when the piece is first read.

Arrays stand one behind the other, then an index in JSON, the checksums of all pieces before them, and where these
begin. It is written from front to back, so that no more of it is in memory than one array.
"""

import json
import mmap
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from xxhash import xxh3_64_hexdigest, xxh3_64_intdigest

from ..errors import InputError

_PIECE = 1 << 14
_ALIGNED = 8
_AT_ONCE = 16 * _PIECE
# The last bytes: where the index begins, where the checksums do, and a checksum of both and of the checksums.
_TAIL = 3 * 8


class DamagedFileError(InputError):
    """A file is not what was written: missing, of another size, or with another content."""


class CheckedWriter:
    """Writes such a file; as a context it is closed.

    Args:
        path: where; what is there is replaced.

    Attributes:
        size: bytes that were written.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._waiting = bytearray()
        self._checksums: list[int] = []
        self.size = 0

    def __enter__(self) -> "CheckedWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, values: np.ndarray, *, aligned: bool = True) -> int:
        """Write an array.

        Args:
            values: of any shape.
            aligned: it begins at a multiple of eight bytes; otherwise right behind the one before.

        Returns:
            The byte at which it begins.
        """
        if aligned:
            self._add(bytes(-self.size % _ALIGNED))
        begin = self.size
        self._add(np.ascontiguousarray(values).view(np.uint8).reshape(-1).data)
        return begin

    def finish(self, index: dict[str, Any]) -> str:
        """Write the index and the checksums; a checksum of the whole file, by which it is opened."""
        self._add(bytes(-self.size % _ALIGNED))
        begin = self.size
        self._add(json.dumps(index).encode())
        self._add(bytes(-self.size % _ALIGNED))
        self._flush(len(self._waiting))
        tail = np.array([*self._checksums, begin, self.size], dtype=np.uint64).tobytes()
        self._file.write(tail)
        self._file.write(xxh3_64_intdigest(tail).to_bytes(8, "little"))
        self._file.flush()
        self.size = self._file.tell()
        return xxh3_64_hexdigest(tail)

    def _add(self, content: bytes | memoryview) -> None:
        self._waiting += content
        self.size += len(content)
        if len(self._waiting) >= _AT_ONCE:
            self._flush(len(self._waiting) // _PIECE * _PIECE)

    def _flush(self, size: int) -> None:
        with memoryview(self._waiting) as waiting:
            for begin in range(0, size, _PIECE):
                self._checksums.append(xxh3_64_intdigest(waiting[begin : min(size, begin + _PIECE)]))
            self._file.write(waiting[:size])
        del self._waiting[:size]


class CheckedFile:
    """Such a file, opened.

    Args:
        path: the file.
        checksum: as :meth:`CheckedWriter.finish` gave it; None = whatever it is.

    Attributes:
        path: the file.
        checksum: of the whole file, of its checksums.
        index: as it was written.

    Raises:
        DamagedFileError: it is not there, was cut short, or is not the file that was written.
    """

    def __init__(self, path: Path, checksum: str | None = None) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            # As a plain array: a memmap's own indexing is several times slower.
            self._bytes = np.frombuffer(mapped, dtype=np.uint8)
            first, last = self._places()
        except (OSError, ValueError) as error:
            raise DamagedFileError(f"is a damaged file of a store ({error})", file=path) from error
        tail = self._bytes[last:-8]
        self.checksum = xxh3_64_hexdigest(tail.data)
        if checksum not in (None, self.checksum) or self.checksum != f"{int(self._bytes[-8:].view(np.uint64)[0]):016x}":
            raise DamagedFileError("is a damaged file of a store (its checksums are not what was written)", file=path)
        self._size = last
        self._checksums = tail[:-16].view(np.uint64)
        self._is_checked = np.zeros(len(self._checksums), dtype=bool)
        self.index: dict[str, Any] = json.loads(self.array(first, np.uint8, last - first).tobytes().rstrip(b"\0"))

    def array(self, begin: int, dtype: DTypeLike, length: int) -> np.ndarray:
        """An array of the file, or a stretch of one: a view.

        Args:
            begin: byte at which it begins; a multiple of the size of its numbers.
            dtype: of its numbers.
            length: how many.

        Raises:
            DamagedFileError: a piece of it is damaged; the message names it.
        """
        end = begin + length * np.dtype(dtype).itemsize
        pieces = slice(begin // _PIECE, -(-end // _PIECE))
        if not self._is_checked[pieces].all():
            self._check(pieces)
        return self._bytes[begin:end].view(dtype)

    def check(self) -> None:
        """Read all of it.

        Raises:
            DamagedFileError: there is damage; the message names the first.
        """
        self._check(slice(0, len(self._checksums)))

    def _check(self, pieces: slice) -> None:
        for piece in (np.flatnonzero(~self._is_checked[pieces]) + pieces.start).tolist():
            begin = piece * _PIECE
            part = self._bytes[begin : min(begin + _PIECE, self._size)]
            if xxh3_64_intdigest(part.data) != self._checksums[piece]:
                where = f"bytes {begin} to {begin + len(part) - 1} of {len(self._bytes)}"
                raise DamagedFileError("is a damaged file of a store", file=self.path, record=where)
            self._is_checked[piece] = True

    def _places(self) -> tuple[int, int]:
        """Where the index begins, and where it ends and the checksums begin."""
        if len(self._bytes) < _TAIL or len(self._bytes) % _ALIGNED:
            raise ValueError("it is cut short")
        first, last = self._bytes[-_TAIL:-8].view(np.uint64).tolist()
        n_pieces = -(-last // _PIECE)
        if not 0 <= first <= last or last + 8 * n_pieces + _TAIL != len(self._bytes):
            raise ValueError("it is cut short")
        return first, last

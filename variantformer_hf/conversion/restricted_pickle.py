"""Pickles of arrays and data frames, read as data: nothing else in them is looked up, so that nothing can be run."""

import gzip
import io
import pickle
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import UNREADABLE, InputError, unreadable

# What arrays, and frames of them, are made of; names as they were and are in NumPy and pandas.
_ADMITTED = {
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("builtins", "slice"),
    ("__builtin__", "slice"),
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.series", "Series"),
    ("pandas.core.internals.managers", "BlockManager"),
    ("pandas.core.internals.managers", "SingleBlockManager"),
    ("pandas._libs.internals", "_unpickle_block"),
    ("pandas.core.indexes.base", "_new_Index"),
    ("pandas.core.indexes.base", "Index"),
    ("pandas.core.indexes.range", "RangeIndex"),
    ("pandas.core.arrays.string_", "StringArray"),
    ("pandas.core.arrays.string_", "StringDtype"),
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"),
}
_DATA = "It is data of arrays and tables that is read here, nothing else: get the file from its authors again."


class _DataUnpickler(pickle.Unpickler):
    """An unpickler that knows arrays and frames only."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        if module == "_codecs":
            return _latin1
        return super().find_class(module, name)


def _latin1(text: str, encoding: str) -> bytes:
    """What old pickles of bytes call; no other codec is looked up."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the codec {encoding}")
    return text.encode("latin1")


def read_pickled_data(path: str | Path) -> Any:
    """Arrays, frames and plain containers in a pickle, gzip or not.

    Raises:
        InputError: the file cannot be read, or asks for anything else; nothing of it was run.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            return _load(gzip.open(raw) if compressed else raw, path)
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except (OSError, EOFError) as error:
        raise InputError("is cut off or damaged", file=path) from error


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """Arrays of an .npz, those of objects too, which NumPy itself would read as any pickle.

    Raises:
        InputError: as :func:`read_pickled_data`.
    """
    path = Path(path)
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                with archive.open(member) as file:
                    arrays[member.removesuffix(".npy")] = _read_array(io.BytesIO(file.read()), path)
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("is not an .npz file, or is damaged", file=path) from error
    return arrays


def _read_array(file: IO[bytes], path: Path) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        found = np.asarray(_load(file, path), dtype=object)
        return found.reshape(shape)
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _load(file: Any, path: Path) -> Any:
    try:
        return _DataUnpickler(file).load()
    except pickle.UnpicklingError as error:
        raise InputError(f"is not read: {error}", file=path, remedy=_DATA) from error
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, ImportError, UnicodeDecodeError) as error:
        if isinstance(error, InputError):
            raise
        reason = f"{type(error).__name__}: {error}"[:150]
        raise InputError(f"is not a pickle of arrays or tables ({reason})", file=path, remedy=_DATA) from error

"""Checkpoints that pickle other objects beside their tensors: tensors are read, all else is inert.

A class that a file names is never looked up, imported or called: in its place, in that of its objects, and of whatever
calling it would give, there is an :class:`Inert` of its name.
"""

import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from .torch_files import damaged_torch_file, read_torch_file

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_LOCAL_HEADER, _NAME_LENGTH = 30, slice(26, 28)
_EXTRA_LENGTH = slice(28, 30)


class Inert(type):
    """What stands for a foreign class; all that a pickle can do to it does nothing."""

    def __call__(cls, *_: Any, **__: Any) -> "Inert":
        return cls

    def __setitem__(cls, key: Any, value: Any) -> None: ...

    def __setstate__(cls, state: Any) -> None: ...

    def append(cls, value: Any) -> None: ...

    def extend(cls, values: Any) -> None: ...

    def add(cls, value: Any) -> None: ...


class _Table(dict[Any, Any]):
    """What stands for an OrderedDict, without the attributes that a file may give it."""

    def __setstate__(self, state: Any) -> None: ...


def _inert(name: str) -> Inert:
    return Inert(name, (), {"__new__": lambda cls, *_, **__: cls})


def _tensor(
    numbers: torch.Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> torch.Tensor:
    return numbers.as_strided(size, stride, offset)


def _parameter(tensor: torch.Tensor, *_: Any) -> torch.Tensor:
    return tensor


# All that is known; everything else is inert.
_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Table,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", name): dtype for name, dtype in _DTYPES.items()},
}


class _TensorUnpickler(pickle._Unpickler):
    """An unpickler that knows tensors, tables of them and plain values.

    It is Python's own in Python: the one in C takes as much memory as a number in a damaged file says.

    Args:
        file: the pickle.
        numbers: of a type, by the key of their storage and how many there are: (n,).
    """

    # Bytes that are made before they are read, which no checkpoint needs.
    dispatch = {  # noqa: RUF012 -- of the class above
        opcode: load for opcode, load in pickle._Unpickler.dispatch.items() if opcode != pickle.BYTEARRAY8[0]
    }

    def __init__(self, file: Any, numbers: Callable[[torch.dtype, str, int], torch.Tensor]) -> None:
        super().__init__(file, encoding="utf-8")
        self._numbers = numbers

    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get((module, name))
        return _inert(f"{module}.{name}") if known is None else known

    def persistent_load(self, pid: Any) -> torch.Tensor:
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError(f"it stores {kind} {dtype}")
        return self._numbers(dtype, key, count)


def read_tensors_alone(path: Path, remedy: str) -> Any:
    """What a PyTorch file holds, with everything but tensors, tables, lists and plain values inert.

    Tensors stay on disk until they are touched. A file of the kind before PyTorch 1.6 is read as by
    :func:`read_torch_file`, which refuses other objects.

    Args:
        path: the file.
        remedy: where there is none.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    if not zipfile.is_zipfile(path):
        return read_torch_file(path, remedy)
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_archive(archive, path)
    except (
        pickle.UnpicklingError,
        struct.error,
        zipfile.BadZipFile,
        EOFError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        OverflowError,
        MemoryError,
        OSError,
    ) as error:
        raise damaged_torch_file(path) from error


def _read_archive(archive: zipfile.ZipFile, path: Path) -> Any:
    found = [name for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(found) != 1:
        _fail(f"{len(found)} pickles")
    compressed = next((info for info in archive.infolist() if info.compress_type != zipfile.ZIP_STORED), None)
    if compressed is not None:
        _fail(f"{compressed.filename} is compressed")
    folder = found[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        _fail("its numbers are in another order of bytes")
    content = np.memmap(path, dtype=np.uint8, mode="c")
    held: dict[str, torch.Tensor] = {}

    def numbers(dtype: torch.dtype, key: str, count: int) -> torch.Tensor:
        if key not in held:
            info = archive.getinfo(f"{folder}data/{key}")
            header = content[info.header_offset : info.header_offset + _LOCAL_HEADER].tobytes()
            ends = (int.from_bytes(header[part], "little") for part in (_NAME_LENGTH, _EXTRA_LENGTH))
            start = info.header_offset + _LOCAL_HEADER + sum(ends)
            data = content[start : start + info.file_size]
            held[key] = torch.from_numpy(data) if len(data) else torch.empty(0, dtype=torch.uint8)
        found = held[key].view(dtype)
        if len(found) != count:
            _fail(f"{key} has {len(found)} numbers instead of {count}")
        return found

    with archive.open(found[0]) as file:
        return _TensorUnpickler(file, numbers).load()


def _fail(why: str) -> NoReturn:
    raise pickle.UnpicklingError(why)

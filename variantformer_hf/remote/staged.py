"""Output files of an object store: made on this machine, and put there when they are whole.

They are made in ``$VARIANTFORMER_CACHE/outputs``, a folder for each folder of a store, under their names, as locks and
parts beside them. What could not be put stays there.
"""

import os
from pathlib import Path, PosixPath

from ..addresses import key_of
from ..errors import InputError
from ..folder import cache_folder
from .object_files import ObjectFiles
from .sources import whole_address

_elsewhere: dict[Path, ObjectFiles] = {}  # by the folder of this machine


class StagedFile(PosixPath):
    """Where a file of an object store is made, of which messages tell the address; see :func:`staged`."""

    @property
    def address(self) -> str:
        """Of the file."""
        return address_of(self) or os.fspath(self)


def staged(address: str) -> StagedFile:
    """Where a file of an object store is made on this machine.

    Raises:
        InputError: it is no address of a file.
        OutputError: nothing is written to addresses of this kind, or a library is missing.
    """
    folder, _, name = whole_address(address).rpartition("/")
    if not name or folder.endswith(("/", ":")):
        raise InputError("names no file", file=address, remedy="Give s3://BUCKET/NAME or gs://BUCKET/NAME.")
    here = cache_folder() / "outputs" / key_of(folder)
    _elsewhere[here] = ObjectFiles(folder)
    return StagedFile(here / name)


def address_of(path: Path) -> str | None:
    """The address of a file that is made here; None = it stays on this machine."""
    files = _elsewhere.get(path.parent)
    return None if files is None else f"{files}/{path.name}"


def is_there(path: Path) -> bool:
    """Whether the object store has a file of this address.

    Raises:
        InputError: it cannot be asked.
    """
    return _elsewhere[path.parent].has(path.name)


def was_put(path: Path) -> bool:
    """Whether the file there is the one that an earlier run made here, which could not put all of its files.

    Raises:
        InputError: it cannot be asked.
    """
    return path.is_file() and _elsewhere[path.parent].read(path.name) == path.read_bytes()


def check_can_put(path: Path) -> None:
    """Refuse an address that cannot be written, by writing an empty file beside it, which is removed.

    Raises:
        OutputError: it cannot.
    """
    _elsewhere[path.parent].try_put(f".partial-{path.name}")


def put(path: Path) -> None:
    """Put a file that is whole where it belongs; it stays here as well.

    Raises:
        OutputError: it cannot be put.
    """
    _elsewhere[path.parent].put_file(path.name, path)


def forget(path: Path) -> None:
    """Remove a file that was put, or is to be made anew, from the object store."""
    _elsewhere[path.parent].remove(path.name)

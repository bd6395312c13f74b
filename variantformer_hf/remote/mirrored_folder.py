"""The mirror of a folder of an object store: all of its files, fetched before the first is read."""

import hashlib
import json
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PosixPath, PurePosixPath
from typing import Any

from xxhash import xxh3_64_intdigest

from ..addresses import is_web, key_of, name_of, shown
from ..errors import InputError
from ..files import whole_file, writing
from ..folder import cache_folder
from .fsspec_source import FolderError, FsspecSource, listed_files
from .mirror import MirroredFile, mirrored
from .sources import Stamp, changed

logger = logging.getLogger(__name__)

_AT_ONCE = 8
_SOURCE = ".source.json"
# One of these lies in a folder of Zarr.
ZARR_FILES = ("zarr.json", ".zgroup", ".zmetadata", ".zattrs")
# A folder of Zarr is called so; a web server cannot be asked what is in it.
_FOLDERS = (".zarr", ".vcz")


class MirroredFolder(PosixPath):
    """The path of a folder's mirror, which is whole, and knows the address. Made by :func:`mirrored_folder`.

    Attributes:
        address: of the folder.
    """

    address: str

    def __new__(cls, address: str, place: str) -> "MirroredFolder":
        path = super().__new__(cls, place)
        path.address = address
        return path

    def __init__(self, address: str, place: str) -> None:
        if PosixPath.__init__ is not object.__init__:  # from Python 3.12 on
            super().__init__(place)  # type: ignore[call-arg]

    def with_segments(self, *segments: str | os.PathLike[str]) -> Path:
        """A path that is made of this one is that of a file on this machine."""
        return Path(*segments)

    def __reduce__(self) -> Any:
        return mirrored_folder, (self.address,)


def mirrored_path(address: str) -> MirroredFile | MirroredFolder:
    """The mirror of a file elsewhere, or of a folder of an object store.

    Raises:
        InputError: see :func:`mirrored` and :func:`mirrored_folder`; a folder of Zarr on a web server.
    """
    try:
        return mirrored(address)
    except FolderError:
        return mirrored_folder(address)
    except InputError as error:
        is_absent = error.problem == "no such file" or "(HTML)" in error.problem
        if is_absent and is_web(address) and name_of(address).endswith(_FOLDERS):
            raise InputError(
                "is no file, and which files a folder of Zarr has a web server does not say",
                file=shown(address),
                remedy="Give the address of a .zip of it, or of a bucket (s3://, gs://).",
            ) from error
        raise


def mirrored_folder(address: str) -> MirroredFolder:
    """The mirror of a folder as it is now, all of it fetched; asked for once in a process.

    Raises:
        InputError: it is no folder of Zarr, cannot be listed or read, or was changed meanwhile.
        OutputError: no room for it.
    """
    address = address.rstrip("/")
    with _lock:
        if address not in _looked_at:
            _looked_at[address] = _fetched(address)
        return _looked_at[address]


def address_of_folder(path: Path) -> str | None:
    """The address of the folder whose mirror a path is; None = it is none."""
    if path.parent.parent != cache_folder() / "remote":
        return None
    try:
        return str(json.loads((path.parent / _SOURCE).read_text())["folder"])
    except (OSError, ValueError, KeyError):
        return None


_lock = threading.Lock()
_looked_at: dict[str, MirroredFolder] = {}


def _fetched(address: str) -> MirroredFolder:
    files = _listed(address)
    version = hashlib.sha256(json.dumps([[name, *_fields(files[name])] for name in sorted(files)]).encode())
    place = cache_folder() / "remote" / f"{key_of(address)}-{version.hexdigest()[:8]}" / name_of(address)
    try:
        kept = json.loads((place.parent / _SOURCE).read_text())["files"]
    except (OSError, ValueError, KeyError):
        kept = {}
    # Nothing but what the note names is taken for whole; that of a file is its hash.
    lacking = [name for name in files if kept.get(name) is None or kept[name] != _hash(place / name)]
    if lacking:
        size = sum(files[name].size for name in lacking)
        logger.warning(
            "%s is read as a whole: %d files, %.1f MB, are fetched once, into %s",
            address,
            len(lacking),
            size / 1e6,
            place.parent.parent,
        )
        with writing(place.parent), ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="remote") as pool:
            place.mkdir(parents=True, exist_ok=True)
            hashes = pool.map(lambda name: _fetch(address, place, name, files[name]), lacking)
            try:
                kept.update(zip(lacking, hashes, strict=True))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        if _listed(address) != files:
            raise changed(address)
        with whole_file(place.parent / _SOURCE) as partial:
            partial.write_text(json.dumps({"folder": address, "files": kept}))
    return MirroredFolder(address, str(place))


def _fetch(address: str, place: Path, name: str, stamp: Stamp) -> int:
    """Put a file into the mirror, and tell its hash."""
    content = FsspecSource(f"{address}/{name}").read(0, stamp.size, stamp)
    path, partial = place / name, place.parent / f".{os.getpid()}-{threading.get_ident()}"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.write_bytes(content)
    os.utime(partial, (stamp.modified or 0.0,) * 2)
    partial.replace(path)
    return xxh3_64_intdigest(content)


def _listed(address: str) -> dict[str, Stamp]:
    files = listed_files(address)
    if not any(name in files for name in ZARR_FILES):  # nothing is fetched that nobody can read
        raise FolderError("is a folder, not a file, and no VCF-Zarr", file=address, remedy="Name the file in it.")
    for name, stamp in files.items():
        if ".." in PurePosixPath(name).parts or not (stamp.etag or stamp.modified):
            raise InputError(
                f"holds {name}, which has a name or no version that a mirror can go by",
                file=address,
                remedy="Download it.",
            )
    return files


def _fields(stamp: Stamp) -> tuple[int, str, float | None]:
    return stamp.size, stamp.etag, stamp.modified


def _hash(path: Path) -> int | None:
    try:
        return xxh3_64_intdigest(path.read_bytes())
    except OSError:
        return None

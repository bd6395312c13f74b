"""The mirror of a file elsewhere: a sparse file on this machine that holds what was read of it so far.

Readers of files by region (htslib, memory maps) read the mirror as any file; what they are about to read is fetched
before. What was fetched stays in ``$VARIANTFORMER_CACHE/remote``, under the version of the file that it is of, for all
processes of this machine and for the next run.
"""

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
from xxhash import xxh3_64_intdigest

from ..addresses import beside, has_secrets, is_web, key_of, name_of, shown, with_suffix
from ..errors import InputError
from ..files import whole_file, writing
from ..folder import cache_folder
from .fsspec_source import FsspecSource
from .http_source import HttpSource
from .sources import RangeSource, Stamp

# What is fetched and remembered as one, and what is asked for at a time and at once.
PIECE = 1 << 17
_REQUEST = 1 << 23
_AT_ONCE = 8
# htslib reads so far beyond what it was asked for: a block of bgzip, and its buffer.
_AHEAD = 1 << 17
_SOURCE, _PIECES = ".source.json", ".pieces"


class MirroredFile(PosixPath):
    """The path of a mirror, which knows the address of the file; whoever reads it says first what (:meth:`fetch`).

    Made by :func:`mirrored`. Sent to another machine it is that machine's mirror.

    Attributes:
        address: of the file, as it may be shown.
        stamp: which version of it the mirror holds.
    """

    address: str
    stamp: Stamp
    _given: str  # with its secrets

    def __new__(cls, given: str, stamp: Stamp) -> "MirroredFile":
        path = super().__new__(cls, _place(given, stamp))
        path._given, path.address, path.stamp = given, shown(given), stamp
        return path

    def __init__(self, given: str, stamp: Stamp) -> None:
        if PosixPath.__init__ is not object.__init__:  # from Python 3.12 on
            super().__init__(_place(given, stamp))  # type: ignore[call-arg]

    @property
    def is_signed(self) -> bool:
        """Whether more is needed to read the file than its address as it may be shown."""
        return has_secrets(self._given)

    def with_segments(self, *segments: str | os.PathLike[str]) -> Path:
        """A path that is made of this one is that of a file on this machine."""
        return Path(*segments)

    def __reduce__(self) -> Any:
        return MirroredFile, (self._given, self.stamp)

    def fetch(self, start: int = 0, end: int | None = None) -> None:
        """Have the bytes [start, end) in the mirror, and some beyond.

        Raises:
            InputError: they cannot be had, or the file was changed.
            OutputError: no room for them.
        """
        _opened(self).fetch(start, self.stamp.size if end is None else end)

    def fetch_beside(self, suffixes: Sequence[str]) -> Path | None:
        """The first file that is there beside this one, fetched whole and put beside the mirror; None = none is.

        Args:
            suffixes: of its name, behind this one's.

        Raises:
            InputError: it cannot be had.
        """
        return _opened(self).fetch_beside(suffixes)

    def lacks(self) -> int:
        """Bytes that the mirror does not hold yet."""
        return _opened(self).lacks()

    def companion(self, suffixes: Sequence[str], *, behind: bool = False) -> "tuple[str, MirroredFile] | None":
        """The first file that is there under this one's name with another suffix, and that suffix; nothing is fetched.

        Args:
            suffixes: instead of its name's last one.
            behind: behind its whole name instead.

        Raises:
            InputError: it cannot be had.
        """
        return _first_there([(suffix, (beside if behind else with_suffix)(self._given, suffix)) for suffix in suffixes])

    def put_beside(self, link: Path, other: "MirroredFile") -> None:
        """Have another file's mirror beside this one's, under a name of its own.

        Raises:
            OutputError: it cannot be written.
        """
        target = Path("..", other.parent.name, other.name)
        if not (link.is_symlink() and link.readlink() == target):
            with whole_file(link) as partial:
                partial.unlink(missing_ok=True)
                partial.symlink_to(target)


def mirrored(address: str) -> MirroredFile:
    """The mirror of a file elsewhere, as the file is now; asked for once in a process.

    Raises:
        InputError: there is no such file, it may not be read, or its server cannot be reached.
    """
    with _lock:
        path = _looked_at.get(address)
    if path is None:
        try:
            stamp = _stamp_of(address)
        except FileNotFoundError:
            raise InputError("no such file", file=shown(address), remedy="Check the address.") from None
        path = MirroredFile(address, stamp)
        _opened(path)
        with _lock:
            _looked_at[address] = path
    return path


def mirror_at(path: str | os.PathLike[str]) -> MirroredFile | None:
    """The mirrored file whose mirror a path is; None = it is none.

    Raises:
        InputError: it is one that only the process that was given its signed address can read.
    """
    if isinstance(path, MirroredFile) and hasattr(path, "stamp"):  # Python 3.11 makes others of it by its class
        return path
    found = Path(path)
    if len(found.parts) < 3 or found.parent.parent != _folder():
        return None
    with _lock:
        known = _mirrors.get(str(found))
    if known is not None:
        return known.path
    try:
        content = json.loads((found.parent / _SOURCE).read_text())
        stamp = Stamp(content["size"], content["etag"], content["modified"])
    except (OSError, ValueError, KeyError):
        return None
    if content["signed"]:
        raise InputError("is read by a signed address", file=content["address"], remedy="Give it again.")
    return MirroredFile(content["address"], stamp)


class _Mirror:
    """The files of a mirror, opened in this process.

    Raises:
        OutputError: they cannot be written.
    """

    def __init__(self, path: MirroredFile, given: str) -> None:
        self.path = path
        self._given, self._stamp = given, path.stamp
        self._source: RangeSource | None = None
        self._pieces = path.parent / _PIECES
        self._has = np.zeros(-(-self._stamp.size // PIECE), dtype=bool)
        self._fetching = threading.Lock()
        self._beside: dict[tuple[str, ...], Path | None] = {}
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            for file, size in ((path, self._stamp.size), (self._pieces, 8 * len(self._has))):
                with file.open("ab") as opened:
                    if opened.tell() != size:
                        opened.truncate(size)
            note = {"address": path.address, "signed": path.is_signed, **_fields(self._stamp)}
            if not (path.parent / _SOURCE).is_file():
                with whole_file(path.parent / _SOURCE) as partial:
                    partial.write_text(json.dumps(note))
            self._date()

    def fetch(self, start: int, end: int) -> None:
        first = max(0, start) // PIECE
        last = -(-min(end + _AHEAD, self._stamp.size) // PIECE)
        if start >= end or self._has[first:last].all():
            return
        with self._fetching:
            missing = [number for number in range(first, last) if not self._has[number]]
            kept = np.fromfile(self._pieces, dtype="<u8")
            missing = [number for number in missing if not self._is_kept(number, int(kept[number]))]
            requests = [
                (begin * PIECE, min(end * PIECE, self._stamp.size)) for begin, end in _runs(missing, _REQUEST // PIECE)
            ]
            for some in (requests[at : at + _AT_ONCE] for at in range(0, len(requests), _AT_ONCE)):
                self._fetch(some)

    def fetch_beside(self, suffixes: Sequence[str]) -> Path | None:
        key = tuple(suffixes)
        if key not in self._beside:
            self._beside[key] = self._look_beside(suffixes)
        return self._beside[key]

    def _look_beside(self, suffixes: Sequence[str]) -> Path | None:
        found = _first_there([(suffix, beside(self._given, suffix)) for suffix in suffixes])
        if found is None:
            return None
        suffix, other = found
        other.fetch()
        link = Path(f"{self.path}{_suffix_of(other._given, suffix)}")
        self.path.put_beside(link, other)
        return link

    def lacks(self) -> int:
        kept = np.fromfile(self._pieces, dtype="<u8")
        return min(self._stamp.size, PIECE * int((kept == 0).sum()))

    def _is_kept(self, number: int, checksum: int) -> bool:
        """Whether a piece is in the mirror, and still what was written."""
        if checksum:
            with self.path.open("rb") as file:
                file.seek(number * PIECE)
                self._has[number] = _checksum(file.read(PIECE)) == checksum
        return bool(self._has[number])

    def _fetch(self, requests: Sequence[tuple[int, int]]) -> None:
        source = self._source = self._source or _source_of(self._given)
        try:
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="remote") as pool:
                found = list(pool.map(lambda each: source.read(each[0], each[1], self._stamp), requests))
            source.check(self._stamp)
        except FileNotFoundError as error:
            _forget(self._given)
            raise InputError("is there no more", file=self.path.address, remedy="Check the address.") from error
        except InputError:
            _forget(self._given)
            raise
        with writing(self.path.parent):
            with self.path.open("r+b") as file:
                for (start, _), content in zip(requests, found, strict=True):
                    file.seek(start)
                    file.write(content)
            with self._pieces.open("r+b") as marks:
                for (start, _), content in zip(requests, found, strict=True):
                    parts = [content[at : at + PIECE] for at in range(0, len(content), PIECE)]
                    marks.seek(8 * (start // PIECE))
                    marks.write(np.array([_checksum(part) for part in parts], dtype="<u8").tobytes())
                    self._has[start // PIECE : start // PIECE + len(parts)] = True
            self._date()

    def _date(self) -> None:
        """Give the mirror the time of the file, by which stores and indexes are held against it."""
        seconds = self._stamp.modified or 0.0
        os.utime(self.path, (seconds, seconds))


_lock = threading.Lock()
_looked_at: dict[str, MirroredFile] = {}
_mirrors: dict[str, _Mirror] = {}


def _source_of(address: str) -> RangeSource:
    return HttpSource(address) if is_web(address) else FsspecSource(address)


def _stamp_of(address: str) -> Stamp:
    """What a file is now.

    Raises:
        FileNotFoundError: there is none.
        InputError: it cannot be had; nothing tells its versions apart, so that what was kept may be an earlier one's.
    """
    stamp = _source_of(address).look()
    if not stamp.etag and stamp.modified is None:
        raise InputError(
            "its server says neither ETag nor Last-Modified, so that another version would not be noticed",
            file=shown(address),
            remedy="Download it, and its index beside it.",
        )
    return stamp


def _first_there(addresses: Sequence[tuple[str, str]]) -> tuple[str, MirroredFile] | None:
    """Of several addresses, each with its suffix, the first one of a file that is there; None = none is."""
    refused: InputError | None = None
    for suffix, address in addresses:
        try:
            return suffix, MirroredFile(address, _stamp_of(address))
        except FileNotFoundError:
            continue
        except InputError as error:  # a bucket that may not be listed says so of files that are not there
            refused = refused or error
    if refused is not None:
        raise refused
    return None


def _opened(path: MirroredFile) -> _Mirror:
    with _lock:
        if str(path) not in _mirrors:
            _mirrors[str(path)] = _Mirror(path, path._given)
        return _mirrors[str(path)]


def _forget(address: str) -> None:
    """Look at a file anew when it is asked for the next time."""
    with _lock:
        _looked_at.pop(address, None)


def _folder() -> Path:
    return cache_folder() / "remote"


def _place(address: str, stamp: Stamp) -> str:
    version = hashlib.sha256(json.dumps(_fields(stamp)).encode()).hexdigest()[:8]
    return str(_folder() / f"{key_of(address)}-{version}" / name_of(address))


def _fields(stamp: Stamp) -> dict[str, Any]:
    return {"size": stamp.size, "etag": stamp.etag, "modified": stamp.modified}


def _suffix_of(address: str, suffix: str) -> str:
    """What is put behind the mirror's name: an index with an address of its own is called as its kind is."""
    name = name_of(address)
    return next((each for each in (".tbi", ".csi", ".fai", ".gzi") if name.endswith(each)), suffix)


def _checksum(content: bytes) -> int:
    """Of a piece; never 0, which is no piece."""
    return xxh3_64_intdigest(content) or 1


def _runs(numbers: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Numbers that follow each other, at most so many at a time: the first of each run, and the one behind its last."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number and number - runs[-1][0] < most:
            runs[-1] = runs[-1][0], number + 1
        else:
            runs.append((number, number + 1))
    return runs

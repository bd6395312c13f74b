"""Fetching the release: what was asked for, several files at once, resumed where it broke off, and verified."""

import hashlib
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import whole_file, writing
from ..genome.provenance import file_sha256
from .released_files import (
    BUCKET,
    CODE,
    FOLDERS,
    TISSUES,
    VOCABULARY,
    ReleasedFile,
    check_vocabularies,
    files_of,
    find_file,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

logger = logging.getLogger(__name__)

RECORD = "fetched.json"
_PIECE = 16 * 2**20
_RECORD_EVERY = 2.0  # seconds
_MIB = 2**20
# Sizes of parts that uploaders of large objects use, in MiB; the ETag of such an object is a hash of the parts' hashes.
_PARTS = (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 200, 256, 500, 512, 1024)


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that is there, whole.

    Attributes:
        key: path in the release and under the output folder.
        size: bytes.
        etag: what the source calls its content; "" where it says nothing.
        sha256: of what was written.
        verified: how it was held to the source: ``md5``, ``md5 of parts``, ``content`` (a known vocabulary), ``sha256``
            (equal to the local copy that it is from), or ``size``.
    """

    key: str
    size: int
    etag: str
    sha256: str
    verified: str


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file at its source; ``in_code``: one of the vocabularies of the code repository."""

    key: str
    path: str
    size: int
    etag: str
    filesystem: "AbstractFileSystem"
    in_code: bool = False


def fetch_released(
    output: str | Path,
    *,
    what: Iterable[str] = ("weights", "genes", "cres"),
    models: Iterable[str] = ("pcg",),
    source: str = BUCKET,
    code: str = CODE,
    workers: int = 4,
    storage_options: dict[str, Any] | None = None,
    on_bytes: Callable[[int, int], None] | None = None,
) -> list[FetchedFile]:
    """Fetch parts of the release into a folder, in the bucket's layout.

    A file that is there, whole, is not fetched again; one that broke off goes on where it was, unless the source has
    another one by now. ``fetched.json`` in the folder records sizes and hashes.

    Args:
        output: the folder.
        what: groups, see ``released_files.GROUPS``.
        models: ``pcg``, ``ag``.
        source: address of the bucket, or of a mirror in the same layout, as fsspec spells it.
        code: address of the code repository's files, for the two vocabularies.
        workers: files at a time.
        storage_options: for fsspec, of the source.
        on_bytes: called with (bytes that are there, bytes in all).

    Raises:
        InputError: unknown groups or models, a library is missing, no room, the source cannot be reached, or a file
            that was fetched is not the source's.
    """
    output = Path(output)
    wanted = tuple(what)
    named = files_of(wanted, models)
    remotes = _remotes(named, wanted, source, code, storage_options or {})
    output.mkdir(parents=True, exist_ok=True)
    record = _Record(output / RECORD)
    todo = [remote for remote in remotes if not record.has(remote, output)]
    _check_room(output, todo)
    progress = _Progress(sum(remote.size for remote in remotes), on_bytes)
    progress.add(sum(remote.size for remote in remotes) - sum(remote.size for remote in todo))
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(_fetch, remote, output, record, progress) for remote in todo]
        try:
            for job in jobs:
                job.result()
        except BaseException:
            progress.stop()
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            record.flush()
    return [record.get(remote.key) for remote in remotes]


def copy_released(
    copy: str | Path,
    output: str | Path,
    *,
    what: Iterable[str] = ("weights", "genes", "cres"),
    models: Iterable[str] = ("pcg",),
    on_bytes: Callable[[int, int], None] | None = None,
) -> list[FetchedFile]:
    """Bring a local copy of the release, in the released downloader's layout or the bucket's, into the bucket's layout.

    Files are linked where the disk is the same, else copied; the hash of a copy is compared.

    Args:
        copy: the local copy.
        output, what, models, on_bytes: as for :func:`fetch_released`.

    Raises:
        InputError: files that were asked for are not there, all of them named.
    """
    copy, output, wanted = Path(copy), Path(output), tuple(what)
    if not copy.is_dir():
        raise InputError("is not a folder", file=copy)
    pairs, missing = [], []
    for file in files_of(wanted, models):
        found = find_file(copy, file)
        if found is None:
            missing.append(file.key)
        else:
            pairs.append((file.key, found, file.in_code))
    for group in (group for group in wanted if group in FOLDERS):
        inside = [(key, path, False) for key, path in _in_copy(copy, group)]
        pairs += inside
        if not inside:
            missing += [f"{folder} ({group})" for folder in FOLDERS[group]]
    if missing:
        shown = ", ".join(missing[:5]) + (" ..." if len(missing) > 5 else "")
        raise InputError(
            f"lacks {len(missing)} of the files asked for: {shown}",
            file=copy,
            remedy="Ask for less with --what and --models, or fetch them.",
        )
    output.mkdir(parents=True, exist_ok=True)
    record = _Record(output / RECORD)
    progress = _Progress(sum(path.stat().st_size for _, path, _ in pairs), on_bytes)
    done = []
    for key, path, in_code in pairs:
        digest = _place(path, output / key)
        if in_code:
            _check_code_file(output / key, key)
        done.append(FetchedFile(key, path.stat().st_size, "", digest, "content" if in_code else "sha256"))
        record.add(done[-1])
        progress.add(path.stat().st_size)
    record.flush()
    return done


def _remotes(
    named: list[ReleasedFile], wanted: tuple[str, ...], source: str, code: str, options: dict[str, Any]
) -> list[_Remote]:
    """The files at their sources, with sizes."""
    needs_bucket = any(not file.in_code for file in named) or any(group in FOLDERS for group in wanted)
    bucket, root = _open_source(source, options) if needs_bucket else (None, "")
    found = []
    for file in named:
        if file.in_code:
            found.append(replace(_look_up(*_open_source(code, {}), file.key, code), in_code=True))
        else:
            assert bucket is not None
            found.append(_look_up(bucket, root, file.key, source))
    for group in wanted:
        for folder in FOLDERS.get(group, ()):
            assert bucket is not None
            found += _listed(bucket, root, folder, source)
    return found


def _open_source(address: str, options: dict[str, Any]) -> tuple["AbstractFileSystem", str]:
    import fsspec

    if address.startswith("s3://"):
        options = {"anon": True, **options}
    try:
        filesystem, root = fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        raise InputError(
            f"reading {address.partition('://')[0]}:// needs a library: {error}",
            remedy="Install it: pip install 'variantformer-hf[fetch]'.",
        ) from error
    except ValueError as error:
        raise InputError(f"is not an address: {error}", file=address) from error
    return filesystem, root.rstrip("/")


def _look_up(filesystem: "AbstractFileSystem", root: str, key: str, source: str) -> _Remote:
    path = f"{root}/{key}"
    try:
        return _remote(filesystem, key, path, filesystem.info(path))
    except FileNotFoundError as error:
        raise InputError(
            f"has no {key}", file=source, remedy="Check the address, or ask for less with --what."
        ) from error
    except Exception as error:
        raise _unreachable(source, error) from error


def _listed(filesystem: "AbstractFileSystem", root: str, folder: str, source: str) -> list[_Remote]:
    try:
        entries = filesystem.find(f"{root}/{folder}", detail=True)
    except Exception as error:
        raise _unreachable(source, error) from error
    if not entries:
        raise InputError(f"has nothing under {folder}", file=source, remedy="Check the address.")
    prefix = len(root) + 1
    return [_remote(filesystem, path[prefix:], path, info) for path, info in sorted(entries.items())]


def _remote(filesystem: "AbstractFileSystem", key: str, path: str, info: dict[str, Any]) -> _Remote:
    parts = PurePosixPath(key).parts
    if PurePosixPath(key).is_absolute() or ".." in parts or "\\" in key:
        raise InputError(f"lists a file outside its own folder: {key!r}")
    etag = str(info.get("ETag") or info.get("etag") or "").strip('"')
    size = info.get("size")
    if size is None:  # a server that does not say it before sending
        size = len(filesystem.cat_file(path))
    return _Remote(key, path, int(size), etag, filesystem)


def _unreachable(source: str, error: Exception) -> InputError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return InputError(f"cannot be reached ({reason})", file=source, remedy="Check the line, and start again.")


def _fetch(remote: _Remote, output: Path, record: "_Record", progress: "_Progress") -> None:
    target = output / remote.key
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    note = target.with_name(f".{target.name}.partial.json")
    of_what = {"size": remote.size, "etag": remote.etag}
    begun = 0
    if partial.is_file() and _read_json(note) == of_what and partial.stat().st_size <= remote.size:
        begun = partial.stat().st_size
        logger.info("%s goes on at %d bytes", remote.key, begun)
    progress.add(begun)
    with writing(target), partial.open("ab" if begun else "wb") as file:
        note.write_text(json.dumps(of_what))
        at = begun
        while at < remote.size:
            progress.check()
            try:
                piece = _read(remote, at, min(at + _PIECE, remote.size))
            except Exception as error:
                raise InputError(
                    f"the line broke off after {at:,} of {remote.size:,} bytes ({type(error).__name__})",
                    file=remote.key,
                    remedy="Start again: it goes on from there.",
                ) from error
            if not piece:
                raise InputError("ends before its size", file=remote.key, remedy="Start again.")
            file.write(piece)
            at += len(piece)
            progress.add(len(piece))
        file.flush()
        os.fsync(file.fileno())
    verified, digest = _verify(partial, remote)
    partial.replace(target)
    note.unlink()
    record.add(FetchedFile(remote.key, remote.size, remote.etag, digest, verified))


def _read(remote: _Remote, start: int, end: int) -> bytes:
    if start == 0 and end == remote.size:  # whole: not every server of small files knows ranges
        return bytes(remote.filesystem.cat_file(remote.path))
    return bytes(remote.filesystem.cat_file(remote.path, start=start, end=end))


def _verify(path: Path, remote: _Remote) -> tuple[str, str]:
    """How a file was held to its source, and its SHA-256."""
    if path.stat().st_size != remote.size:
        raise _not_the_same(path, remote, f"{path.stat().st_size} bytes instead of {remote.size}")
    digest = file_sha256(path)
    if remote.in_code:
        try:
            _check_code_file(path, remote.key)
        except InputError:
            path.unlink()
            raise
        return "content", digest
    tag, _, parts = remote.etag.partition("-")
    if len(tag) != 32 or any(letter not in "0123456789abcdef" for letter in tag):
        return "size", digest
    if not parts:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "md5").hexdigest() != tag:
                raise _not_the_same(path, remote, "another MD5")
        return "md5", digest
    sizes = [size * _MIB for size in _PARTS if -(-remote.size // (size * _MIB)) == int(parts)]
    if any(_hash_of_parts(path, size) == tag for size in sizes):
        return "md5 of parts", digest
    logger.warning("%s: the source's checksum is of parts of an unknown size; its length was compared", remote.key)
    return "size", digest


def _check_code_file(path: Path, key: str) -> None:
    check_vocabularies(path if key == VOCABULARY else None, path if key == TISSUES else None)


def _not_the_same(path: Path, remote: _Remote, why: str) -> InputError:
    path.unlink()
    return InputError(
        f"is not what the source has: {why}", file=remote.key, remedy="It was removed; start again to fetch it anew."
    )


def _hash_of_parts(path: Path, size: int) -> str:
    whole = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while part := file.read(size):
            whole.update(hashlib.md5(part, usedforsecurity=False).digest())
    return whole.hexdigest()


def _check_room(output: Path, todo: list[_Remote]) -> None:
    needed = 0
    for remote in todo:
        partial = (output / remote.key).with_name(f".{Path(remote.key).name}.partial")
        needed += remote.size - (partial.stat().st_size if partial.is_file() else 0)
    free = shutil.disk_usage(output).free
    if needed > free:
        raise InputError(
            f"needs {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free", file=output,
            remedy="Name a folder on a larger disk, or ask for less with --what and --models.",
        )  # fmt: skip


def _in_copy(copy: Path, group: str) -> Iterator[tuple[str, Path]]:
    """Files of a group of folders: under their keys, or as the released code laid them out before."""
    for key in FOLDERS[group]:
        for root in (copy / key, copy / key.removeprefix("model/common/")):
            if root.is_file():
                yield key, root
                break
            if root.is_dir():
                for path in sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"):
                    yield f"{key}/{path.relative_to(root).as_posix()}", path
                break


def _place(path: Path, target: Path) -> str:
    """Link or copy a file; its SHA-256."""
    digest = file_sha256(path)
    if target.is_file() and file_sha256(target) == digest:
        return digest
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.link(path.resolve(), partial)
    except OSError:
        shutil.copyfile(path, partial)
        if file_sha256(partial) != digest:
            partial.unlink()
            raise InputError("was not copied as it is", file=path, remedy="Start again.") from None
    partial.replace(target)
    return digest


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


class _Record:
    """``fetched.json``: what is there, and how it was verified."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._written = time.monotonic()
        content = _read_json(path)
        self._files: dict[str, FetchedFile] = {}
        for key, entry in (content or {}).items() if isinstance(content, dict) else ():
            try:
                self._files[key] = FetchedFile(**entry)
            except TypeError:
                continue

    def has(self, remote: _Remote, output: Path) -> bool:
        known = self._files.get(remote.key)
        path = output / remote.key
        return (
            known is not None
            and (known.size, known.etag) == (remote.size, remote.etag)
            and path.is_file()
            and path.stat().st_size == remote.size
        )

    def get(self, key: str) -> FetchedFile:
        return self._files[key]

    def add(self, file: FetchedFile) -> None:
        with self._lock:
            self._files[file.key] = file
            if time.monotonic() - self._written > _RECORD_EVERY:
                self._write()

    def flush(self) -> None:
        """Write what is known."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        content = {key: asdict(each) for key, each in sorted(self._files.items())}
        with whole_file(self._path) as partial:
            partial.write_text(json.dumps(content, indent=1) + "\n")


class _Progress:
    """Bytes that are there, counted over threads."""

    def __init__(self, total: int, on_bytes: Callable[[int, int], None] | None) -> None:
        self._total, self._done, self._on_bytes = total, 0, on_bytes
        self._lock = threading.Lock()
        self._stopped = False

    def add(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._on_bytes is not None:
                self._on_bytes(self._done, self._total)

    def stop(self) -> None:
        self._stopped = True

    def check(self) -> None:
        if self._stopped:
            raise InputError("stopped, because another file could not be fetched")

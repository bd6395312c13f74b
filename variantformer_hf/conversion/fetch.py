"""Fetching the release: what was asked for, several files at once, resumed where it broke off, and verified."""

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import writing
from .fetch_progress import Progress
from .fetched import RECORD, FetchedFile, FetchRecord, read_json
from .released_files import BUCKET, CODE, files_of
from .remote_files import RemoteFile, find_remotes
from .verification import verify

logger = logging.getLogger(__name__)

PIECE = 16 * 2**20


def fetch_released(
    output: str | Path,
    *,
    what: Iterable[str] = ("weights", "genes", "cres"),
    models: Iterable[str] = ("pcg",),
    source: str = BUCKET,
    code: str = CODE,
    workers: int = 4,
    piece: int = PIECE,
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
        piece: bytes that are asked for at a time.
        storage_options: for fsspec, of the source.
        on_bytes: called with (bytes that are there, bytes in all).

    Raises:
        InputError: unknown groups or models, a library is missing, no room, the source cannot be reached, or a file
            that was fetched is not the source's.
    """
    output = Path(output)
    wanted = tuple(what)
    named = files_of(wanted, models)
    remotes = find_remotes(named, wanted, source, code, storage_options or {})
    output.mkdir(parents=True, exist_ok=True)
    record = FetchRecord(output / RECORD)
    todo = [remote for remote in remotes if not record.has(remote, output)]
    _check_room(output, todo)
    progress = Progress(sum(remote.size for remote in remotes), on_bytes)
    progress.add(sum(remote.size for remote in remotes) - sum(remote.size for remote in todo))
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(_fetch, remote, output, record, progress, piece) for remote in todo]
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


def _fetch(remote: RemoteFile, output: Path, record: FetchRecord, progress: Progress, size: int) -> None:
    target = output / remote.key
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    note = target.with_name(f".{target.name}.partial.json")
    of_what = {"size": remote.size, "etag": remote.etag}
    begun = 0
    if partial.is_file() and read_json(note) == of_what and partial.stat().st_size <= remote.size:
        begun = partial.stat().st_size
        logger.info("%s goes on at %d bytes", remote.key, begun)
    progress.add(begun)
    with writing(target), partial.open("ab" if begun else "wb") as file:
        note.write_text(json.dumps(of_what))
        at = begun
        while at < remote.size:
            progress.check()
            try:
                piece = _read(remote, at, min(at + size, remote.size))
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
    verified, digest = verify(partial, remote)
    partial.replace(target)
    note.unlink()
    record.add(FetchedFile(remote.key, remote.size, remote.etag, digest, verified))


def _read(remote: RemoteFile, start: int, end: int) -> bytes:
    if start == 0 and end == remote.size:  # whole: not every server of small files knows ranges
        return bytes(remote.filesystem.cat_file(remote.path))
    return bytes(remote.filesystem.cat_file(remote.path, start=start, end=end))


def _check_room(output: Path, todo: list[RemoteFile]) -> None:
    needed = 0
    for remote in todo:
        partial = (output / remote.key).with_name(f".{Path(remote.key).name}.partial")
        needed += remote.size - (partial.stat().st_size if partial.is_file() else 0)
    free = shutil.disk_usage(output).free
    if needed > free:
        raise InputError(
            f"needs {needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free",
            file=output,
            remedy="Name a folder on a larger disk, or ask for less with --what and --models.",
        )

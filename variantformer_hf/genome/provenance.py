"""Which file an input was: size, time and a hash."""

import hashlib
from os import PathLike
from pathlib import Path
from typing import Any

from ..remote.mirror import mirror_at
from ..remote.mirrored_folder import address_of_folder

_HEAD = 1 << 20
_INDEX_SUFFIXES = (".fai", ".gzi", ".tbi", ".csi", ".bgi")
# What a file of genotypes is read together with.
_BESIDE = {".pgen": (".pvar", ".pvar.zst", ".psam"), ".bed": (".bim", ".fam"), ".bgen": (".sample",)}


def file_sha256(path: str | PathLike[str]) -> str:
    """SHA-256 of a whole file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(path: str | PathLike[str], whole_file: bool = False) -> dict[str, Any]:
    """Identity of a file, or of a folder that is read as one.

    Args:
        path: the file.
        whole_file: hash all of it; otherwise its first MiB, its indexes and what it is read together with, which takes
            no time on a whole genome.

    Returns:
        path (of a file elsewhere its address, without what signs it), size (bytes), mtime_ns (the latest of it and what
        it is read together with), sha256, hashed (``whole file`` or ``first MiB and indexes``), and of a file elsewhere
        its etag; of a folder the size and the latest time of all its files, and the hash of their names and sizes, or
        of all they hold.
    """
    path = Path(path)
    if path.is_dir():
        return _of_folder(path, whole_file)
    mirror = mirror_at(path)
    if mirror is not None:
        mirror.fetch(0, None if whole_file else _HEAD)
    status = path.stat()
    beside = [each for each in map(path.with_suffix, _BESIDE.get(path.suffix, ())) if each.is_file()]
    if whole_file:
        digest = file_sha256(path)
    else:
        parts = hashlib.sha256()
        with path.open("rb") as file:
            parts.update(file.read(_HEAD))
        for index in (Path(f"{path}{suffix}") for suffix in _INDEX_SUFFIXES):
            if index.is_file():
                parts.update(index.read_bytes())
        for other in beside:
            parts.update(str(other.stat().st_size).encode())
            with other.open("rb") as file:
                parts.update(file.read(_HEAD))
        digest = parts.hexdigest()
    return {
        "path": str(path) if mirror is None else mirror.address,
        "size": status.st_size,
        "mtime_ns": max(each.stat().st_mtime_ns for each in (path, *beside)),
        "sha256": digest,
        "hashed": "whole file" if whole_file else "first MiB and indexes",
        **({} if mirror is None else {"etag": mirror.stamp.etag}),
    }


def _of_folder(path: Path, whole_file: bool) -> dict[str, Any]:
    digest, size, latest = hashlib.sha256(), 0, 0
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        status = file.stat()
        size, latest = size + status.st_size, max(latest, status.st_mtime_ns)
        digest.update(f"{file.relative_to(path)}\t{status.st_size}\n".encode())
        if whole_file:
            digest.update(file_sha256(file).encode())
    return {
        "path": address_of_folder(path) or str(path),
        "size": size,
        "mtime_ns": latest,
        "sha256": digest.hexdigest(),
        "hashed": "whole file" if whole_file else "names and sizes",
    }


def content_of(path: str | PathLike[str]) -> dict[str, Any]:
    """A file's fingerprint, wherever it lies."""
    return {name: value for name, value in fingerprint(path).items() if name != "path"}

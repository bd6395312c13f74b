"""Which file an input was: size, time and a hash."""

import hashlib
from os import PathLike
from pathlib import Path
from typing import Any

_HEAD = 1 << 20
_INDEX_SUFFIXES = (".fai", ".gzi", ".tbi", ".csi")


def file_sha256(path: str | PathLike[str]) -> str:
    """SHA-256 of a whole file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(path: str | PathLike[str], whole_file: bool = False) -> dict[str, Any]:
    """Identity of a file.

    Args:
        path: the file.
        whole_file: hash all of it; otherwise its first MiB and its indexes, which takes no time on a whole genome.

    Returns:
        path, size (bytes), mtime_ns, sha256, and hashed: ``whole file`` or ``first MiB and indexes``.
    """
    path = Path(path)
    status = path.stat()
    if whole_file:
        digest = file_sha256(path)
    else:
        parts = hashlib.sha256()
        with path.open("rb") as file:
            parts.update(file.read(_HEAD))
        for index in (Path(f"{path}{suffix}") for suffix in _INDEX_SUFFIXES):
            if index.is_file():
                parts.update(index.read_bytes())
        digest = parts.hexdigest()
    return {
        "path": str(path),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": digest,
        "hashed": "whole file" if whole_file else "first MiB and indexes",
    }


def content_of(path: str | PathLike[str]) -> dict[str, Any]:
    """A file's fingerprint, wherever it lies."""
    return {name: value for name, value in fingerprint(path).items() if name != "path"}

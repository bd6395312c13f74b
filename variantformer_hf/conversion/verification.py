"""Whether a fetched file is what its source has."""

import hashlib
import logging
from pathlib import Path

from ..errors import InputError
from ..genome.provenance import file_sha256
from .released_files import TISSUES, VOCABULARY, check_vocabularies
from .remote_files import RemoteFile

logger = logging.getLogger(__name__)

_MIB = 2**20
# Sizes of parts that uploaders of large objects use, in MiB; the ETag of such an object is a hash of the parts' hashes.
_PARTS = (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 200, 256, 500, 512, 1024)


def verify(path: Path, remote: RemoteFile) -> tuple[str, str]:
    """How a file was held to its source, and its SHA-256."""
    if path.stat().st_size != remote.size:
        raise _not_the_same(path, remote, f"{path.stat().st_size} bytes instead of {remote.size}")
    digest = file_sha256(path)
    if remote.in_code:
        try:
            check_code_file(path, remote.key)
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


def check_code_file(path: Path, key: str) -> None:
    check_vocabularies(path if key == VOCABULARY else None, path if key == TISSUES else None)


def _not_the_same(path: Path, remote: RemoteFile, why: str) -> InputError:
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

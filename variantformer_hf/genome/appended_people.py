"""People of further files, appended to a cohort: found under its name, and read as from their own files alone.

Who is in what files is a list, in a file of its own beside the cohort's store. Its name is made of the files that it
tells of: whoever appends at the same time writes another list, or the same one. Nothing of the cohort's own people is
read again, and nothing is assumed of a site that only one of the files has.
"""

import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from xxhash import xxh3_64_hexdigest

from ..addresses import as_given
from ..errors import InputError, SampleError
from ..named_files import LocalFiles
from .store_layout import default_store

_SHOWN = 3
_AGAIN = "Remove it, and append them again: variantformer ingest --append-to."
# Where all lists were, in the store.
_EARLIER = "appended.json"


@dataclass(frozen=True, slots=True)
class Appended:
    """Files of people who were appended.

    Attributes:
        paths: of the files, which go together; of files elsewhere their addresses.
        samples: who is in them.
    """

    paths: tuple[str, ...]
    samples: tuple[str, ...]


def lists_of(path: Path) -> Path:
    """The folder of the lists of who was appended to a file, whether it is there or not."""
    store = default_store(path)
    return store.with_name(f"{store.name}.appended")


def list_of(path: Path, people: Appended) -> Path:
    """The list of some people who were appended to a file."""
    name = hashlib.sha256(json.dumps(people.paths).encode()).hexdigest()[:32]
    return lists_of(path) / f"{name}.json"


def appended_to(path: Path) -> list[Appended]:
    """Who was appended to a file, in that order.

    Raises:
        InputError: a list is damaged, or of an earlier version.
    """
    earlier = default_store(path) / _EARLIER
    if earlier.is_file():
        raise InputError(
            f"is of an earlier version, and says who was appended to {as_given(path)}", file=earlier, remedy=_AGAIN
        )
    found = []
    for file in lists_of(path).glob("*.json"):
        status = file.stat()
        found.append((*_read(file, path, status.st_mtime_ns, status.st_size), file.name))
    return [people for _, people, _ in sorted(found, key=lambda each: (each[0], each[2]))]


def append(path: Path, people: Appended) -> None:
    """Write down who is appended to a file that has a store; files that were appended before are so once.

    Raises:
        InputError: a list is damaged.
        OutputError: it cannot be written.
    """
    if people in appended_to(path):
        return
    content = {"paths": people.paths, "samples": people.samples, "at": time.time_ns()}
    file = list_of(path, people)
    LocalFiles(file.parent).put(file.name, json.dumps({**content, "checksum": _checksum(content)}).encode())


def check_apart(first: object, samples: Iterable[str], path: object, found: tuple[str, ...], remedy: str) -> None:
    """Refuse people who are in two files, one of which was or is to be appended to the other.

    Args:
        first, samples: a file, and who is in it.
        path, found: the other.
        remedy: what to do.

    Raises:
        SampleError: the first three of them, and how many more.
    """
    known = set(samples)
    both = [name for name in found if name in known]
    if both:
        more = f" and {len(both) - _SHOWN} more" if len(both) > _SHOWN else ""
        raise SampleError(
            f"has samples that {as_given(first)} has too: {', '.join(both[:_SHOWN])}{more}", file=path, remedy=remedy
        )


def check_found_apart(path: Path, first: object, samples: Iterable[str], people: Appended) -> None:
    """As :func:`check_apart`, of people who were appended to a file already."""
    remedy = f"Rename them in one of the two, or take back who was appended: remove {list_of(path, people)}"
    check_apart(first, samples, people.paths[0], people.samples, remedy)


@lru_cache(64)
def _read(file: Path, of: Path, _modified: int, _size: int) -> tuple[int, Appended]:
    """When a list was written, and what it says; read once as long as it is the same."""
    try:
        said = json.loads(file.read_bytes())
        checksum = said.pop("checksum")
        if checksum == _checksum(said):
            return int(said["at"]), Appended(tuple(said["paths"]), tuple(said["samples"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass
    raise InputError(f"is damaged, which says who was appended to {as_given(of)}", file=file, remedy=_AGAIN)


def _checksum(said: dict[str, Any]) -> str:
    return xxh3_64_hexdigest(json.dumps(said, sort_keys=True).encode())

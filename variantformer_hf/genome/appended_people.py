"""People of further files, appended to a cohort: found under its name, and read as from their own files alone.

What is appended lies as a list in the cohort's store. Nothing of the cohort's own people is read again, and nothing is
assumed of a site that only one of the files has.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from xxhash import xxh3_64_hexdigest

from ..errors import InputError
from ..files import whole_file
from .store_layout import default_store

APPENDED = "appended.json"


@dataclass(frozen=True, slots=True)
class Appended:
    """Files of people who were appended.

    Attributes:
        paths: of the files, which go together; of files elsewhere their addresses.
        samples: who is in them.
    """

    paths: tuple[str, ...]
    samples: tuple[str, ...]


def appended_to(path: Path) -> list[Appended]:
    """Who was appended to a file, in that order.

    Raises:
        InputError: the list is damaged.
    """
    file = default_store(path) / APPENDED
    if not file.is_file():
        return []
    try:
        said = json.loads(file.read_bytes())
        if said["checksum"] == _checksum(said["files"]):
            return [Appended(tuple(each["paths"]), tuple(each["samples"])) for each in said["files"]]
    except (OSError, ValueError, TypeError, KeyError):
        pass
    raise InputError(
        f"is damaged, which says who was appended to {path}",
        file=file,
        remedy="Remove it, and append them again: variantformer ingest --append-to.",
    )


def append(path: Path, people: Appended) -> None:
    """Write down who is appended to a file that has a store; files that were appended before are so once.

    Raises:
        InputError: the list is damaged.
        OutputError: it cannot be written.
    """
    others = [each for each in appended_to(path) if each.paths != people.paths]
    files = [{"paths": list(each.paths), "samples": list(each.samples)} for each in (*others, people)]
    with whole_file(default_store(path) / APPENDED) as partial:
        partial.write_text(json.dumps({"files": files, "checksum": _checksum(files)}))


def _checksum(files: object) -> str:
    return xxh3_64_hexdigest(json.dumps(files, sort_keys=True).encode())

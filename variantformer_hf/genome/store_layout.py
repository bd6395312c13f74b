"""What the folder of a store of genotypes holds: a file a contig, and what it says of itself."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from xxhash import xxh3_64_hexdigest

from ..errors import InputError
from ..folder import cache_folder
from .provenance import fingerprint

LAYOUT = 7
DESCRIPTION = "store.json"
# Flags of a record. The last: it spans one base more than those by which regions find it.
SITE, HOM_REF, PASSES, LONGER = 1, 2, 4, 8
_AS_IT_STANDS: Mapping[str, Any] = {}
REMEDY = "Make it anew: variantformer ingest --overwrite"


class EarlierStoreError(InputError):
    """A store that an earlier version made, in another layout."""


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much is held in memory while a store is built; a contig that is mended has to be cut as it was.

    Attributes:
        text: characters of the file that are decoded at a time.
        records, calls, dense: of a block, after which another one begins: records, at most 65,536; calls that are kept
            in lists; bytes of those that take two bits a person.
    """

    text: int = 8 << 20
    records: int = 1 << 16
    calls: int = 4_000_000
    dense: int = 64 << 20


def default_store(vcf: str | PathLike[str]) -> Path:
    """Where the store of a file is kept, whether it is there or not."""
    name = hashlib.sha256(str(Path(vcf).resolve()).encode()).hexdigest()[:32]
    return cache_folder() / "variants" / name


def is_current(
    vcf: str | PathLike[str],
    folder: str | Path,
    read_by: Mapping[str, Any] = _AS_IT_STANDS,
    samples: Sequence[str] | None = None,
) -> bool:
    """Whether a folder holds the store of a file as the file is now; the contigs are not looked at.

    Args:
        vcf: the file.
        folder: of the store.
        read_by: what it has to be read by, see ``cohort_source.read_by``.
        samples: whose calls it has to hold; None = everybody's.
    """
    try:
        description = read_description(Path(folder))
    except InputError:
        return False
    of_some = description.get("is_part", False)
    has_all = not of_some if samples is None else set(samples) <= set(description["samples"])
    return bool(has_all and description["source"] == source_of(Path(vcf)) and description["read_by"] == read_by)


def source_of(path: Path) -> dict[str, Any]:
    """What a file is, as far as its store depends on it."""
    return {**fingerprint(path), "path": str(path.resolve())}


def contig_file(number: int) -> str:
    """The name of a contig's file in a store."""
    return f"{number:05d}.calls"


def write_description(folder: Path, content: Mapping[str, Any]) -> None:
    """Write what a store says of itself; it is whole only with this.

    Args:
        folder: of the store.
        content: source, read_by, format, samples, is_part (the file has others), contigs, index_is_older, limits and
            files, see ``variant_ingest``.
    """
    said = {**content, "layout": LAYOUT}
    (folder / DESCRIPTION).write_text(json.dumps({**said, "checksum": _checksum(said)}))


def read_description(folder: Path) -> dict[str, Any]:
    """What a store says of itself.

    Raises:
        InputError: it is damaged or not there, or of another version (EarlierStoreError: of an earlier one).
    """
    path = folder / DESCRIPTION
    try:
        content = json.loads(path.read_bytes())
        checksum = content.pop("checksum", None)
        if checksum == _checksum(content):
            if content["layout"] == LAYOUT:
                return dict(content)
            if content["layout"] < LAYOUT:
                raise EarlierStoreError("is of an earlier version, and is not used", file=path, remedy=REMEDY)
    except InputError:
        raise
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, KeyError):
        pass
    raise InputError("is damaged, or of another version", file=path, remedy=REMEDY)


def _checksum(description: dict[str, Any]) -> str:
    return xxh3_64_hexdigest(json.dumps(description, sort_keys=True).encode())

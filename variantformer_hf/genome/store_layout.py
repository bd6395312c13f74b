"""What the folder of a store of genotypes holds: its columns, and what it says of itself."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from xxhash import xxh3_64_hexdigest

from ..errors import InputError
from ..folder import cache_folder
from .provenance import fingerprint

_LAYOUT = 5
DESCRIPTION = "store.json"
# Flags of a record. The last: it spans one base more than those by which regions find it.
SITE, HOM_REF, PASSES, LONGER = 1, 2, 4, 8
# Columns of a segment, each a file.
COLUMNS: dict[str, type] = {
    "position": np.int32,
    "end": np.int32,
    "alleles": np.int64,
    "flags": np.uint8,
    "ref": np.uint8,
    "alt": np.uint8,
    "text_first": np.int64,
    "text": np.uint8,
    "call_record": np.int32,
    "call_code": np.uint16,
    "first": np.int64,
}
_AS_IT_STANDS: Mapping[str, Any] = {}
CHECKSUMS = "checksums"
REMEDY = "Make it anew: variantformer ingest --overwrite"


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much is held in memory while a store is built; a contig that is mended has to be cut as it was.

    Attributes:
        text: characters of the file that are decoded at a time.
        calls, records: of a segment, after which another one begins.
    """

    text: int = 8 << 20
    calls: int = 20_000_000
    records: int = 2_000_000


def default_store(vcf: str | PathLike[str]) -> Path:
    """Where the store of a file is kept, whether it is there or not."""
    name = hashlib.sha256(str(Path(vcf).resolve()).encode()).hexdigest()[:32]
    return cache_folder() / "variants" / name


def is_current(vcf: str | PathLike[str], folder: str | Path, read_by: Mapping[str, Any] = _AS_IT_STANDS) -> bool:
    """Whether a folder holds the store of a file as the file is now; its columns are not looked at.

    Args:
        vcf: the file.
        folder: of the store.
        read_by: what it has to be read by, see ``cohort_source.read_by``.
    """
    try:
        description = read_description(Path(folder))
    except InputError:
        return False
    return bool(description["source"] == source_of(Path(vcf)) and description["read_by"] == read_by)


def source_of(path: Path) -> dict[str, Any]:
    """What a file is, as far as its store depends on it."""
    return {**fingerprint(path), "path": str(path.resolve())}


def write_description(folder: Path, vcf: Path, content: dict[str, Any], limits: StoreLimits) -> None:
    """Write what a store says of itself; it is whole only with this.

    Args:
        folder: of the store.
        vcf: the file that it was made of.
        content: samples, contigs, index_is_older, genotypes, segments, read_by and format.
        limits: by which it was made.
    """
    content = {**content, "source": source_of(vcf), "layout": _LAYOUT}
    if limits != StoreLimits():
        content["limits"] = asdict(limits)
    (folder / DESCRIPTION).write_text(json.dumps({**content, "checksum": _checksum(content)}))


def read_description(folder: Path) -> dict[str, Any]:
    """What a store says of itself.

    Raises:
        InputError: it is damaged or not there, or of another version.
    """
    path = folder / DESCRIPTION
    try:
        content = json.loads(path.read_bytes())
        checksum = content.pop("checksum", None)
        if checksum == _checksum(content) and content["layout"] == _LAYOUT:
            return dict(content)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        pass
    raise InputError("is damaged, or of another version", file=path, remedy=REMEDY)


def _checksum(description: dict[str, Any]) -> str:
    return xxh3_64_hexdigest(json.dumps(description, sort_keys=True).encode())

"""Which cCREs are active in which donor's tissue: labels for the encoder's pre-training."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import InputError
from ..genome.cres import CreTable
from ..genome.table_files import text_lines
from ..zoo.outputs import TissueNames

ACTIVITY_SCHEMA = pa.schema(
    [
        ("element", pa.int32()),
        ("donor", pa.string()),
        ("tissue", pa.string()),
        ("label", pa.int8()),
    ]
)
# The class of a cCRE without a sign of open chromatin, in ENCODE's per-biosample files.
INACTIVE = "Low-DNase"
# Classes that say that a biosample was not measured well enough to tell.
_UNKNOWN = ("Unclassified",)
_CLASS_COLUMN = 9


@dataclass(frozen=True)
class ActivityFile:
    """One donor's tissue.

    Attributes:
        path: a BED of ENCODE's registry for one biosample: the class in the tenth column.
        donor: name, as in the donor's VCF.
        tissue: name.
    """

    path: Path
    donor: str
    tissue: str


@dataclass(frozen=True)
class Activity:
    """Labels of cCREs.

    Attributes:
        table: element (row of the cCRE table), donor, tissue, label: 1 = any regulatory signal, 0 = Low-DNase.
        tissues: names of the tissues, in the order of the files.
        report: what was read and dropped, by file.
    """

    table: pa.Table
    tissues: tuple[str, ...]
    report: Mapping[str, Any]


def read_activity(files: Sequence[ActivityFile], cres: CreTable, tissues: TissueNames | None = None) -> Activity:
    """Labels of the table's cCREs in each donor's tissue.

    A cCRE of a file is one of the table where contig, start and end are the same. cCREs that the table does not
    have, and classes that say nothing, are counted and left out.

    Args:
        files: one per donor and tissue.
        cres: the cCREs.
        tissues: the model's; None = take the names as they are.

    Raises:
        InputError: a file cannot be read, shares no cCRE with the table, or is there twice; an unknown tissue.
    """
    seen: dict[tuple[str, str], Path] = {}
    rows = _rows_by_place(cres)
    parts: list[pa.Table] = []
    report: dict[str, Any] = {}
    names: list[str] = []
    for each in files:
        tissue = _tissue(each, tissues)
        key = each.donor, tissue
        if key in seen:
            raise InputError(
                f"is the second file of {each.donor}'s {tissue}", file=each.path, remedy=f"The first is {seen[key]}."
            )
        seen[key] = each.path
        names.append(tissue)
        found: dict[int, int] = {}
        dropped: Counter[str] = Counter()
        for chrom, start, end, name in _lines(each.path):
            row = rows.get((chrom, start, end))
            if row is None:
                dropped["not in the cCRE table"] += 1
            elif name in _UNKNOWN:
                dropped["unclassified"] += 1
            elif row in found:
                dropped["twice in the file"] += 1
            else:
                found[row] = int(name != INACTIVE)
        if not found:
            raise InputError(
                "shares no cCRE with the cCRE table",
                file=each.path,
                remedy="Give the files of the same registry version and assembly.",
            )
        element = np.fromiter(found, dtype=np.int32, count=len(found))
        label = np.fromiter(found.values(), dtype=np.int8, count=len(found))
        columns = {
            "element": element,
            "donor": pa.array([each.donor] * len(found)),
            "tissue": pa.array([tissue] * len(found)),
            "label": label,
        }
        parts.append(pa.table(columns, schema=ACTIVITY_SCHEMA))
        report[each.path.name] = {
            "donor": each.donor,
            "tissue": tissue,
            "elements": len(found),
            "active": int(label.sum()),
            "dropped": dict(dropped),
        }
    if not parts:
        raise InputError("no file of activity is given", remedy="Give one per donor and tissue.")
    return Activity(pa.concat_tables(parts), tuple(dict.fromkeys(names)), report)


def _tissue(file: ActivityFile, known: TissueNames | None) -> str:
    if known is None:
        return file.tissue
    found, rejected = known.resolve([file.tissue])
    if rejected:
        raise InputError(
            f"is of the tissue {file.tissue!r}, which the model does not have",
            file=file.path,
            remedy="Rename it, or leave the file out.",
        )
    return found[0].name


def _rows_by_place(cres: CreTable) -> dict[tuple[str, int, int], int]:
    table = cres.table
    places = zip(table["chrom"].to_pylist(), table["start"].to_pylist(), table["end"].to_pylist(), strict=True)
    return {place: row for row, place in enumerate(places)}


def _lines(path: Path) -> Iterator[tuple[str, int, int, str]]:
    for number, line in enumerate(text_lines(path), start=1):
        if not line or line.startswith(("#", "track", "browser")):
            continue
        fields = line.split("\t")
        try:
            yield fields[0], int(fields[1]), int(fields[2]), fields[_CLASS_COLUMN]
        except (IndexError, ValueError) as error:
            raise InputError(
                "is no cCRE: ten columns, the class in the tenth",
                file=path,
                record=f"line {number}",
                remedy="Give ENCODE's cCREs of one biosample.",
            ) from error

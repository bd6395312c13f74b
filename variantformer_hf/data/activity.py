"""Which cCREs are active in which donor's tissue: labels for the encoder's pre-training."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

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
Labels = Literal["active", "signal"]
LABELS: tuple[str, ...] = get_args(Labels)
# The class of a cCRE without a sign of open chromatin, in ENCODE's per-biosample files.
INACTIVE = "Low-DNase"
# Classes that say that a biosample was not measured well enough to tell.
_UNKNOWN = ("Unclassified",)
_SCORE_COLUMN, _CLASS_COLUMN = 4, 9
# A BED's scores go from 0 to this.
HIGHEST_SCORE = 1_000


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
        table: element (row of the cCRE table), donor, tissue, label: 1 = any regulatory signal, 0 = Low-DNase; of
            signals the score of the BED from 0 to 1, float32.
        tissues: names of the tissues, in the order of the files.
        report: what was read and dropped, by file.
    """

    table: pa.Table
    tissues: tuple[str, ...]
    report: Mapping[str, Any]


def read_activity(
    files: Sequence[ActivityFile], cres: CreTable, tissues: TissueNames | None = None, *, labels: Labels = "active"
) -> Activity:
    """Labels of the table's cCREs in each donor's tissue.

    A cCRE of a file is one of the table where contig, start and end are the same. cCREs that the table does not
    have, and classes that say nothing, are counted and left out.

    Args:
        files: one per donor and tissue.
        cres: the cCREs.
        tissues: the model's; None = take the names as they are.
        labels: ``active``, by the class in the tenth column; or ``signal``, the score in the fifth, of 1,000.

    Raises:
        InputError: a file cannot be read, shares no cCRE with the table, or is there twice; an unknown tissue; scores
            that are no number from 0 to 1,000, or all the same.
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
        found: dict[int, float] = {}
        dropped: Counter[str] = Counter()
        for chrom, start, end, score, name in _lines(each.path, scored=labels == "signal"):
            row = rows.get((chrom, start, end))
            if row is None:
                dropped["not in the cCRE table"] += 1
            elif name in _UNKNOWN:
                dropped["unclassified"] += 1
            elif row in found:
                dropped["twice in the file"] += 1
            else:
                found[row] = score if labels == "signal" else int(name != INACTIVE)
        if not found:
            raise InputError(
                "shares no cCRE with the cCRE table",
                file=each.path,
                remedy="Give the files of the same registry version and assembly.",
            )
        element = np.fromiter(found, dtype=np.int32, count=len(found))
        kind = np.float32 if labels == "signal" else np.int8
        label = np.fromiter(found.values(), dtype=kind, count=len(found))
        if labels == "signal" and len(label) > 1 and not np.ptp(label):
            raise InputError(
                f"has no signal: the score of each cCRE is {label[0] * HIGHEST_SCORE:g}",
                file=each.path,
                remedy="Write signals from 0 to 1,000 into its fifth column, or train with `labels: active`.",
            )
        columns = {
            "element": element,
            "donor": pa.array([each.donor] * len(found)),
            "tissue": pa.array([tissue] * len(found)),
            "label": label,
        }
        place = ACTIVITY_SCHEMA.get_field_index("label")
        schema = ACTIVITY_SCHEMA.set(place, pa.field("label", pa.from_numpy_dtype(label.dtype)))
        parts.append(pa.table(columns, schema=schema))
        report[each.path.name] = {
            "donor": each.donor,
            "tissue": tissue,
            "elements": len(found),
            **({"active": int(label.sum())} if labels == "active" else {"mean_signal": float(label.mean())}),
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


def _lines(path: Path, *, scored: bool) -> Iterator[tuple[str, int, int, float, str]]:
    """Contig, start, end, score of 1 (0 where it is not asked for) and class of each cCRE."""
    for number, line in enumerate(text_lines(path), start=1):
        if not line or line.startswith(("#", "track", "browser")):
            continue
        fields = line.split("\t")
        try:
            place = fields[0], int(fields[1]), int(fields[2])
            name = fields[_CLASS_COLUMN]
        except (IndexError, ValueError) as error:
            raise InputError(
                "is no cCRE: ten columns, the class in the tenth",
                file=path,
                record=f"line {number}",
                remedy="Give ENCODE's cCREs of one biosample.",
            ) from error
        yield *place, _score(fields[_SCORE_COLUMN], path, number) if scored else 0.0, name


def _score(text: str, path: Path, number: int) -> float:
    try:
        score = float(text) / HIGHEST_SCORE
    except ValueError:
        score = math.nan
    if not 0 <= score <= 1:
        raise InputError(
            f"the score {text} is no signal",
            file=path,
            record=f"line {number}",
            remedy=f"Write signals from 0 to {HIGHEST_SCORE:,} into the fifth column.",
        )
    return score

"""The tracks that a network of windows predicts, and the public files that name them."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...genome.table_files import read_parquet, text_lines, write_parquet
from ..outputs import Tissue, TissueNames

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("track", "name", "assay", "identifier", "description", "ontology_id")
_ONTOLOGY_COLUMNS = ("ontology_id", "ontology_curie")
_ASSAY = re.compile(r"([A-Za-z][\w.-]*)\s*:\s*\S")
_REMEDY = "Give the targets file of the model, tab-separated with columns identifier and description."


@dataclass(frozen=True, slots=True)
class Track:
    """One track of a head.

    Attributes:
        id: its place in the head.
        name: the description; where several tracks have one, with the identifier behind it in brackets, and where that
            is not enough its place too.
        assay: what stands before the colon of the description, such as ``CAGE`` or ``RNA``; None = nothing.
        identifier: of the experiment, such as ``CNhs10608`` or ``ENCFF833POA``.
        description: as the targets file has it.
        ontology_id: of the sample, where the targets file gives one.
    """

    id: int
    name: str
    assay: str | None
    identifier: str
    description: str
    ontology_id: str | None = None


def read_targets(path: Path, n_tracks: int) -> list[Track]:
    """Read a public targets file: Enformer's ``targets_human.txt``, Borzoi's, or a part of it such as GTEx's.

    A column ``index``, or without a name, is a row's place in the head; without one, rows are in the head's order.

    Args:
        path: tab-separated, with a line of names of columns; ``identifier`` and ``description`` are needed, and
            ``ontology_id`` (``ontology_curie``) is read where it is there.
        n_tracks: of the head.

    Raises:
        InputError: a column is missing, or a row is no track of the head.
    """
    lines = ((number, line) for number, line in enumerate(text_lines(path), start=1) if line.strip())
    header = [name.strip() for name in next(lines, (0, ""))[1].split("\t")]
    missing = [name for name in ("identifier", "description") if name not in header]
    if missing:
        raise InputError(f"has no column {', '.join(missing)}", file=path, remedy=_REMEDY)
    place = next((header.index(name) for name in ("index", "") if name in header), None)
    ontology = next((header.index(name) for name in _ONTOLOGY_COLUMNS if name in header), None)
    rows: dict[int, tuple[str, str, str | None]] = {}
    for number, line in lines:
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != len(header):
            problem = f"has {len(fields)} columns, the first line has {len(header)}"
            raise InputError(problem, file=path, record=f"line {number}", remedy=_REMEDY)
        text = str(len(rows)) if place is None else fields[place]
        if not text.isdecimal() or int(text) >= n_tracks or int(text) in rows:
            why = "is there twice" if text.isdecimal() and int(text) in rows else f"is none of the head's {n_tracks:,}"
            raise InputError(f"the track {text} {why}", file=path, record=f"line {number}", remedy=_REMEDY)
        identifier, description = (fields[header.index(name)] for name in ("identifier", "description"))
        rows[int(text)] = identifier, description or identifier, fields[ontology] or None if ontology else None
    if not rows:
        raise InputError("names no track", file=path, remedy=_REMEDY)
    return [
        Track(number, name, _assay(rows[number][1]), *rows[number])
        for number, name in zip(rows, _unique_names(list(rows), [row[:2] for row in rows.values()]), strict=True)
    ]


def targets_rows(path: Path) -> int:
    """How many tracks a targets file names."""
    return max(0, sum(bool(line.strip()) for line in text_lines(path)) - 1)


def _unique_names(places: Sequence[int], rows: Sequence[tuple[str, str]]) -> list[str]:
    of_description = Counter(description for _, description in rows)
    of_both = Counter(rows)
    names = []
    for place, (identifier, description) in zip(places, rows, strict=True):
        if of_description[description] == 1:
            names.append(description)
        elif of_both[identifier, description] == 1 and identifier:
            names.append(f"{description} ({identifier})")
        else:
            names.append(f"{description} ({identifier or 'track'} {place})")
    return names


def _assay(description: str) -> str | None:
    found = _ASSAY.match(description)
    return found[1] if found else None


def write_tracks(tracks: Sequence[Track], path: Path) -> None:
    """Write tracks as Parquet."""
    write_parquet(track_table(tracks), path)


def track_table(tracks: Sequence[Track]) -> "pa.Table":
    """Tracks as a table: track, name, assay, identifier, description, ontology_id."""
    import pyarrow as pa

    values = zip(
        *((each.id, each.name, each.assay, each.identifier, each.description, each.ontology_id) for each in tracks),
        strict=True,
    )
    types = (pa.int64(), *(pa.string(),) * (len(_COLUMNS) - 1))
    columns = zip(_COLUMNS, values, types, strict=True)
    return pa.table({name: pa.array(list(column), kind) for name, column, kind in columns})


def read_tracks(path: Path, n_tracks: int) -> list[Track]:
    """Read what :func:`write_tracks` wrote.

    Raises:
        InputError: the file is damaged, or names tracks that the head has not.
    """
    table = read_parquet(path, _COLUMNS)
    columns = [table[name].to_pylist() for name in _COLUMNS]
    tracks = [
        Track(number, name, assay, identifier, description, ontology_id)
        for number, name, assay, identifier, description, ontology_id in zip(*columns, strict=True)
    ]
    beyond = [each.id for each in tracks if not 0 <= each.id < n_tracks]
    if beyond or not tracks:
        raise InputError(
            f"names the track {beyond[0]}, the head has {n_tracks:,}" if beyond else "names no track",
            file=path,
            remedy="It is another model's: convert the model again.",
        )
    return tracks


def track_names(tracks: Sequence[Track]) -> TissueNames:
    """Names that tracks go by: name, description, identifier, place in the head, ontology id."""
    return TissueNames.of_tracks(
        (Tissue(each.id, each.name, ontology_id=each.ontology_id), (each.description, each.identifier, str(each.id)))
        for each in tracks
    )

"""Candidate cis-regulatory elements (cCREs), and the search for those in an interval."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .intervals import SortedIntervals
from .table_files import read_parquet, read_text_bytes, write_parquet

if TYPE_CHECKING:
    import pyarrow as pa

CRE_CLASSES: tuple[str, ...] = (
    "CTCF-only,CTCF-bound",
    "DNase-H3K4me3",
    "DNase-H3K4me3,CTCF-bound",
    "PLS",
    "PLS,CTCF-bound",
    "dELS",
    "dELS,CTCF-bound",
    "pELS",
    "pELS,CTCF-bound",
)
_COLUMNS = ("chrom", "start", "end", "name", "class")
# SCREEN's own BED has six columns: the anchor's accession before the cCRE's. All others are a BED9 whose tenth
# column is the class; those of one biosample (11) and UCSC's (14 or 15) say more after it.
_SCREEN_COLUMNS = ("chrom", "start", "end", "anchor", "name", "class")
_BED_COLUMNS = ("chrom", "start", "end", "name", "score", "strand", "thickStart", "thickEnd", "itemRgb", "class")
# Classes that version 4 of the registry has and version 3 has not.
_V4_CLASSES = frozenset({"CA", "CA-CTCF", "CA-H3K4me3", "CA-TF", "TF"})
_COMMENTS = (b"#", b"track", b"browser")
_NO_INTERVALS = SortedIntervals(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
_REMEDY = (
    "Give the cCREs of the ENCODE registry, V3, as a BED: ten or more tab-separated columns, the class in the tenth, "
    "or SCREEN's six, the class in the sixth."
)


@dataclass(frozen=True, slots=True)
class CreSlice:
    """Some cCREs of one contig, in genomic order.

    Attributes:
        start, end: (n,) int64, 0-based half-open.
        class_id: (n,) int8, index into ``CRE_CLASSES``.
        rows: (n,) int64, row of each in the table.
    """

    start: np.ndarray
    end: np.ndarray
    class_id: np.ndarray
    rows: np.ndarray
    _names: "pa.ChunkedArray" = field(repr=False)

    def __len__(self) -> int:
        return len(self.start)

    @property
    def names(self) -> list[str]:
        """Accessions of the cCREs, looked up when asked for."""
        names: list[str] = self._names.take(self.rows).to_pylist()
        return names

    @property
    def classes(self) -> list[str]:
        """Class name of each cCRE."""
        return [CRE_CLASSES[number] for number in self.class_id]


class CreTable:
    """cCREs of a genome, by contig in the file's order and within it by start, end and place in the file.

    Args:
        table: columns chrom, start, end (0-based half-open), name, class (one of ``CRE_CLASSES``); others are dropped.
        file: where it came from, for messages.

    Attributes:
        table: the cCREs as an Arrow table, in the order above.

    Raises:
        InputError: a cCRE has no bases, a negative start, no name or an unknown class.
    """

    def __init__(self, table: "pa.Table", *, file: str | Path | None = None) -> None:
        import pyarrow as pa

        text, number = pa.dictionary(pa.int32(), pa.string()), pa.int64()
        kinds = (text, number, number, pa.string(), text)
        schema = pa.schema([pa.field(name, kind) for name, kind in zip(_COLUMNS, kinds, strict=True)])
        try:
            table = table.select(_COLUMNS).cast(schema).unify_dictionaries().combine_chunks()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InputError(f"has columns of another kind ({error})", file=file, remedy=_REMEDY) from error
        if any(column.null_count for column in table.columns):
            raise InputError("has cCREs with an empty field", file=file, remedy=_REMEDY)
        chrom_codes, contigs = _codes_and_values(table["chrom"])
        class_codes, class_names = _codes_and_values(table["class"])
        start, end = table["start"].to_numpy(), table["end"].to_numpy()
        _check(table, start, end, class_names, file)

        order = np.lexsort((end, start, chrom_codes))
        if (order[1:] < order[:-1]).any():
            table = table.take(order)
            chrom_codes, class_codes, start, end = (values[order] for values in (chrom_codes, class_codes, start, end))
        id_of_code = np.array([CRE_CLASSES.index(name) for name in class_names], dtype=np.int8)
        bounds = np.searchsorted(chrom_codes, np.arange(len(contigs) + 1))
        self.table = table
        self._class_id = id_of_code[class_codes]
        self._first_row = dict(zip(contigs, map(int, bounds), strict=False))
        self._intervals = {
            name: SortedIntervals(start[first:last], end[first:last])
            for name, first, last in zip(contigs, bounds[:-1], bounds[1:], strict=True)
        }

    @classmethod
    def read(cls, path: str | Path) -> "CreTable":
        """Read a cCRE BED (plain, gzip or bgzip), or a Parquet file that ``save`` wrote.

        A BED has the class in its tenth column and maybe more behind it (ENCODE, UCSC), or is SCREEN's of six columns
        with the class in the last. Only classes of the registry's third version are taken, those that models know.
        Comment, ``track``, ``browser`` and header lines of a BED are passed over.

        Raises:
            InputError: a line is no cCRE, or its class is unknown; names the file, the line and what is wrong.
        """
        if Path(path).suffix == ".parquet":
            return cls(read_parquet(path, _COLUMNS), file=path)
        return cls._of_bed(read_text_bytes(path), path)

    @classmethod
    def _of_bed(cls, content: bytes, path: str | Path) -> "CreTable":
        import pyarrow as pa
        import pyarrow.csv

        lines = _cres_only(content)
        if not lines.strip():
            raise InputError("has no cCRE", file=path, remedy=_REMEDY)
        text, number = pa.dictionary(pa.int32(), pa.string()), pa.int64()
        names = _column_names(lines.lstrip(b"\r\n").partition(b"\n")[0].count(b"\t") + 1)
        try:
            table = pyarrow.csv.read_csv(
                pa.BufferReader(lines),
                read_options=pyarrow.csv.ReadOptions(column_names=names),
                parse_options=pyarrow.csv.ParseOptions(delimiter="\t", quote_char=False),
                convert_options=pyarrow.csv.ConvertOptions(
                    include_columns=_COLUMNS,
                    column_types={"chrom": text, "start": number, "end": number, "name": pa.string(), "class": text},
                    null_values=[],
                ),
            )
            return cls(table, file=path)
        except (pa.ArrowInvalid, InputError) as error:
            raise _first_problem(content, path) or InputError(str(error), file=path, remedy=_REMEDY) from error

    def save(self, path: str | Path) -> None:
        """Write the table as Parquet; the file appears at its name only when it is whole."""
        write_parquet(self.table, path)

    @property
    def contigs(self) -> tuple[str, ...]:
        """Names of the contigs that have cCREs."""
        return tuple(self._intervals)

    @property
    def class_ids(self) -> np.ndarray:
        """(rows,) int8, class of each cCRE, index into ``CRE_CLASSES``."""
        return self._class_id

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def overlapping(self, chrom: str, start: int, end: int) -> CreSlice:
        """cCREs that share a base with [start, end), in genomic order; none on a contig that has no cCREs.

        Raises:
            ValueError: ``end`` is before ``start``.
        """
        intervals = self._intervals.get(chrom, _NO_INTERVALS)
        found = intervals.overlapping(start, end)
        rows = self._first_row.get(chrom, 0) + found
        return CreSlice(intervals.start[found], intervals.end[found], self._class_id[rows], rows, self.table["name"])


def _codes_and_values(column: "pa.ChunkedArray") -> tuple[np.ndarray, list[str]]:
    """A dictionary column as codes and values, both in the order of first appearance."""
    chunk = column.combine_chunks()
    values = chunk.dictionary.to_pylist()
    codes = chunk.indices.to_numpy()
    present, first = np.unique(codes, return_index=True)
    in_order = present[np.argsort(first)]
    rank = np.zeros(len(values), dtype=np.int64)
    rank[in_order] = np.arange(len(in_order))
    return rank[codes], [values[code] for code in in_order]


def _check(
    table: "pa.Table", start: np.ndarray, end: np.ndarray, class_names: list[str], file: str | Path | None
) -> None:
    for name in class_names:
        if name not in CRE_CLASSES:
            raise InputError(_unknown_class(name), file=file, remedy=_REMEDY)
    bad = np.flatnonzero((start < 0) | (start >= end))
    if len(bad):
        row = int(bad[0])
        place = f"{table['chrom'][row].as_py()}:{start[row]}-{end[row]}"
        raise InputError("has a cCRE without bases or before base 0", file=file, record=place, remedy=_REMEDY)


def _column_names(n_columns: int) -> list[str]:
    """Names of a BED's columns, by their number; those of the registry's ten where it is none that there is."""
    if n_columns == len(_SCREEN_COLUMNS):
        return list(_SCREEN_COLUMNS)
    return [*_BED_COLUMNS, *(f"column {number}" for number in range(len(_BED_COLUMNS) + 1, n_columns + 1))]


def _unknown_class(name: str) -> str:
    if name.partition(",")[0] in _V4_CLASSES:
        return f"the class {name!r} is of version 4 of the ENCODE registry, and models are trained on version 3"
    return f"unknown cCRE class {name!r}; known: {'; '.join(CRE_CLASSES)}"


def _cres_only(content: bytes) -> bytes:
    """The lines that are cCREs; usually all of them, so look before copying."""
    marks = [mark for mark in _COMMENTS if content.startswith(mark) or b"\n" + mark in content]
    if not marks and not _is_header(content[: content.find(b"\n")]):
        return content
    return b"".join(
        line for line in content.splitlines(keepends=True) if not (line.startswith(_COMMENTS) or _is_header(line))
    )


def _is_header(line: bytes) -> bool:
    fields = line.split(b"\t", 2)
    return len(fields) > 1 and fields[1].lower() in (b"start", b"chromstart")


def _first_problem(content: bytes, path: str | Path) -> InputError | None:
    """The first line that is no cCRE, with its number, for the message."""
    n_columns = None
    for number, line in enumerate(content.splitlines(), start=1):
        if not line or line.startswith(_COMMENTS) or _is_header(line):
            continue
        n_columns = n_columns or line.count(b"\t") + 1
        problem = _problem_of(line, n_columns)
        if problem:
            return InputError(problem, file=path, record=f"line {number}", remedy=_REMEDY)
    return None


def _problem_of(line: bytes, n_columns: int) -> str | None:
    """What is wrong with a line of a file whose first cCRE has so many columns."""
    try:
        fields = line.decode("utf-8").split("\t")
    except UnicodeDecodeError:
        return "is not text"
    names = _column_names(n_columns)
    if len(fields) != len(names):
        return f"has {len(fields)} tab-separated columns instead of {len(names)}"
    start, end = fields[1], fields[2]
    if not (start.isdecimal() and end.isdecimal()):
        return f"start {start!r} and end {end!r} are not both whole numbers from 0"
    if int(start) >= int(end):
        return f"start {start} is not before end {end}"
    kind = fields[names.index("class")]
    if kind not in CRE_CLASSES:
        return _unknown_class(kind)
    return None

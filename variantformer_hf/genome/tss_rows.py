"""Rows of Variformer's CSV of TSSs, which has windows and no genes: read as rows of a gene table."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import InputError

logger = logging.getLogger(__name__)

TSS_COLUMNS = ("seqnames", "starts", "ends", "set", "gene_name", "gene_start", "diff_next", "diff_prev")
_SETS = ("train", "valid", "test")
_REMEDY = f"Give Variformer's CSV of TSSs as its authors published it, with the columns {', '.join(TSS_COLUMNS)}."


def is_tss_header(header: Sequence[str]) -> bool:
    """Whether a table's columns are those of such a file."""
    return set(TSS_COLUMNS) <= set(header)


def gene_rows(
    rows: Iterable[tuple[str, Mapping[str, str | None]]], path: Path
) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    """Rows of such a file as those of a gene table.

    A gene's id is its name, and its TSS the middle of its window, which is 0-based and half-open. Merged genes
    (``A/B``) are one, with the place that their window is laid around. A gene is a point: where it ends, and on which
    strand it lies, the file does not say ('+' is written; these windows are read forward). Names on several rows, of
    which nothing says which is meant, are left out and named in a warning.

    Raises:
        InputError: a row is no window around a gene; it is named.
    """
    checked = [(record, _gene_row(row, record, path)) for record, row in rows]
    rows_of = Counter(row["gene_name"] for _, row in checked)
    twice = [f"{name} ({count} rows)" for name, count in rows_of.items() if count > 1]
    if twice:
        logger.warning("%s: left out genes that have several windows: %s", path, ", ".join(twice))
    yield from ((record, row) for record, row in checked if rows_of[row["gene_name"]] == 1)


def _gene_row(row: Mapping[str, str | None], record: str, path: Path) -> dict[str, str | None]:
    def fail(problem: str) -> InputError:
        return InputError(problem, file=path, record=record, remedy=_REMEDY)

    chrom, start, end, part, name, places, *_ = ((row[column] or "").strip() for column in TSS_COLUMNS)
    if not chrom or not name:
        raise fail("has no seqnames or no gene_name")
    if part not in _SETS:
        raise fail(f"{name} is of the set {part!r}, which is none of {', '.join(_SETS)}")
    if not (start.isdecimal() and end.isdecimal()) or int(start) >= int(end):
        raise fail(f"{name} has a window from {start!r} to {end!r}")
    middle = str((int(start) + int(end)) // 2)
    if middle not in places.split("/"):
        raise fail(f"{name} has gene_start {places!r}, its window {start}-{end} is around {middle}")
    return {
        "gene_id": name,
        "gene_name": name,
        "chromosome": chrom,
        "start": middle,
        "end": str(int(middle) + 1),
        "strand": "+",
        "tss": middle,
    }

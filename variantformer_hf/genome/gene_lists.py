"""Lists of genes as users have them: names one a line, or a table with a column of names."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import InputError
from .table_files import delimiter_of, fields_of, kind_of_file, read_parquet, text_lines

logger = logging.getLogger(__name__)

# Names of columns, in lower case: the first that a table has, and in which a row has a name, counts.
_COLUMNS = (
    "gene_id",
    "ensembl_gene_id",
    "ensembl_id",
    "ensembl",
    "ensemblid",
    "ensg",
    "geneid",
    "gene stable id",
    "gene_name",
    "gene_symbol",
    "genesymbol",
    "symbol",
    "hgnc_symbol",
    "approved symbol",
    "gene name",
    "gene",
    "genes",
)
_MISSING = frozenset({"", "NA", "nan", "NaN", "None"})
_REMEDY = "Write one symbol or Ensembl id a line, or a table with a column gene_id or gene_name."


def read_gene_names(path: str | Path) -> list[str]:
    """Names of genes in the order of a file, as they stand there; blank lines and those that begin with # are left out.

    A table (CSV, TSV or Parquet) whose header names a column ``gene_id`` or ``gene_name`` (or ``symbol``, ``gene``,
    ``ensembl_gene_id`` ...) is read by it, the id first, of a row without an id the symbol. Of a file without a header
    the first column is read. Rows without a name are counted in a warning.

    Args:
        path: the file, compressed (.gz) or not.

    Raises:
        InputError: no such file, no text or Parquet, or no name in it.
    """
    kind = kind_of_file(path)
    if kind == "vcf":
        raise InputError("is a VCF, and no list of genes", file=path, remedy=_REMEDY)
    found = list(_of_parquet(path) if kind == "parquet" else _of_text(path))
    names = [name for name in found if name]
    if not names:
        raise InputError("holds no gene", file=path, remedy=_REMEDY)
    if len(names) < len(found):
        logger.warning("%s: %d of %d rows have no gene", path, len(found) - len(names), len(found))
    return names


def _of_parquet(path: str | Path) -> Iterator[str]:
    table = read_parquet(path, ())
    places = _places(table.column_names)
    if not places:
        raise InputError(
            f"has no column gene_id or gene_name; it has {', '.join(table.column_names)}", file=path, remedy=_REMEDY
        )
    columns = [table.column(place).to_pylist() for place in places]
    for row in zip(*columns, strict=True):
        yield _first(["" if value is None else str(value).strip() for value in row])


def _of_text(path: str | Path) -> Iterator[str]:
    """The name of each row, "" where it has none.

    Raises:
        InputError: one line of several fields, which may be one row or many names.
    """
    lines = [line for line in text_lines(path) if line.strip()]
    for number, line in enumerate(lines):
        delimiter = delimiter_of(line.strip())
        header = fields_of(line.removeprefix("#"), delimiter)
        places = _places(header)
        is_sentence = line.startswith("#") and delimiter == " " and len(header) > 1
        if places and not is_sentence:
            for row in lines[number + 1 :]:
                fields = fields_of(row, delimiter)
                yield _first([fields[place] for place in places if place < len(fields)])
            return
        if not line.startswith("#"):
            break
    rows = [line for line in lines if not line.startswith("#")]
    if len(rows) == 1 and len(fields_of(rows[0].strip(), delimiter_of(rows[0].strip()))) > 1:
        raise InputError("has one line of several names", file=path, remedy=_REMEDY)
    for row in rows:
        yield fields_of(row.strip(), delimiter_of(row.strip()))[0]


def _places(header: Sequence[str]) -> list[int]:
    """Places of the columns that name genes, the best first."""
    lowered = [name.strip().lower() for name in header]
    return [lowered.index(name) for name in _COLUMNS if name in lowered]


def _first(values: Sequence[str]) -> str:
    return next((value for value in values if value not in _MISSING), "")

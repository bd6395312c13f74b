"""Measured expression of people, from a table a row a value."""

import math
from pathlib import Path

from ..errors import InputError
from ..genome.table_files import delimiter_of, fields_of, text_lines
from ..inference.query import RejectedQueryError, rejected_names
from ..zoo.gene_model import GeneModel
from .drivers import Observed

_NO_VALUE = ("", "NA", ".")
_PERSON = ("person", "sample", "donor")


def read_observed(path: str | Path, model: GeneModel) -> Observed:
    """Measured expression: a CSV or TSV with ``person`` (or ``sample``, ``donor``) and ``value``; maybe ``gene_id`` and
    ``tissue``, without which a value is of every gene, or output, that is asked for.

    Args:
        path: of the table.
        model: by whose names genes and outputs are known.

    Raises:
        RejectedQueryError: genes or outputs that the model does not have.
        InputError: no such file, a column that is missing, a value that is no number, or two of one person.
    """
    lines = text_lines(path)
    head = next(lines, "")
    delimiter = delimiter_of(head)
    names = fields_of(head, delimiter)
    person = next((name for name in _PERSON if name in names), None)
    if person is None or "value" not in names:
        raise InputError(
            f"has no column {'person' if person is None else 'value'}; it has {', '.join(names)}",
            file=path,
            remedy="Give a CSV or TSV with the columns person and value; maybe gene_id and tissue.",
        )
    found: dict[tuple[str, str, str], float] = {}
    known: dict[tuple[str, str], str] = {}
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        fields = fields_of(line, delimiter, len(names))
        if len(fields) != len(names):
            problem = f"has {len(fields)} fields, and the first line {len(names)}"
            raise InputError(problem, file=path, record=f"line {number}", remedy="Give each line all columns.")
        row = dict(zip(names, fields, strict=True))
        try:
            value = math.nan if row["value"] in _NO_VALUE else float(row["value"])
        except ValueError:
            raise InputError(
                f"the value is {row['value']!r}", file=path, record=f"line {number}", remedy="Write a number, or NA."
            ) from None
        if math.isnan(value):
            continue
        gene, tissue = (_known(model, known, kind, row.get(kind, "")) for kind in ("gene_id", "tissue"))
        key = gene, tissue, row[person]
        if key in found:
            raise InputError(
                f"{row[person]} has two values", file=path, record=f"line {number}", remedy="Keep one of a person."
            )
        found[key] = value
    if not found:
        raise InputError("has no value", file=path, remedy="Give a row a person.")
    return found


def _known(model: GeneModel, known: dict[tuple[str, str], str], kind: str, name: str) -> str:
    """A gene's id without its version, or an output's name, of a name; "" stays."""
    if not name:
        return ""
    if (kind, name) not in known:
        if kind == "gene_id":
            genes, unknown = model.gene_table.resolve([name])
            known[kind, name] = genes[0].gene_id.split(".")[0] if genes else ""
        else:
            tissues, unknown = model.tissue_names.resolve([name])
            known[kind, name] = tissues[0].name if tissues else ""
        if unknown:
            raise RejectedQueryError(rejected_names(kind.removesuffix("_id"), unknown))
    return known[kind, name]

"""Numbers of genes that MAGMA tests: its file of gene covariates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...genome.table_files import text_lines

GENE = "GENE"
_MISSING = frozenset({"NA", "NaN", "nan", "."})
_REMEDY = "Write a header, GENE and a name for each column, and a line a gene, its id and numbers or NA; tabs between."


@dataclass(frozen=True, slots=True)
class GeneProperties:
    """Numbers of G genes, in the order of the file.

    Attributes:
        path: of the file.
        names: of the properties, here tissues; T of them.
        genes: ids, as in MAGMA's ``.genes.raw``.
        lines: of each gene in the file.
        values: (G, T) float64, NaN where there is none.
    """

    path: Path
    names: Sequence[str]
    genes: Sequence[str]
    lines: Sequence[int]
    values: np.ndarray


def read_gene_properties(path: str | Path) -> GeneProperties:
    """Read a file of gene covariates: a header, then a gene a line; blanks or tabs between columns.

    Raises:
        InputError: it is none; a gene or a column is there twice; a line has more or fewer fields than the header.
    """
    path = Path(path)
    lines = ((number, line.split()) for number, line in enumerate(text_lines(path), 1))
    filled = ((number, fields) for number, fields in lines if fields and not fields[0].startswith("#"))
    _, (_, *names) = next(filled, (0, [GENE]))
    if not names:
        raise InputError("has no column of numbers", file=path, remedy=_REMEDY)
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InputError(f"has two columns {twice}", file=path, remedy="Give each a name of its own, without blanks.")
    values: list[list[float]] = []
    line_of: dict[str, int] = {}
    for number, fields in filled:
        record = f"line {number}: gene {fields[0]}"
        if len(fields) != 1 + len(names):
            raise InputError(
                f"has {len(fields)} fields, and the header has {1 + len(names)}",
                file=path,
                record=record,
                remedy=_REMEDY,
            )
        if fields[0] in line_of:
            problem = f"the gene is that of line {line_of[fields[0]]} too"
            raise InputError(problem, file=path, record=record, remedy="Keep one of them.")
        line_of[fields[0]] = number
        values.append([_number(text, path, record) for text in fields[1:]])
    if not values:
        raise InputError("has no gene", file=path, remedy=_REMEDY)
    return GeneProperties(path, names, [*line_of], [*line_of.values()], np.array(values))


def _number(text: str, path: Path, record: str) -> float:
    """A number, or NaN for a missing one."""
    if text in _MISSING:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{text!r} is no number", file=path, record=record, remedy=_REMEDY)
    return value

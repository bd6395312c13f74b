"""GTEx's expression as it is used for eQTL: a BED a tissue, TMM and inverse-normal over its donors."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...genome.table_files import text_lines
from .source import ExpressionSource, Sample, check_once
from .text_tables import row_numbers

SCALE = "inverse_normal"
_COLUMNS = ["#chr", "start", "end", "gene_id"]
_GTEX_NAME = re.compile(r"(.+)\.v\d+\.normalized_expression\.bed(\.gz)?")


def read_normalized(path: str | Path, *, tissue: str | None = None, cohort: str = "GTEx") -> ExpressionSource:
    """A GTEx ``TISSUE.v8.normalized_expression.bed.gz``: z-scores of one tissue, a column a donor.

    Several tissues are several sources of one ``harmonize``. A sample is called ``DONOR|TISSUE``.

    Args:
        path: .bed or .bed.gz with the columns #chr, start, end, gene_id (stable id and version), then donors.
        tissue: name; None = as the file is called.
        cohort: name of the cohort.

    Raises:
        InputError: the file is damaged or lacks a column, has a donor twice or none, or nothing says which tissue it is
            of.
    """
    path = Path(path)
    named = _GTEX_NAME.fullmatch(path.name)
    if tissue is None and named is None:
        raise InputError(
            "nothing says of which tissue it is",
            file=path,
            remedy="Give the tissue, or the file by GTEx's name, TISSUE.v8.normalized_expression.bed.gz.",
        )
    of = tissue or (named[1] if named else "")
    header = next(text_lines(path), "").split("\t")
    donors = header[len(_COLUMNS) :]
    if header[: len(_COLUMNS)] != _COLUMNS or not donors:
        raise InputError(
            "is no normalized expression of GTEx",
            file=path,
            remedy=f"Give a BED with the columns {', '.join(_COLUMNS)} and one a donor.",
        )
    check_once(donors, path)

    def values() -> Iterator[tuple[str, np.ndarray]]:
        for number, line in enumerate(text_lines(path), start=1):
            if number == 1 or not line:
                continue
            fields = line.split("\t")
            name = fields[3] if len(fields) > 3 else ""
            record = f"line {number} ({name})"
            yield name, row_numbers(fields[len(_COLUMNS) :], len(donors), path, record, "z-scores")

    samples = tuple(Sample(f"{donor}|{of}", donor, of) for donor in donors)
    return ExpressionSource(path, cohort, samples, values, {}, scale=SCALE)

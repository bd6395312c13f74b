"""A GCT of gene TPM, of GTEx or of RNA-SeQC."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...genome.sample_names import gtex_donor
from ...genome.table_files import text_lines
from .source import ExpressionSource, Sample, check_once, with_rin
from .text_tables import read_text_table, row_numbers


def read_gct(
    path: str | Path,
    attributes: str | Path | None = None,
    *,
    cohort: str = "GTEx",
    least_rin: float | None = 6.0,
    donor: str | None = None,
    tissue: str | None = None,
) -> ExpressionSource:
    """A GCT of gene TPM: GTEx's of all samples or of one tissue with the attributes, or RNA-SeQC's of one sample.

    Args:
        path: .gct or .gct.gz: two lines, then Name, Description and a column per sample; a column ``id`` before Name,
            as GTEx v8 has it in the files of one tissue, is passed over.
        attributes: TSV with SAMPID, SMTSD (the tissue) and SMRIN; None = the file has one sample, of ``donor`` and
            ``tissue``, which is called as the file is.
        cohort: name of the cohort.
        least_rin: samples need a greater RIN; those without one are left out. None = all. Without attributes there is
            none to ask for.
        donor, tissue: of a file without attributes.

    Raises:
        InputError: a file is damaged or lacks a column; a sample is there twice, or has no attributes.
    """
    path = Path(path)
    n_names, header = _gct_header(path)
    check_once(header, path)
    if attributes is None:
        if len(header) != 1 or donor is None or tissue is None:
            raise InputError(
                f"has {len(header)} samples, and nothing says whose",
                file=path,
                remedy="Give the sample attributes, or the donor and the tissue of a file of one sample.",
            )
        samples, least_rin = [Sample(path.name.partition(".")[0], donor, tissue)], None
    else:
        known = _gtex_attributes(attributes)
        missing = [name for name in header if name not in known]
        if missing:
            raise InputError(
                f"{len(missing)} of {len(header)} samples are not in the attributes",
                file=path,
                record=missing[0],
                remedy=f"Give the attributes of the same release; {attributes} does not have them.",
            )
        samples = [known[name] for name in header]
    kept, left_out = with_rin(samples, least_rin)
    columns = np.array(kept, dtype=np.int64)

    def values() -> Iterator[tuple[str, np.ndarray]]:
        for number, line in enumerate(text_lines(path), start=1):
            if number <= 3 or not line:
                continue
            fields = line.split("\t", n_names)
            name = fields[n_names - 2] if len(fields) > n_names - 2 else ""
            texts = fields[n_names].split("\t") if len(fields) > n_names else []
            yield name, row_numbers(texts, len(header), path, f"line {number} ({name})", "TPM")[columns]

    return ExpressionSource(path, cohort, tuple(samples[index] for index in kept), values, left_out)


def _gtex_attributes(path: str | Path) -> dict[str, Sample]:
    table = read_text_table(Path(path), ("SAMPID", "SMTSD", "SMRIN"))
    found: dict[str, Sample] = {}
    for name, tissue, rin in zip(table["SAMPID"], table["SMTSD"], table["SMRIN"], strict=True):
        donor = gtex_donor(str(name))
        known = None if rin in ("", "NA", None) or rin != rin else float(rin)  # noqa: PLR0124 -- NaN
        found[str(name)] = Sample(str(name), donor, str(tissue), known)
    return found


def _gct_header(path: Path) -> tuple[int, list[str]]:
    """How many columns of names stand before the samples', and the samples."""
    lines = text_lines(path)
    first, _, header = (next(lines, "") for _ in range(3))
    names = header.split("\t")
    before = 3 if names[0].lower() == "id" else 2
    if not first.startswith("#1.") or names[before - 2 : before] != ["Name", "Description"]:
        raise InputError("is no GCT", file=path, remedy="Give gene TPM as GTEx has it: #1.2, then sizes, then Name ...")
    return before, names[before:]

"""A microarray matrix: genes from probes, on the array's scale."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...genome.table_files import text_lines
from .source import ExpressionSource, Sample, with_rin
from .text_tables import read_matrix


def read_microarray(
    path: str | Path,
    probes: str | Path,
    *,
    cohort: str,
    tissue: str,
    rin: Mapping[str, float] | None = None,
    least_rin: float | None = 6.0,
) -> ExpressionSource:
    """A microarray matrix: probes in rows, a column per sample; the result is on the array's scale, not TPM.

    A probe that names several genes counts for each. Probes whose median is under that of all values are left out. Of a
    gene's probes the median is taken; then samples are quantile-normalised. Its log1p, which every source gets, is the
    logarithm of the paper's recipe.

    Args:
        path: TSV or CSV.
        probes: table of probe and gene symbols (or ids), in the first two columns; several are separated by ``;``,
            ``|`` or ``/``.
        cohort, tissue: names.
        rin: sample -> RIN; None = not known, and not asked for.
        least_rin: as in :func:`read_gct`.

    Raises:
        InputError: a file is damaged; no probe has a gene.
    """
    path = Path(path)
    matrix = read_matrix(path)
    everyone = [
        Sample(str(name), str(name), tissue, None if rin is None else rin.get(str(name))) for name in matrix.columns
    ]
    kept, left_out = with_rin(everyone, None if rin is None else least_rin)
    values = matrix.to_numpy(np.float64)[:, kept]
    rows_of: dict[str, list[int]] = {}
    places = {str(name): row for row, name in enumerate(matrix.index)}
    bright = np.nanmedian(values, axis=1) >= np.nanmedian(values)
    for probe, names in _probe_genes(probes):
        row = places.get(probe)
        if row is not None and bright[row]:
            for name in names:
                rows_of.setdefault(name, []).append(row)
    if not rows_of:
        raise InputError("names no gene of a probe that is bright enough", file=probes, remedy="Check its columns.")
    genes = list(rows_of)
    medians = np.stack([np.nanmedian(values[rows], axis=0) for rows in rows_of.values()])
    normal = quantile_normalized(medians).astype(np.float32)
    samples = tuple(everyone[index] for index in kept)
    return ExpressionSource(
        path, cohort, samples, lambda: iter(zip(genes, normal, strict=True)), left_out, gene_names="symbol"
    )


def quantile_normalized(values: np.ndarray) -> np.ndarray:
    """(genes, samples) with one distribution in all samples, the mean of the sorted columns; ties get their mean."""
    from scipy import stats

    target = np.sort(values, axis=0).mean(axis=1)
    ranks = np.apply_along_axis(stats.rankdata, 0, values) - 1
    low, high = np.floor(ranks).astype(int), np.ceil(ranks).astype(int)
    return (target[low] + target[high]) / 2


def _probe_genes(path: str | Path) -> Iterator[tuple[str, list[str]]]:
    lines = list(text_lines(path))
    delimiter = "\t" if lines and "\t" in lines[0] else ","
    for row in list(csv.reader(lines, delimiter=delimiter))[1:]:
        if len(row) >= 2:
            text = row[1].replace("|", ";").replace("/", ";")
            yield row[0].strip(), [name.strip() for name in text.split(";") if name.strip()]

"""A tidy table: a row a value."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...genome.table_files import read_parquet
from ...zoo.units import LOG1P_TPM, unit_named
from .source import ExpressionSource, Sample
from .text_tables import numbers, read_text_table, tpm_numbers


def read_tidy(
    path: str | Path, *, cohort: str | None = None, scale: str = LOG1P_TPM.name, is_cell_line: bool = False
) -> ExpressionSource:
    """A tidy CSV, TSV or Parquet: donor, tissue, gene_id, tpm (or value); maybe sample and cohort.

    Without ``sample`` a sample is a donor's tissue.

    Args:
        path: the file.
        cohort: name of the cohort; None = the column's, or the file's.
        scale: of the values; of any other than log1p TPM, such as ``log10_cage``, they are in the column ``value``, and
            are trained on as they are.
        is_cell_line: whether the donors are cell lines.

    Raises:
        InputError: a column is missing; a value is no number; a sample has a gene twice; several cohorts.
    """
    path, is_tpm = Path(path), unit_named(scale).is_log1p_tpm
    column = "tpm" if is_tpm else "value"
    needed = ("donor", "tissue", "gene_id", column)
    table = read_parquet(path, needed).to_pandas() if path.suffix == ".parquet" else read_text_table(path, needed)
    if "sample" not in table.columns:
        table = table.assign(sample=table["donor"].astype(str) + "|" + table["tissue"].astype(str))
    table = table.assign(**{column: (tpm_numbers if is_tpm else numbers)(table[column], path, column)})
    twice = table.duplicated(["sample", "gene_id"])
    if twice.any():
        first = table[twice].iloc[0]
        raise InputError(
            "has a gene twice in a sample",
            file=path,
            record=f"{first['sample']}, {first['gene_id']}",
            remedy="Keep one row of each.",
        )
    if cohort is None and "cohort" in table.columns and table["cohort"].nunique() > 1:
        raise InputError(
            f"has {table['cohort'].nunique()} cohorts",
            file=path,
            record=", ".join(map(str, table["cohort"].unique()[:3])),
            remedy="Give each cohort a file.",
        )
    names = table.drop_duplicates("sample")
    several = table.groupby("sample")[["donor", "tissue"]].nunique().max(axis=1)
    if (several > 1).any():
        raise InputError(
            "has a sample of several donors or tissues",
            file=path,
            record=str(several.idxmax()),
            remedy="Give each its own name.",
        )
    samples = tuple(Sample(str(row.sample), str(row.donor), str(row.tissue)) for row in names.itertuples())
    place = {sample.sample: index for index, sample in enumerate(samples)}
    columns = table["sample"].astype(str).map(place).to_numpy()
    found = table[column].to_numpy(np.float32)
    groups = table.groupby("gene_id", sort=False).indices

    def values() -> Iterator[tuple[str, np.ndarray]]:
        for gene, rows in groups.items():
            row = np.full(len(samples), np.nan, dtype=np.float32)
            row[columns[rows]] = found[rows]
            yield str(gene), row

    named = str(table["cohort"].iloc[0]) if "cohort" in table.columns and len(table) else path.name.partition(".")[0]
    return ExpressionSource(path, cohort or named, samples, values, {}, is_cell_line=is_cell_line, scale=scale)

"""ENCODE: gene quantification of one cell line."""

from pathlib import Path

from .source import ExpressionSource, Sample
from .text_tables import read_text_table, tpm_numbers


def read_encode(
    path: str | Path, *, donor: str, tissue: str, sample: str | None = None, cohort: str = "ENCODE"
) -> ExpressionSource:
    """ENCODE: gene quantification of one cell line, TSV with gene_id and TPM.

    Raises:
        InputError: the file is damaged or lacks a column.
    """
    path = Path(path)
    table = read_text_table(path, ("gene_id", "TPM"))
    # Spike-ins and tRNAs of the file have no Ensembl id.
    table = table[table["gene_id"].str.startswith("ENSG")]
    values = tpm_numbers(table["TPM"], path, "TPM")
    names = table["gene_id"].tolist()
    only = Sample(sample or path.name.partition(".")[0], donor, tissue)
    return ExpressionSource(
        path, cohort, (only,), lambda: iter(zip(names, values[:, None], strict=True)), {}, is_cell_line=True
    )

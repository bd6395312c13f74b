"""What ``variantformer heritability`` wrote."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..genome.genes import stable_id
from ..genome.table_files import read_parquet
from .expression_sources.text_tables import numbers, read_text_table
from .repeated_rows import check_once

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("gene_id", "tissue", "h2")


def read_heritability(path: str | Path) -> "pd.DataFrame":
    """Heritability of genes: gene_id (stable), tissue, h2, and cohort where a gene's tissue is there of several.

    Args:
        path: Parquet, TSV or CSV with gene_id, tissue and h2, maybe cohort and status; rows without h2 are left out.

    Raises:
        InputError: a column is missing, an h2 is no number from 0 to 1, none is there, or one is there twice.
    """
    path = Path(path)
    if path.name.endswith(".parquet"):
        table = read_parquet(path, _COLUMNS).to_pandas()
    else:
        table = read_text_table(path, _COLUMNS)
    h2 = numbers(table["h2"], path, "h2")
    wrong = table[(h2 < 0) | (h2 > 1)]
    if len(wrong):
        record = f"{wrong['gene_id'].iloc[0]}, {wrong['tissue'].iloc[0]}"
        raise InputError(f"h2 is {wrong['h2'].iloc[0]}", file=path, record=record, remedy="Give h2 from 0 to 1.")
    found = table.assign(gene_id=[stable_id(str(name)) for name in table["gene_id"]], h2=h2).dropna(subset=["h2"])
    if not len(found):
        raise InputError("has no h2", file=path, remedy="Give what `variantformer heritability` wrote.")
    keys = ["gene_id", "tissue"]
    if found.duplicated(keys).any() and "cohort" in found:
        keys.append("cohort")
    check_once(found, keys, path, "Keep one row of each.")
    return found[[*keys, "h2"]].reset_index(drop=True)

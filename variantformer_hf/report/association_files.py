"""People's predicted expression by weights, as tables: a row a person, a column a gene, a file a tissue."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..applications.association.prediction import PredictedPeople
from .tables import write_table, write_table_pieces
from .weight_files import tissue_stems

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Layout = Literal["parquet", "tsv", "predixcan"]
_SUFFIX = {"parquet": "parquet", "tsv": "tsv", "predixcan": "txt"}
# Of a piece, which is a row group: of tens of thousands of columns few groups are wanted.
_BYTES_AT_ONCE = 256 << 20


def write_people(predicted: PredictedPeople, folder: Path, layout: Layout, metadata: Mapping[str, Any]) -> list[Path]:
    """Write each tissue's table, ``TISSUE.SUFFIX``, some people at a time, and ``genes.tsv``, what was used.

    Args:
        predicted: what was predicted.
        folder: is there.
        layout: ``parquet``, ``tsv`` (sample, genes); ``predixcan``: FID, IID, genes, as its association step reads
            them, and ``TISSUE.summary.txt``.
        metadata: of Parquet files.

    Returns:
        The files.
    """
    written = []
    table = used_genes(predicted)
    for tissue, stem in tissue_stems(predicted.weights).items():
        path = folder / f"{stem}.{_SUFFIX[layout]}"
        write_table_pieces(_pieces(predicted, tissue, layout), path, {**metadata, "tissue": tissue})
        written.append(path)
        if layout == "predixcan":
            of_tissue = table[table["tissue"] == tissue].drop(columns="tissue")
            written.append(write_table(of_tissue, folder / f"{stem}.summary.txt", {}))
    return [*written, write_table(table, folder / "genes.tsv", {})]


def used_genes(predicted: PredictedPeople) -> "pd.DataFrame":
    """A row a gene and tissue: the variants that its weights have, and those that the people's file has."""
    import numpy as np
    import pandas as pd

    genes = predicted.weights.genes
    return pd.DataFrame(
        {
            "gene": [gene.gene_id for gene in genes],
            "gene_name": [gene.gene_name for gene in genes],
            "tissue": [gene.tissue for gene in genes],
            "n_snps_in_model": [len(gene.variant) for gene in genes],
            "n_snps_used": predicted.n_used,
            "pred_perf_r2": [gene.said.get("pred_perf_r2", np.nan) for gene in genes],
            "pred_perf_pval": [gene.said.get("pred_perf_pval", np.nan) for gene in genes],
        }
    )


def _pieces(predicted: PredictedPeople, tissue: str, layout: Layout) -> "Iterator[pa.Table]":
    import pyarrow as pa

    names = [gene.gene_id for gene in predicted.weights.of_tissue(tissue)]
    at_once = max(1, _BYTES_AT_ONCE // (4 * len(names)))
    for people, values in predicted.blocks(tissue, at_once):
        who = ["FID", "IID"] if layout == "predixcan" else ["sample"]
        columns = [pa.array(people, pa.string())] * len(who)
        genes = [pa.array(column, from_pandas=True) for column in values.T]
        yield pa.table([*columns, *genes], names=[*who, *names])

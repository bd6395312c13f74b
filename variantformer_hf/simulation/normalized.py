"""A made cohort's expression as GTEx publishes it for eQTL: a BED a tissue, inverse-normal over all donors."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..genome.genes import Gene

if TYPE_CHECKING:
    import pandas as pd


def write_normalized(
    folder: Path, expression: "pd.DataFrame", genes: Sequence[Gene], donors: Sequence[str]
) -> tuple[Path, ...]:
    """Write ``TISSUE.v8.normalized_expression.bed.gz`` of each tissue, as ``read_normalized`` reads it.

    Args:
        folder: where.
        expression: tidy: donor, tissue, gene_id (without version), tpm.
        genes: that it is of.
        donors: in the order of the columns.
    """
    paths = []
    for tissue in dict.fromkeys(expression["tissue"]):
        of_tissue = expression[expression["tissue"] == tissue]
        table = of_tissue.pivot(index="gene_id", columns="donor", values="tpm")[list(donors)]
        lines = ["\t".join(["#chr", "start", "end", "gene_id", *donors])]
        for gene in genes:
            values = inverse_normal(table.loc[gene.gene_id.partition(".")[0]].to_numpy())
            fields = [gene.chrom, str(gene.tss), str(gene.tss + 1), gene.gene_id]
            lines.append("\t".join([*fields, *(f"{value:.6f}" for value in values)]))
        name = str(tissue).title().replace(" ", "_")
        paths.append(folder / f"{name}.v8.normalized_expression.bed.gz")
        paths[-1].write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))
    return tuple(paths)


def inverse_normal(values: np.ndarray) -> np.ndarray:
    """(n,) quantiles of a normal distribution at rank / (n + 1), ties getting their mean rank."""
    from scipy import stats

    return np.asarray(stats.norm.ppf(stats.rankdata(values) / (len(values) + 1)))

"""The weights of a baseline as PrediXcan and S-PrediXcan read them: a database a tissue, and the same as tables."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..files import whole_file
from .tables import write_table

if TYPE_CHECKING:
    import pandas as pd

    from ..zoo.dosage.gene_model import LinearDosageGeneModel

# What is written behind a variant's name, by the assembly.
_BUILDS = {"GRCh38": "_b38", "GRCh37": "_b37"}
# Column of the table -> PrediXcan's, where they differ, of its database's two tables.
_WEIGHTS = {
    "gene": "gene",
    "variant": "rsid",
    "varID": "varID",
    "ref": "ref_allele",
    "alt": "eff_allele",
    "weight": "weight",
}
_EXTRA = {
    "gene": "gene",
    "gene_name": "genename",
    "n_variants": "n.snps.in.model",
    "pred_perf_r2": "pred.perf.R2",
    "pred_perf_pval": "pred.perf.pval",
    "pred_perf_qval": "pred.perf.qval",
}


def write_predixcan_weights(model: "LinearDosageGeneModel", folder: Path) -> list[Path]:
    """Write each tissue's weights: ``TISSUE.weights.tsv`` and ``TISSUE.db``.

    Genes without a weight are left out, as PrediXcan has nothing to predict of them. A model of PrediXcan has no
    intercept: its predictions differ from those here by a constant of each gene.

    Args:
        model: with weights.
        folder: is there.

    Returns:
        The files.

    Raises:
        InputError: there is no weight in any tissue.
    """
    written = []
    for tissue in model.tissue_names.named:
        weights, extra = _tables(model, tissue.id, tissue.name)
        if not len(weights):
            continue
        stem = re.sub(r"\W+", "_", tissue.name).strip("_")
        table = weights.merge(extra[["gene", "pred_perf_r2"]], on="gene")
        metadata: dict[str, Any] = {"model": model.identity.name, "unit": model.unit.name, "tissue": tissue.name}
        written.append(write_table(table.drop(columns="varID"), folder / f"{stem}.weights.tsv", metadata))
        written.append(_write_database(weights, extra, folder / f"{stem}.db"))
    if not written:
        raise InputError("has no weight in any tissue", file=model.identity.name, remedy="Fit it to more people.")
    return written


def _tables(model: "LinearDosageGeneModel", output: int, tissue: str) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Weights of a tissue, and what is known of its genes."""
    import pandas as pd

    found = model.weights(output)
    row = model.variants.first[found["gene"]] + found["variant"]
    genes = [model.gene_table.genes[number] for number in found["gene"].tolist()]
    of_all = model.variants.all
    ref, alt = of_all.ref[row].tolist(), of_all.alt[row].tolist()
    places = zip(genes, (of_all.position[row] + 1).tolist(), ref, alt, strict=True)
    names = [f"{gene.chrom}_{pos}_{a}_{b}{_BUILDS.get(model.assembly or '', '')}" for gene, pos, a, b in places]
    ids = [gene.gene_id for gene in genes]
    columns = {"gene": ids, "variant": names, "varID": names, "ref": ref, "alt": alt, "weight": found["weight"]}
    weights = pd.DataFrame(columns)
    fits = model.fits.to_pandas().query("tissue == @tissue").rename(columns={"gene_id": "gene"})
    extra = fits[fits["gene"].isin(set(ids))].reindex(columns=list(_EXTRA))
    return weights, extra


def _write_database(weights: "pd.DataFrame", extra: "pd.DataFrame", path: Path) -> Path:
    with whole_file(path) as partial, closing(sqlite3.connect(partial)) as database:
        weights.rename(columns=_WEIGHTS).to_sql("weights", database, index=False)
        extra.rename(columns=_EXTRA).to_sql("extra", database, index=False)
        database.execute("CREATE INDEX weights_gene ON weights (gene)")
        database.commit()
    return path

"""Weights as other programs read them: PrediXcan's databases and covariances, FUSION's tables, Parquet."""

import gzip
import io
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..applications.association.panel_covariance import EVERYBODY, GeneCovariance
from ..applications.association.weights import SAID, AssociationWeights, WeightedGene
from ..errors import InputError
from ..files import whole_file
from ..genome.contigs import bare_name
from ..genome.table_files import write_parquet

if TYPE_CHECKING:
    import pandas as pd

# Our names -> PrediXcan's.
_EXTRA = {
    "gene_id": "gene",
    "gene_name": "genename",
    "n_variants": "n.snps.in.model",
    "pred_perf_r2": "pred.perf.R2",
    "pred_perf_pval": "pred.perf.pval",
    "pred_perf_qval": "pred.perf.qval",
}
_INDEXES = ("extra (gene)", "weights (gene)", "weights (rsid)", "weights (rsid, gene)")


def tissue_stem(tissue: str) -> str:
    """A tissue's name as that of a file: ``whole blood`` -> ``whole_blood``."""
    return re.sub(r"\W+", "_", tissue).strip("_")


def tissue_stems(weights: AssociationWeights) -> dict[str, str]:
    """Tissue -> stem.

    Raises:
        InputError: two tissues have the same one.
    """
    stems = {tissue: tissue_stem(tissue) for tissue in weights.tissues}
    twice = [tissue for tissue, stem in stems.items() if list(stems.values()).count(stem) > 1]
    if twice:
        raise InputError(
            f"has the tissues {' and '.join(map(repr, twice[:2]))}, whose files would have one name",
            file=weights.name,
            remedy="Ask for one of them: --tissue.",
        )
    return stems


def write_predixcan(weights: AssociationWeights, ids: Sequence[str], names: Sequence[str], folder: Path) -> list[Path]:
    """Write each tissue's weights as a database that PrediXcan and S-PrediXcan read, ``TISSUE.db``.

    A model of PrediXcan has no constant: its predictions differ from those here by one of each gene.

    Args:
        weights: of genes.
        ids: of the variants, what GWAS and genotypes call them.
        names: of the variants, by their places (``varID``).
        folder: is there.
    """
    written = []
    has_phi = any("phi" in gene.said for gene in weights.genes)
    for tissue, stem in tissue_stems(weights).items():
        genes = weights.of_tissue(tissue)
        with whole_file(folder / f"{stem}.db") as partial, closing(sqlite3.connect(partial)) as database:
            _weights_table(weights, genes, ids, names).to_sql("weights", database, index=False)
            extra = _genes_table(genes)[[*_EXTRA, *(["phi"] if has_phi else [])]].rename(columns=_EXTRA)
            extra.to_sql("extra", database, index=False)
            for number, columns in enumerate(_INDEXES):
                database.execute(f"CREATE INDEX index_{number} ON {columns}")
            database.commit()
        written.append(folder / f"{stem}.db")
    return written


def _weights_table(
    weights: AssociationWeights, genes: Sequence[WeightedGene], ids: Sequence[str], names: Sequence[str]
) -> "pd.DataFrame":
    import pandas as pd

    numbers = [number for gene in genes for number in gene.variant.tolist()]
    return pd.DataFrame(
        {
            "gene": [gene.gene_id for gene in genes for _ in gene.variant],
            "rsid": [ids[number] for number in numbers],
            "varID": [names[number] for number in numbers],
            "ref_allele": [weights.variants[number].ref for number in numbers],
            "eff_allele": [weights.variants[number].alt for number in numbers],
            "weight": np.concatenate([gene.weight for gene in genes]),
        }
    )


def _genes_table(genes: Sequence[WeightedGene]) -> "pd.DataFrame":
    import pandas as pd

    columns: dict[str, list[Any]] = {
        "gene_id": [gene.gene_id for gene in genes],
        "gene_name": [gene.gene_name for gene in genes],
        "tissue": [gene.tissue for gene in genes],
        "n_variants": [len(gene.variant) for gene in genes],
        "constant": [gene.constant for gene in genes],
    }
    return pd.DataFrame(columns | {name: [gene.said.get(name, np.nan) for gene in genes] for name in SAID})


def write_covariances(
    weights: AssociationWeights, covariances: Iterable[GeneCovariance], ids: Sequence[str], folder: Path
) -> list[Path]:
    """Write each tissue's covariances as PrediXcan reads them, ``TISSUE.txt.gz``, or ``TISSUE.POPULATION.txt.gz``.

    Args:
        weights: of the same genes.
        covariances: gene by gene.
        ids: of the variants, as in the databases.
        folder: is there.
    """
    of_gene: dict[str, list[WeightedGene]] = {}
    for gene in weights.genes:
        of_gene.setdefault(gene.gene_id, []).append(gene)
    stems = tissue_stems(weights)
    files: dict[Path, IO[str]] = {}
    with ExitStack() as stack:
        for found in covariances:
            for gene in of_gene[found.gene_id]:
                place = found.of(gene.variant)
                for population, value in found.value.items():
                    between = "" if population == EVERYBODY else f".{tissue_stem(population)}"
                    path = folder / f"{stems[gene.tissue]}{between}.txt.gz"
                    if path not in files:
                        files[path] = stack.enter_context(_packed(stack.enter_context(whole_file(path))))
                        files[path].write("GENE RSID1 RSID2 VALUE\n")
                    names = [ids[number] for number in found.variant[place].tolist()]
                    files[path].writelines(_pairs(gene.gene_id, names, value[np.ix_(place, place)]))
    return list(files)


def _packed(path: Path) -> IO[str]:
    """A text file that is packed, the same bytes every time."""
    return io.TextIOWrapper(gzip.GzipFile(path, "wb", mtime=0), encoding="utf-8", newline="\n")


def _pairs(gene: str, names: Sequence[str], value: np.ndarray) -> Iterable[str]:
    for row, name in enumerate(names):
        for column, number in enumerate(value[row, row:].tolist(), row):
            yield f"{gene} {name} {names[column]} {number:.10g}\n"


def write_fusion(
    weights: AssociationWeights,
    ids: Sequence[str],
    deviation: np.ndarray,
    folder: Path,
    place_of: Callable[[str], tuple[str, int, int]],
) -> tuple[list[Path], Counter[str]]:
    """Write what FUSION reads, as text: ``TISSUE.pos``, the list of genes, and ``TISSUE/GENE.wgt.txt``, their weights.

    FUSION's weights are of genotypes of variance 1: a copy's weight times the standard deviation of the dosages.

    Args:
        weights: of genes.
        ids: of the variants, as in FUSION's panel.
        deviation: (variants,) of dosages; NaN = not known, and such a variant is left out.
        folder: is there.
        place_of: gene id -> contig, start and end, 0-based half-open.

    Returns:
        The lists, and what was left out.
    """
    written, counts = [], Counter[str]()
    for tissue, stem in tissue_stems(weights).items():
        lines = ["PANEL WGT ID CHR P0 P1 N"]
        (folder / stem).mkdir()
        for gene in weights.of_tissue(tissue):
            kept = np.flatnonzero(deviation[gene.variant] > 0)
            counts["variants_without_variance"] += len(gene.variant) - len(kept)
            if not len(kept):
                counts["genes_without_variants"] += 1
                continue
            chrom, start, end = place_of(gene.gene_id)
            name = f"{stem}/{gene.gene_id}.wgt"
            with whole_file(folder / f"{name}.txt") as partial:
                partial.write_text(_fusion_table(weights, gene, kept, ids, deviation))
            lines.append(f"{stem} {name}.RDat {gene.gene_id} {bare_name(chrom)} {start} {end} NA")
        path = folder / f"{stem}.pos"
        with whole_file(path) as partial:
            partial.write_text("\n".join(lines) + "\n")
        written.append(path)
    return written, counts


def _fusion_table(
    weights: AssociationWeights, gene: WeightedGene, kept: np.ndarray, ids: Sequence[str], deviation: np.ndarray
) -> str:
    said = [gene.said.get(name, np.nan) for name in ("pred_perf_r2", "pred_perf_pval")]
    r2, p = ("NA" if np.isnan(each) else f"{each:.7g}" for each in said)
    lines = ["CHR SNP CM BP A1 A2 WEIGHT RSQ PVAL"]
    for number, weight in zip(gene.variant[kept].tolist(), gene.weight[kept].tolist(), strict=True):
        each = weights.variants[number]
        standard = f"{weight * deviation[number]:.10g}"
        lines.append(f"{bare_name(each.chrom)} {ids[number]} 0 {each.pos} {each.alt} {each.ref} {standard} {r2} {p}")
    return "\n".join(lines) + "\n"


def write_weight_tables(weights: AssociationWeights, ids: Sequence[str], folder: Path) -> list[Path]:
    """Write ``weights.parquet``, a row a gene, tissue and variant, and ``genes.parquet``, a row a gene and tissue."""
    import pyarrow as pa

    numbers = np.concatenate([gene.variant for gene in weights.genes])
    size = [len(gene.variant) for gene in weights.genes]
    variants = [weights.variants[number] for number in numbers.tolist()]
    repeated = np.repeat(np.arange(len(size)), size)
    table = pa.table(
        {
            "gene_id": pa.array([weights.genes[place].gene_id for place in repeated.tolist()]),
            "tissue": pa.array([weights.genes[place].tissue for place in repeated.tolist()]),
            "variant": pa.array([ids[number] for number in numbers.tolist()]),
            "chrom": pa.array([each.chrom for each in variants]),
            "pos": pa.array([each.pos for each in variants], pa.int64()),
            "ref": pa.array([each.ref for each in variants]),
            "alt": pa.array([each.alt for each in variants]),
            "weight": np.concatenate([gene.weight for gene in weights.genes]),
            "mean_dosage": pa.array(np.concatenate([gene.mean for gene in weights.genes]), from_pandas=True),
        }
    )
    genes = pa.Table.from_pandas(_genes_table(weights.genes), preserve_index=False)
    paths = [folder / "weights.parquet", folder / "genes.parquet"]
    for each, path in zip((table, genes), paths, strict=True):
        write_parquet(each, path)
    return paths

"""Time to load gene and cCRE tables of real size, and to search them.

Run: python -m benchmarks.speed.tables [--cres 1060000]

The cCREs are synthetic: 150 to 350 bases, over 24 contigs, in the ten columns of the ENCODE registry.
"""

import argparse
import gzip
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.timing import Result, once, show
from variantformer_hf import CreTable, GeneTable
from variantformer_hf.genome.cres import CRE_CLASSES
from variantformer_hf.genome.genes import Gene
from variantformer_hf.simulation.writers import cre_line, write_genes

CONTIGS = tuple(f"chr{name}" for name in [*range(1, 23), "X", "Y"])
N_GENES = 18_439
N_QUERIES = 1_000


def main() -> None:
    """Print the time of each piece of work."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cres", type=int, default=1_060_000, help="cCREs in the table")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bed, cre_parquet = folder / "cres.bed.gz", folder / "cres.parquet"
        csv, gene_parquet = folder / "genes.csv", folder / "genes.parquet"
        spacing = write_cres(rng, arguments.cres, bed)
        write_genes(csv, random_genes(rng, spacing * (arguments.cres // len(CONTIGS))))
        report: dict[str, float] = {}
        report["cCREs from .bed.gz, s"], cres = once(lambda: CreTable.read(bed))
        report["cCREs written as Parquet, s"], _ = once(lambda: cres.save(cre_parquet))
        report["cCREs from Parquet, s"], cres = once(lambda: CreTable.read(cre_parquet))
        report["genes from .csv, s"], genes = once(lambda: GeneTable.read(csv))
        genes.save(gene_parquet)
        report["genes from Parquet, s"], genes = once(lambda: GeneTable.read(gene_parquet))
        intervals = [(gene.chrom, max(0, gene.start - 1_000_000), gene.end + 1_000_000) for gene in genes][:N_QUERIES]
        each, found = median_each(lambda interval: cres.overlapping(*interval), intervals)
        report["cCREs of a gene within 1 Mb, microseconds"] = each * 1e6
        report["cCREs found, mean"] = float(np.mean([len(each) for each in found]))
        each, _ = median_each(lambda interval: genes.overlapping(*interval), intervals)
        report["genes within 1 Mb, microseconds"] = each * 1e6
        each, _ = median_each(genes.get, [gene.gene_name for gene in genes][:N_QUERIES])
        report["gene by symbol, microseconds"] = each * 1e6
        report["cCREs"], report["genes"] = len(cres), len(genes)
    show(report)


def median_each(work: Callable[..., Result], arguments: list) -> tuple[float, list[Result]]:
    """Median wall time of one call, in seconds, and what the calls returned."""
    rounds = [once(lambda argument=argument: work(argument)) for argument in arguments]
    return float(np.median([seconds for seconds, _ in rounds])), [result for _, result in rounds]


def write_cres(rng: np.random.Generator, count: int, path: Path) -> int:
    """Write a compressed cCRE BED; returns the bases from one cCRE to the next."""
    spacing = 2_800
    per_contig = -(-count // len(CONTIGS))
    lengths, classes = rng.integers(150, 351, count), rng.integers(0, len(CRE_CLASSES), count)
    with gzip.open(path, "wt", compresslevel=6) as file:
        for number in range(count):
            start = 10_000 + spacing * (number % per_contig)
            place = CONTIGS[number // per_contig], start, start + lengths[number]
            file.write(cre_line(*place, f"EH38D{number:07d}", CRE_CLASSES[classes[number]]))
    return spacing


def random_genes(rng: np.random.Generator, contig_length: int) -> list[Gene]:
    """Genes of the human number, anywhere."""
    genes = []
    for number, start in enumerate(rng.integers(1_000, contig_length, N_GENES).tolist()):
        chrom, strand = CONTIGS[number % len(CONTIGS)], "+-"[number % 2]
        end = start + int(rng.integers(1_000, 300_000))
        genes.append(Gene(f"ENSG{number:011d}.3", f"GENE{number}", chrom, start, end, strand, "protein_coding"))
    return genes


if __name__ == "__main__":
    main()

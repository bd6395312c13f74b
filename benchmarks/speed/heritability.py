"""Cis heritability of genes: reading dosages from a VCF, kinship, REML and Haseman-Elston.

Run: python -m benchmarks.speed.heritability [--donors 600] [--variants 3000] [--genes 10]

One core; genes 100 kb apart, each with the SNPs within 1 Mb, in one tissue. Limit: 5 genes a second.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.timing import Timer, cpu_clock, show
from variantformer_hf.data.cis_dosages import cis_dosages
from variantformer_hf.evaluation.heritability import heritability_rows
from variantformer_hf.genome.genes import Gene
from variantformer_hf.simulation.writers import GENOTYPES, contig_lines, write_vcf

_RADIUS, _APART, _GENES_A_SECOND = 1_000_000, 100_000, 5
_CALLS = np.array(["0|0", "0|1", "1|1"])


def main() -> None:
    """Print the numbers and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in (("donors", 600), ("variants", 3_000), ("genes", 10)):
        parser.add_argument(f"--{name}", type=int, default=size)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    people = [f"D{number}" for number in range(asked.donors)]
    genes = [
        Gene(f"G{number}", f"G{number}", "chr1", _RADIUS + number * _APART, _RADIUS + number * _APART + 10_000, "+")
        for number in range(asked.genes)
    ]
    length = genes[-1].end + _RADIUS
    every = 2 * _RADIUS // asked.variants
    with tempfile.TemporaryDirectory() as folder:
        vcf = Path(folder) / "people.vcf.gz"
        lines = (
            f"chr1\t{place}\t.\tA\tC\t.\tPASS\t.\tGT\t"
            + "\t".join(_CALLS[rng.binomial(2, rng.uniform(0.05, 0.5), asked.donors)])
            for place in range(1, length, every)
        )
        write_vcf(vcf, lines, meta=[GENOTYPES, *contig_lines({"chr1": length})], samples=people)
        for _ in range(2):  # the first loads compiled code
            with Timer(cpu_clock) as reading:
                found = [dosages for together, _ in cis_dosages(vcf, people, genes, _RADIUS) for _, dosages in together]
    person, values = np.arange(asked.donors), rng.standard_normal(asked.donors)
    group, covariates = ("LAB", "liver", person), rng.standard_normal((asked.donors, 10))
    for several in (found[:1], found):
        with Timer(cpu_clock) as estimating:
            for dosages in several:
                (row,) = heritability_rows(dosages, values, person, [group], covariates)
                assert row["status"] == "ok"
    rate = asked.genes / (reading.seconds + estimating.seconds)
    show(
        {
            "SNPs of a gene": float(np.mean([dosages.shape[1] for dosages in found])),
            "CPU s a gene, reading": reading.seconds / asked.genes,
            "CPU s a gene, estimating": estimating.seconds / asked.genes,
            "genes a CPU second": rate,
            f"of the {_GENES_A_SECOND} wanted": rate / _GENES_A_SECOND,
        }
    )


if __name__ == "__main__":
    main()

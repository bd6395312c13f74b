"""MAGMA's gene-property test of a whole genome: reading the GWAS's file, and all tissues at once.

Run: python -m benchmarks.speed.magma [--genes 18000] [--tissues 62] [--correlations 60]

22 chromosomes, each one block of correlations, in the plain way and as MAGMA does it. Limit: 60 s and 2 GB.
"""

import argparse
import resource
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.timing import Timer, cpu_clock, show
from variantformer_hf.applications.magma.gene_properties import GeneProperties
from variantformer_hf.applications.magma.gene_statistics import read_gene_statistics
from variantformer_hf.applications.magma.regression import gene_property_test

_CHROMOSOMES = 22
_SECONDS, _GIGABYTES = 60, 2


def main() -> None:
    """Print the numbers and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in (("genes", 18_000), ("tissues", 62), ("correlations", 60)):
        parser.add_argument(f"--{name}", type=int, default=size)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gwas.genes.raw"
        write_statistics(path, asked.genes, asked.correlations, rng)
        values = rng.standard_normal((asked.genes, asked.tissues))
        with Timer(cpu_clock) as reading:
            statistics = read_gene_statistics(path)
        names = [f"tissue_{number}" for number in range(asked.tissues)]
        properties = GeneProperties(path, names, statistics.genes, range(2, 2 + asked.genes), values)
        report: dict[str, float] = {
            "megabytes of the file": path.stat().st_size / 1e6,
            "CPU s to read the file": reading.seconds,
        }
        for name, as_magma in (("plain", False), ("as MAGMA", True)):
            with Timer(cpu_clock) as took:
                found = gene_property_test(statistics, properties, as_magma=as_magma)
            assert found.counts["blocks"] == _CHROMOSOMES
            report[f"CPU s of the test, {name}"] = took.seconds
            report[f"of the limit of {_SECONDS} s, {name}"] = (reading.seconds + took.seconds) / _SECONDS
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    show({**report, "GB at the peak": gigabytes, f"of the limit of {_GIGABYTES} GB": gigabytes / _GIGABYTES})


def write_statistics(path: Path, genes: int, correlations: int, rng: np.random.Generator) -> None:
    """A ``.genes.raw`` of chromosomes alike; genes correlate less the further they are apart, 0.8 to the distance."""
    of_chromosome = -(-genes // _CHROMOSOMES)
    decay = 0.8 ** np.arange(correlations, 0, -1.0)
    text = [f"{value:.6g}" for value in decay]
    z, mac = rng.standard_normal(genes), rng.uniform(20, 300, genes)
    snps = rng.integers(20, 900, genes)
    with path.open("w") as file:
        file.write("# VERSION = 110\n# COVAR = NSAMP MAC\n")
        for gene in range(genes):
            place = gene % of_chromosome
            before = " ".join(text[correlations - min(place, correlations) :])
            fields = f"{gene + 1} {1 + gene // of_chromosome} {place * 9_000 + 1} {place * 9_000 + 8_000}"
            numbers = f"{snps[gene]} {snps[gene] // 4} {rng.integers(300_000, 400_000)} {mac[gene]:.6g} {z[gene]:.6g}"
            file.write(f"{fields} {numbers} {before}\n".replace(" \n", "\n"))


if __name__ == "__main__":
    main()

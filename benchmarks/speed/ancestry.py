"""Ancestry of a cohort beside a panel, 1,000 people and 200,000 SNPs in all: seconds beside the limit, and memory.

Run: python -m benchmarks.speed.ancestry [--panel 750] [--people 250] [--variants 200000] [--fst 0.1]

Genotypes of five populations that drifted apart, each SNP linked with those before it, are written as two VCFs, GT
alone, along 22 chromosomes. What is measured is a process of its own: from the files, indexed and without a store, to
the table. Seconds are of the CPU, in one thread.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.timing import show
from variantformer_hf.simulation.writers import contig_lines, write_vcf

LIMIT_SECONDS, LIMIT_GIGABYTES = 180.0, 2.0
POPULATIONS = ("AFR", "AMR", "EAS", "EUR", "SAS")
CONTIGS, LENGTH, SPACING = [f"chr{number}" for number in range(1, 23)], 250_000_000, 10_000
_MEASURED = """
import json, resource, sys, time
from pathlib import Path
from variantformer_hf.applications.ancestry.labels import read_populations
from variantformer_hf.applications.ancestry.populations import infer_ancestry
folder = Path(sys.argv[1])
begin = time.process_time()
populations = read_populations(folder / "labels.tsv")
found = infer_ancestry(folder / "people.vcf.gz", folder / "panel.vcf.gz", populations)
truth = read_populations(folder / "truth.tsv")
right = (found.table["super_population"] == found.table["donor"].map(truth)).mean()
print(json.dumps({
    "CPU s": time.process_time() - begin,
    "memory at its peak, GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    "SNPs kept": found.report["variants"]["kept"],
    "accuracy of the panel": found.report["accuracy"]["mean"],
    "accuracy of the people": float(right),
}))
"""


def main() -> None:
    """Print the numbers and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in (("panel", 750), ("people", 250), ("variants", 200_000)):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--fst", type=float, default=0.1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, asked)
        said = subprocess.run(
            [sys.executable, "-c", _MEASURED, str(folder)], check=True, stdout=subprocess.PIPE, text=True
        )
    report = json.loads(said.stdout)
    show(
        report
        | {
            "seconds, share of the limit": report["CPU s"] / LIMIT_SECONDS,
            "memory, share of the limit": report["memory at its peak, GB"] / LIMIT_GIGABYTES,
        }
    )


def write_files(folder: Path, asked: argparse.Namespace) -> None:
    """Two VCFs and the populations of both."""
    meta = [
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        *contig_lines(dict.fromkeys(CONTIGS, LENGTH)),
    ]
    everybody = range(asked.panel + asked.people)
    for name, known, people in (
        ("panel", "labels", everybody[: asked.panel]),
        ("people", "truth", everybody[asked.panel :]),
    ):
        samples = [f"S{number}" for number in people]
        write_vcf(folder / f"{name}.vcf.gz", lines(asked, np.array(people)), meta=meta, samples=samples)
        rows = "".join(f"S{number}\t{POPULATIONS[number % len(POPULATIONS)]}\n" for number in people)
        (folder / f"{known}.tsv").write_text(f"donor\tsuper_population\n{rows}")


def lines(asked: argparse.Namespace, people: np.ndarray) -> Iterator[str]:
    """Some people's records of the one cohort; each person copies the SNP before with probability 0.3."""
    rng = np.random.default_rng(0)
    n_people, ratio = asked.panel + asked.people, (1 - asked.fst) / asked.fst
    population = np.arange(n_people) % len(POPULATIONS)
    texts = np.array(["0/0", "0/1", "1/1"], dtype=object)
    dosage = np.zeros(n_people, dtype=np.int64)
    on_each = -(-asked.variants // len(CONTIGS))
    for place in range(asked.variants):
        ancestral = rng.uniform(0.05, 0.95)
        frequency = rng.beta(ancestral * ratio, (1 - ancestral) * ratio, len(POPULATIONS))
        dosage = np.where(rng.random(n_people) < 0.3, dosage, rng.binomial(2, frequency[population]))
        chrom, position = CONTIGS[place // on_each], SPACING * (1 + place % on_each)
        calls = "\t".join(texts[dosage[people]])
        yield f"{chrom}\t{position}\t.\tA\tG\t.\tPASS\t.\tGT\t{calls}"


if __name__ == "__main__":
    main()

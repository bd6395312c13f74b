"""Cost of ``variantformer evaluate variants`` on a file of GTEx's size, of two methods of fine-mapping.

Run: python -m benchmarks.speed.variant_suites [--rows 5000000] [--bootstraps 1000]

Each gene and tissue has 200 variants, told by both methods; all that are SuSiE's are scored.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pysam

from benchmarks.timing import Timer, cpu_clock, show

TISSUES = ("Adipose_Subcutaneous", "Liver", "Lung", "Whole_Blood")
COLUMNS = (
    "chromosome",
    "start",
    "end",
    "variant",
    "variant_hg38",
    "allele1",
    "allele2",
    "minor_allele",
    "cohort",
    "method",
    "tissue",
    "gene",
    "maf",
    "beta_marginal",
    "se_marginal",
    "z",
    "pip",
    "cs_id",
    "beta_posterior",
    "sd_posterior",
)
VARIANTS = 200


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--bootstraps", type=int, default=1_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suite, scores = folder / "suite.tsv.bgz", folder / "scores.tsv"
        write_files(suite, scores, arguments.rows)
        command = [sys.executable, "-m", "variantformer_hf", "evaluate", "variants", "--set", "gtex-susie"]
        command += ["--variants", suite, "--scores", scores, "-o", folder / "out.tsv"]
        command += ["--bootstraps", arguments.bootstraps]
        with Timer() as took, Timer(cpu_clock) as cpu:
            subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        show({"rows": arguments.rows, "s": took.seconds, "CPU s": cpu.seconds, "GB at its peak": peak})


def write_files(suite: Path, scores: Path, n_rows: int) -> None:
    """Write a suite as GTEx publishes it, and a score of each variant that SuSiE has."""
    rng, bases = np.random.default_rng(0), np.array(list("ACGT"))
    with pysam.BGZFile(str(suite), "w") as file, scores.open("w") as scored:
        file.write(("\t".join(COLUMNS) + "\n").encode())
        scored.write("chrom\tpos\tref\talt\tscore\n")
        for gene in range(n_rows // (2 * VARIANTS)):
            chrom, tissue, gene_id = f"chr{gene % 22 + 1}", TISSUES[gene % len(TISSUES)], f"ENSG{gene:011d}.3"
            positions = np.sort(rng.integers(10_000, 200_000_000, VARIANTS)).tolist()
            ref = rng.integers(0, 4, VARIANTS)
            alt = (ref + rng.integers(1, 4, VARIANTS)) % 4
            pip = np.where(rng.random(VARIANTS) < 0.01, 0.95, rng.random(VARIANTS) * 0.02).tolist()
            slope = rng.normal(0, 0.3, VARIANTS)
            score = slope * pip + rng.normal(0, 0.01, VARIANTS)
            lines = []
            for row in zip(positions, bases[ref], bases[alt], pip, slope.tolist(), score.tolist(), strict=True):
                at, before, after, probability, beta, number = row
                scored.write(f"{chrom}\t{at}\t{before}\t{after}\t{number:.5g}\n")
                old, new = f"{chrom}_{at + 77}_{before}_{after}", f"{chrom}_{at}_{before}_{after}_b38"
                for method in ("FINEMAP", "SUSIE"):
                    lines.append(
                        f"{chrom}\t{at - 1}\t{at}\t{old}\t{new}\t{before}\t{after}\t{after}\tGTEx\t{method}\t{tissue}\t"
                        f"{gene_id}\t0.1\t{beta:.6g}\t0.1\t{10 * beta:.4g}\t{probability:.6g}\t1\t{beta:.5g}\t0.1\n"
                    )
            file.write("".join(lines).encode())


if __name__ == "__main__":
    main()

"""Cost of ``variantformer report`` of all genes of a person: seconds, memory, and how large the page is.

Run: python -m benchmarks.speed.report [--genes 18000] [--predictions FILE]

Made predictions in all tissues of the released models, with a reference genome, 5,000 scored variants and 20 genes in
the body; or the page of a table alone. Limits: 60 s, 2 GB, 5 MB.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.timing import Timer, cpu_clock, show
from variantformer_hf.zoo.outputs import RELEASED_TISSUES

MOST_SECONDS, MOST_GB, MOST_MB = 60.0, 2.0, 5.0
N_CHOSEN, N_VARIANTS = 20, 5_000


def main() -> None:
    """Print the numbers and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genes", type=int, default=18_000)
    parser.add_argument("--predictions", type=Path, help="a table; the released program's too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = [arguments.predictions] if arguments.predictions else write_files(folder, arguments.genes)
        command = [sys.executable, "-m", "variantformer_hf", "report", *given, "-o", folder / "page.html"]
        with Timer() as took, Timer(cpu_clock) as cpu:
            subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        size = (folder / "page.html").stat().st_size / 1e6
    report = {"s": took.seconds, "CPU s": cpu.seconds, "GB at its peak": peak, "MB of the page": size}
    report |= {"cores": len(os.sched_getaffinity(0)), "s / limit": took.seconds / MOST_SECONDS}
    report |= {"GB / limit": peak / MOST_GB, "MB / limit": size / MOST_MB}
    show(report)


def write_files(folder: Path, n_genes: int) -> list[object]:
    """Write tables of a person, the reference genome and variants; the arguments of the command."""
    rng = np.random.default_rng(0)
    tissues = [name for name in RELEASED_TISSUES if name]
    genes = [f"ENSG{number:011d}" for number in range(n_genes)]
    of_reference = rng.gamma(1.0, 1.5, (n_genes, len(tissues))).astype(np.float32)
    of_person = of_reference + rng.normal(0, 0.05, of_reference.shape).astype(np.float32)
    for sample, values in (("person", of_person), ("reference", of_reference)):
        table = {
            "sample": [sample] * values.size,
            "gene_id": np.repeat(genes, len(tissues)),
            "gene_name": np.repeat([f"G{gene[-6:]}" for gene in genes], len(tissues)),
            "tissue": np.tile(tissues, n_genes),
            "log1p_tpm": values.ravel(),
            "status": ["ok"] * values.size,
        }
        pq.write_table(pa.table(table), folder / f"{sample}.parquet")
    rows = np.arange(N_VARIANTS)
    effects = {
        "chrom": ["chr1"] * N_VARIANTS,
        "pos": 1_000 + rows,
        **{name: [name.upper()[:1]] * N_VARIANTS for name in ("ref", "alt")},
        "gene_id": [genes[row % n_genes] for row in rows],
        "gene_name": [f"G{genes[row % n_genes][-6:]}" for row in rows],
        "tissue": ["liver"] * N_VARIANTS,
        "effect": rng.normal(size=N_VARIANTS),
        "status": ["ok"] * N_VARIANTS,
        "flags": ["token_shift"] * N_VARIANTS,
    }
    pq.write_table(pa.table(effects), folder / "effects.parquet")
    chosen = [item for gene in genes[:N_CHOSEN] for item in ("--gene", gene)]
    beside = ["--reference", folder / "reference.parquet", "--effects", folder / "effects.parquet"]
    return [folder / "person.parquet", *beside, *chosen]


if __name__ == "__main__":
    main()

"""Predicting many people's expression by weights: seconds and memory, from a PGEN.

Run: python -m benchmarks.speed.weights [--people 500000] [--variants 3000]

One gene in one tissue, a weight for every one of the variants, whose minor alleles are from 1 % to 50 % frequent; one
call in a hundred of every third variant is missing. ``associate predict`` has a process of its own with one thread of
BLAS; printed are its wall and CPU seconds, with and without the start of Python, and its peak of memory. The files are
made once, in --folder, and kept there.
"""

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Timer, cpu_clock, show

SPACING, FIRST, SEED = 600, 1_000, 0


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=500_000)
    parser.add_argument("--variants", type=int, default=3_000)
    parser.add_argument("--folder", type=Path, help="where the files are, or are made; default: a temporary one")
    parser.add_argument("--worker", type=Path, metavar="OUTPUT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        print(json.dumps(answer(arguments.folder, arguments.worker)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        show(predict(folder, arguments.people, arguments.variants))


def predict(folder: Path, people: int, variants: int) -> dict[str, Any]:
    """The numbers of ``associate predict``."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "people.pgen").exists():
        write_files(folder, people, variants)
    return {f"predict, PGEN: {what}": value for what, value in asked(folder).items()}


def asked(folder: Path) -> dict[str, Any]:
    """What a worker answers, and the seconds of its whole process."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "benchmarks.speed.weights", "--folder", str(folder)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with Timer() as took:
            run = subprocess.run(
                [*command, "--worker", str(Path(name) / "out")],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return {**found, "seconds with the start of Python": took.seconds}


def answer(folder: Path, output: Path) -> dict[str, Any]:
    """Seconds, and megabytes."""
    from variantformer_hf.cli import app

    words = ["associate", "predict", str(folder / "gene.db"), "--fasta", str(folder / "genome.fa")]
    words += ["--vcf", str(folder / "people.pgen"), "--output", str(output)]
    with Timer() as took, Timer(cpu_clock) as cpu:
        app(words, standalone_mode=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": took.seconds, "CPU seconds": cpu.seconds, "peak, MB": peak}


def write_files(folder: Path, people: int, variants: int) -> None:
    """A genome, people's genotypes as PGEN, and PrediXcan's database of a gene."""
    import pgenlib

    rng = np.random.default_rng(SEED)
    length = FIRST + SPACING * variants
    (folder / "genome.fa").write_text(f">chr1\n{'A' * length}\n")
    positions = FIRST + SPACING * np.arange(variants)
    head = f"##contig=<ID=chr1,length={length}>\n#CHROM\tPOS\tID\tREF\tALT\n"
    (folder / "people.pvar").write_text(head + "".join(f"chr1\t{position}\t.\tA\tC\n" for position in positions))
    (folder / "people.psam").write_text("#IID\n" + "".join(f"P{number}\n" for number in range(people)))
    frequency = rng.uniform(0.01, 0.5, variants)
    with pgenlib.PgenWriter(str(folder / "people.pgen").encode(), people, variants, False) as writer:
        for number, each in enumerate(frequency.tolist()):
            drawn = rng.random(people, dtype=np.float32)
            dosage = (drawn < each * each).astype(np.int8) + (drawn < each * (2 - each))
            if number % 3 == 0:
                dosage[rng.random(people, dtype=np.float32) < 0.01] = -9
            writer.append_biallelic(dosage.astype(np.int8))
    weight = rng.normal(0, 0.1, variants)
    with sqlite3.connect(folder / "gene.db") as database:
        database.execute("CREATE TABLE weights (rsid, gene, weight, ref_allele, eff_allele)")
        rows = [
            (f"chr1_{position}_A_C_b38", "GENE", value, "A", "C")
            for position, value in zip(positions.tolist(), weight.tolist(), strict=True)
        ]
        database.executemany("INSERT INTO weights VALUES (?, ?, ?, ?, ?)", rows)
        database.execute("CREATE TABLE extra (gene, genename)")


if __name__ == "__main__":
    main()

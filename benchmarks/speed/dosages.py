"""Dosages and one-hot DNA of a cohort: seconds and memory, from its VCF and from its store.

Run: python -m benchmarks.speed.dosages [--rounds 5]

The cohorts of ``benchmarks.speed.cohort``: a site every 30 bases, two thirds of them of one person, one in seven an
insertion or deletion, GT alone. Each question has a process of its own with one thread, which asks it several times;
printed are the median of its CPU seconds and what its peak grew by since a small question was answered.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.timing import cpu_clock, median, show, timed

RECORDS, SPACING, DONORS = 67_000, 30, 100
PEOPLE, BASES = 128, 49_152
FIRST = 1_000_000


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worker", nargs=2, metavar=("QUESTION", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        print(json.dumps(answer(arguments.worker[0], Path(arguments.worker[1]), arguments.rounds)))
        return
    with tempfile.TemporaryDirectory() as name:
        show(measure(Path(name), arguments.rounds))


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """The numbers of all questions."""
    from benchmarks.speed.cohort import write_cohort
    from benchmarks.speed.wgs_files import write_wgs_files
    from variantformer_hf import ReferenceGenome
    from variantformer_hf.genome.variant_ingest import build_store

    os.environ["VARIANTFORMER_CACHE"] = str(folder / "cache")
    report: dict[str, Any] = {}
    for question, n_people in (("dosages", DONORS), ("one-hot", PEOPLE)):
        files = write_wgs_files(folder, 100)
        vcf, _ = write_cohort(ReferenceGenome(files.fasta), folder, n_people)
        report |= {f"{question}, VCF: {what}": value for what, value in asked(question, folder, rounds).items()}
        build_store(vcf)
        report |= {f"{question}, store: {what}": value for what, value in asked(question, folder, rounds).items()}
        vcf.unlink()
    return report


def asked(question: str, folder: Path, rounds: int) -> dict[str, Any]:
    """What a worker answers."""
    command = [sys.executable, "-m", "benchmarks.speed.dosages", "--rounds", str(rounds)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [*command, "--worker", question, str(folder)], env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def answer(question: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds, and megabytes."""
    from variantformer_hf import ReferenceGenome
    from variantformer_hf.genome import Interval, read_dosages
    from variantformer_hf.genome.snp_haplotypes import CohortGenomes
    from variantformer_hf.zoo.diploid_dna import diploid_one_hot

    vcf, reference = folder / "cohort.vcf.gz", ReferenceGenome(folder / "chr1.fa")

    def dosages(end: int) -> Any:
        return read_dosages(vcf, Interval("chr1", FIRST, end)).values

    def one_hot(end: int) -> Any:
        cohort = CohortGenomes(reference, vcf)
        found = diploid_one_hot(cohort, Interval("chr1", FIRST, end))
        cohort.close()
        return found

    ask, end = (dosages, FIRST + RECORDS * SPACING) if question == "dosages" else (one_hot, FIRST + BASES)
    ask(FIRST + 1_000)
    before = peak()
    found = ask(end)
    shape, n_bytes = found.shape, found.nbytes
    del found
    grown = peak() - before
    times = timed(lambda: ask(end).shape, rounds, clock=cpu_clock)[0]
    return {
        "shape": " x ".join(map(str, shape)),
        "CPU s": median(times),
        "MB: the peak grew by": grown / 1e6,
        "of the result's size": grown / n_bytes,
        "MB: the process": peak() / 1e6,
    }


def peak() -> int:
    """Bytes of this process at its largest, without what the one that started it was then."""
    (line,) = (each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()

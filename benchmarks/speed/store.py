"""The store of a cohort: bytes, seconds to make it and to read of it, beside the version before and other tools.

Run: python -m benchmarks.speed.store [--people 1000] [--before CHECKOUT] [--peers PYTHON]

A 5 Mb contig with a site every 30 bases; sites with k carriers are as many as 1 / k^2 (see
``benchmarks.speed.cohort``). Each way makes its store of the same VCF and reads the region within 1 Mb of 40 genes for
some people, who are opened anew; in turn, several rounds, each in a process of its own with one thread. ``--before`` is
a checkout of an earlier version, read by this Python; ``--peers`` a Python that has genoray (SVAR2) and bio2zarr.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pysam

from benchmarks.speed import store_readers
from benchmarks.speed.cohort import write_cohort
from benchmarks.speed.wgs_files import CONTIG_LENGTH, write_wgs_files
from benchmarks.timing import median, show
from variantformer_hf import ReferenceGenome
from variantformer_hf.genome.checked_file import CheckedFile
from variantformer_hf.genome.contig_file import ContigFile

HERE = Path(store_readers.__file__).parents[2]
PEERS = ("genoray", "vcf2zarr")
PEOPLE_MEASURED = 8
GENES = 40
REACH = 1_025_000


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--before", type=Path, help="checkout of an earlier version")
    parser.add_argument("--peers", type=Path, help="a Python with genoray and bio2zarr")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    pysam.set_verbosity(0)
    ways: dict[str, tuple[str, Path, Path | None]] = {"ours": ("ours", Path(sys.executable), HERE)}
    if arguments.before is not None:
        ways["the version before"] = ("ours", Path(sys.executable), arguments.before)
    if arguments.peers is not None:
        ways |= {name: (name, arguments.peers, None) for name in PEERS}
    with tempfile.TemporaryDirectory() as name:
        show(measure(Path(name), arguments.people, ways, arguments.rounds))


def measure(folder: Path, n_people: int, ways: dict[str, tuple[str, Path, Path | None]], rounds: int) -> dict[str, Any]:
    """Bytes and seconds of each way.

    Args:
        folder: to write in.
        n_people: of the cohort.
        ways: name -> which of ``store_readers``, the Python that runs it, and where this package lies.
        rounds: of reading.
    """
    files = write_wgs_files(folder, 100)
    vcf, n_sites = write_cohort(ReferenceGenome(files.fasta), folder, n_people)
    step = (CONTIG_LENGTH - 2 * REACH) // GENES
    centres = range(REACH, CONTIG_LENGTH - REACH, step)
    question = {
        "vcf": str(vcf),
        "people": [f"P{number}" for number in range(min(PEOPLE_MEASURED, n_people))],
        "regions": [(centre - REACH, centre + REACH) for centre in centres],
    }
    report: dict[str, Any] = {"people": n_people, "sites": n_sites, "MB: the VCF": vcf.stat().st_size / 1e6}
    built = {name: asked({**question, "do": "build", "folder": str(folder / name)}, way) for name, way in ways.items()}
    read: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            read[name].append(asked({**question, "do": "read", "folder": str(folder / name)}, way))
    n_calls, call_bytes = calls_in(folder / "ours")
    report |= {"calls that are not 0/0": n_calls, "bytes a call in our store, without sites": call_bytes / n_calls}
    for name in ways:
        size = sum(path.stat().st_size for path in (folder / name).rglob("*") if path.is_file())
        report |= {
            f"{name}: MB": size / 1e6,
            f"{name}: bytes a call, all counted": size / n_calls,
            f"{name}: CPU s to make it": built[name]["CPU seconds"],
            f"{name}: CPU ms a (gene, person)": 1e3 * median([each["again"] for each in read[name]]),
            f"{name}: alternative alleles found": read[name][0]["alleles"],
        }
    return report


def asked(question: dict[str, Any], way: tuple[str, Path, Path | None]) -> dict[str, Any]:
    """What one of ``store_readers`` answers, in a process of its own."""
    kind, python, package = way
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "PYTHONPATH": str(package or "")}
    command = [str(python), store_readers.__file__, json.dumps({**question, "way": kind})]
    run = subprocess.run(command, env=environment, cwd=package or "/", capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{kind} with {python}: {run.stderr.strip().splitlines()[-1]}")
    answer: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return answer


def calls_in(folder: Path) -> tuple[int, int]:
    """How many calls a store of ours holds, and the bytes of all but the sites."""
    (path,) = folder.glob("*.calls")
    contig, said = ContigFile(path), CheckedFile(path).index["blocks"]
    blocks = contig.blocks(0, CONTIG_LENGTH)
    n_calls = sum(len(contig.calls(block).of_person(person)[0]) for block in blocks for person in range(contig.people))
    begins = [block["calls"].get("is_dense", block["calls"].get("first")) for block in said]
    sites = sum(begin - block["anchors"] for begin, block in zip(begins, said, strict=True))
    return n_calls, path.stat().st_size - sites


if __name__ == "__main__":
    main()

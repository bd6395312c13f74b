"""A gene's regions as strings, warm: 1,500 cCREs and a window of 300 kb, beside another program in the same run.

Run: python -m benchmarks.speed.strings [--peer PYTHON] [--records 4500000] [--folder FOLDER to keep the files in]

PYTHON is an interpreter that has pyconsensus-rs 0.1.0 (PyPI), a Rust port of ``bcftools consensus`` that holds the
whole VCF in memory. It runs in a process of its own and takes turns with ours, one thread each: the medians of both
are of the same minutes. Ours decodes the VCF's text anew for each gene; of the file its last 8 MB are kept inflated.
The start is from importing to the first gene.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.speed.wgs_files import WgsFiles, trained_tokenizer, write_wgs_files
from benchmarks.timing import median, show
from variantformer_hf import CreTable, GeneTable, ReferenceGenome, VariantFormerProcessor
from variantformer_hf.zoo.variantformer.regions import region_finder

ROUNDS = 25
# Run by each side's own interpreter: opens, says what that took, then a gene for each line that it reads.
OURS = """
import json, sys, time
begin = time.perf_counter(), time.process_time()
fasta, vcf, regions = sys.argv[1], sys.argv[2], json.loads(open(sys.argv[3]).read())
from variantformer_hf import PersonalGenome, ReferenceGenome
person = PersonalGenome(ReferenceGenome(fasta), vcf)
intervals = [("chr1", start, end) for start, end in regions]
work = lambda: person.sequences(intervals)
"""
PEER = """
import json, sys, time
begin = time.perf_counter(), time.process_time()
fasta, vcf, regions = sys.argv[1], sys.argv[2], json.loads(open(sys.argv[3]).read())
from pyconsensus import ConsensusEngine, Task
engine = ConsensusEngine(ref_path=fasta, vcfs={"v": vcf}, iupac_codes=True, log_level="off", regions_overlap=1)
tasks = [Task("chr1", start + 1, end, "v", "G", "person", "I") for start, end in regions]
work = lambda: [(each.seq or b"").decode() for each in engine.consensus_many(tasks, threads=1)]
"""
LOOP = """
found = work()
begin = time.perf_counter() - begin[0], time.process_time() - begin[1]
memory = [int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
open(sys.argv[4], "w").write(json.dumps(found))
print(json.dumps([*begin, memory]), flush=True)
for _ in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]), flush=True)
"""


class Side:
    """One of the programs, in a process that waits for its turn."""

    def __init__(self, python: str, script: str, files: WgsFiles, regions: Path, found: Path) -> None:
        command = [python, "-c", script + LOOP, str(files.fasta), str(files.vcf), str(regions), str(found)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.start_wall, self.start_cpu, self.memory = self._said()
        self.found: list[str] = json.loads(found.read_text())

    def gene(self) -> list[float]:
        """Wall and CPU seconds of a gene."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._said()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _said(self) -> list[float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a side of the benchmark ended: see its message above")
        return list(json.loads(line))


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=4_500_000, help="records in the VCF")
    parser.add_argument("--folder", type=Path, help="where the files are kept; by default they are removed")
    parser.add_argument("--peer", help="an interpreter that has pyconsensus-rs")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(exist_ok=True)
        files = write_wgs_files(folder, arguments.records)
        report: dict[str, Any] = {"records in the VCF": arguments.records}
        report |= measure(files, Path(name), arguments.peer)
    show(report)


def measure(files: WgsFiles, folder: Path, peer: str | None) -> dict[str, Any]:
    """Both sides in turns."""
    regions = folder / "regions.json"
    regions.write_text(json.dumps(regions_of(files)))
    Side(sys.executable, OURS, files, regions, folder / "found.json").close()  # the kernels are on disk afterwards
    sides = {"ours": Side(sys.executable, OURS, files, regions, folder / "ours.json")}
    if peer is not None:
        sides["pyconsensus-rs"] = Side(peer, PEER, files, regions, folder / "peer.json")
    times: dict[str, list[list[float]]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            times[name].append(side.gene())
    report: dict[str, Any] = {}
    for name, side in sides.items():
        side.close()
        wall, cpu = (median([each[place] for each in times[name]]) for place in (0, 1))
        report |= {
            f"{name}: CPU s a gene": cpu,
            f"{name}: s a gene": wall,
            f"{name}: s to start": side.start_wall,
            f"{name}: CPU s to start": side.start_cpu,
            f"{name}: MB at its peak": side.memory,
        }
    if peer is not None:
        report["peer's CPU over ours (goal 1)"] = report["pyconsensus-rs: CPU s a gene"] / report["ours: CPU s a gene"]
        pairs = zip(sides["ours"].found, sides["pyconsensus-rs"].found, strict=True)
        report["sequences that differ, letter case aside"] = sum(mine.upper() != its.upper() for mine, its in pairs)
    return report


def regions_of(files: WgsFiles) -> list[tuple[int, int]]:
    """The gene's cCREs and its window."""
    reference = ReferenceGenome(files.fasta)
    genes = GeneTable.read(files.genes)
    processor = VariantFormerProcessor(trained_tokenizer(reference))
    found = region_finder(genes, CreTable.read(files.cres), processor, reference).find(genes.get("BENCH"))
    return [(interval.start, interval.end) for interval in found.intervals]


if __name__ == "__main__":
    main()

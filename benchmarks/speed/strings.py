"""A gene's regions as strings, warm: 1,500 cCREs and a window of 300 kb, beside another program in the same run.

Run: python -m benchmarks.speed.strings [--peer PYTHON] [--records 4500000] [--folder FOLDER to keep the files in]

PYTHON is an interpreter that has pyconsensus-rs 0.1.0 (PyPI), a Rust port of ``bcftools consensus`` that holds the
whole VCF in memory. It runs in a process of its own and takes turns with ours, one thread each: the medians of both
are of the same minutes. Ours decodes the VCF's text anew for each gene; of the file its last 8 MB are kept inflated.
The start is from importing to the first gene.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.speed.wgs_files import WgsFiles, trained_tokenizer, write_wgs_files
from benchmarks.timing import show
from benchmarks.turns import Side, take_turns
from variantformer_hf import CreTable, GeneTable, ReferenceGenome, VariantFormerProcessor
from variantformer_hf.zoo.variantformer.regions import region_finder

ROUNDS = 25
OURS = """
fasta, vcf, regions = sys.argv[2], sys.argv[3], json.loads(open(sys.argv[4]).read())
from variantformer_hf import PersonalGenome, ReferenceGenome
person = PersonalGenome(ReferenceGenome(fasta), vcf)
intervals = [("chr1", start, end) for start, end in regions]
work = lambda: person.sequences(intervals)
"""
PEER = """
fasta, vcf, regions = sys.argv[2], sys.argv[3], json.loads(open(sys.argv[4]).read())
from pyconsensus import ConsensusEngine, Task
engine = ConsensusEngine(ref_path=fasta, vcfs={"v": vcf}, iupac_codes=True, log_level="off", regions_overlap=1)
tasks = [Task("chr1", start + 1, end, "v", "G", "person", "I") for start, end in regions]
work = lambda: [(each.seq or b"").decode() for each in engine.consensus_many(tasks, threads=1)]
"""


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
    given = [str(files.fasta), str(files.vcf), str(regions)]
    Side(sys.executable, OURS, given).close()  # the kernels are on disk afterwards
    sides = {"ours": Side(sys.executable, OURS, given, found=folder / "ours.json")}
    if peer is not None:
        sides["pyconsensus-rs"] = Side(peer, PEER, given, found=folder / "peer.json")
    take_turns(list(sides.values()), ROUNDS)
    report: dict[str, Any] = {}
    for name, side in sides.items():
        report |= side.report(name) | side.start_report(name)
    if peer is not None:
        report["peer's time over ours"] = report["pyconsensus-rs: s"] / report["ours: s"]
        report["peer's CPU over ours (goal 1)"] = report["pyconsensus-rs: CPU s"] / report["ours: CPU s"]
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

"""One gene's inputs, this checkout beside an earlier one in turns: from a VCF of 4.5 million records, and its store.

Run: python -m benchmarks.speed.beside CHECKOUT [--records 4500000] [--folder FOLDER to keep the files in]

CHECKOUT is a folder with the repository at another commit (``git worktree add --detach CHECKOUT COMMIT``). Each side
runs its own ``benchmarks.speed.inputs.Gene`` in processes of its own, with its own stores; tokens of the reference are
at hand. The files are those of this checkout.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.speed.wgs_files import write_wgs_files
from benchmarks.timing import show
from benchmarks.turns import Side, take_turns

ROUNDS = 25
HERE = Path(__file__).resolve().parents[2]
SCRIPT = """
from pathlib import Path
from benchmarks.speed import inputs
from benchmarks.speed.wgs_files import WgsFiles
files = WgsFiles(*map(Path, sys.argv[2:6]))
if sys.argv[6] == "store":
    inputs.build_store(files.vcf)
gene = inputs.Gene(files)
def work():
    gene.inputs()
for _ in range(3):
    work()
"""


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--records", type=int, default=4_500_000, help="records in the VCF")
    parser.add_argument("--folder", type=Path, help="where the files are kept; by default they are removed")
    arguments = parser.parse_args()
    report: dict[str, Any] = {"records in the VCF": arguments.records}
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(exist_ok=True)
        files = write_wgs_files(folder, arguments.records)
        given = [str(path.resolve()) for path in (files.fasta, files.vcf, files.genes, files.cres)]
        for source in ("VCF", "store"):
            sides = {}
            for side, checkout in (("this checkout", HERE), ("the other", arguments.checkout.resolve())):
                environment = {"PYTHONPATH": str(checkout), "VARIANTFORMER_CACHE": str(Path(name) / f"{side}-{source}")}
                sides[f"{source}, {side}"] = Side(
                    sys.executable, SCRIPT, [*given, source], environment=environment, folder=checkout
                )
            take_turns(list(sides.values()), ROUNDS)
            for side, each in sides.items():
                report |= each.report(side)
            report[f"{source}: times faster, CPU (goal 2)"] = (
                report[f"{source}, the other: CPU s"] / report[f"{source}, this checkout: CPU s"]
            )
    show(report)


if __name__ == "__main__":
    main()

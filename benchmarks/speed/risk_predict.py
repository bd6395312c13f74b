"""One person's genome by the released forests, 16,510 genes x 45 tissues: measured on some of the genes.

Run: python -m benchmarks.speed.risk_predict [--genes 200] [--trees 100] [--tissues 45] [--cold]

How large the released forests are is not known. The paper's grid is 100, 500 or 1,000 trees of 10, 20 or 30 levels, on
330 donors and 1,536 numbers (VariantFormer, 6.2.2): here they have --trees each, fitted to noise, which grows the most
splits; nine forests stand for a gene's 45. Each gene has a file of forests and one of embeddings. Seconds are those of
these genes, times all genes over these. With --cold the forests are dropped from the page cache first, so that the wall
seconds are the disk's.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory.embedding_store import peak, write_store
from benchmarks.timing import cpu_clock, show, timed
from variantformer_hf import EmbeddingStore, compiled
from variantformer_hf.applications.risk.forest_folder import RiskForests
from variantformer_hf.applications.risk.forest_grid import fit_forest
from variantformer_hf.applications.risk.forests import GeneForests
from variantformer_hf.applications.risk.predictions import predict_risk
from variantformer_hf.report.tables import write_table
from variantformer_hf.zoo.outputs import RELEASED_TISSUES

GENES, LIMIT_SECONDS = 16_510, 30
DONORS, WIDTH, DEPTHS, DIFFERENT = 330, 1_536, (10, 20, 30), 9


def main() -> None:
    """Print the numbers and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in (("genes", 200), ("trees", 100), ("tissues", 45)):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--cold", action="store_true", help="drop the forests from the page cache first")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        show(measure(Path(folder), asked))


def measure(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """The numbers, by name."""
    numbers = [number for number, name in enumerate(RELEASED_TISSUES) if name is not None][: asked.tissues]
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(DONORS, WIDTH)), (rng.random(DONORS) < 0.58).astype(int)
    fitted = [
        fit_forest(vectors, labels, trees=asked.trees, depth=DEPTHS[seed % len(DEPTHS)], seed=seed)
        for seed in range(DIFFERENT)
    ]
    of_gene = GeneForests.of({number: fitted[place % DIFFERENT] for place, number in enumerate(numbers)})
    files = [of_gene.save(folder / f"G{gene:05d}.safetensors") for gene in range(asked.genes)]
    tissues = [str(RELEASED_TISSUES[number]) for number in numbers]
    write_store(folder / "store", 1, asked.genes, tissues, WIDTH, dtype="float32", precision="released")
    forests, store = RiskForests.open(folder), EmbeddingStore.open(folder / "store")
    share = GENES / asked.genes
    report: dict[str, Any] = {
        "splits a tree": len(of_gene.arrays["feature"]) / len(of_gene.arrays["roots"]),
        "GB of forests, all genes": files[0].stat().st_size * GENES / 1e9,
    }

    def work() -> None:
        write_table(predict_risk(forests, store).table, folder / "out.parquet", {})

    predict_risk(forests, store, genes=["G00000"])  # imports, and the compiler where its cache is empty
    if asked.cold:
        _drop(files)
    (wall,), _ = timed(work)
    report["wall s, all genes"] = wall * share
    cpu = _cpu(work) * share
    report |= {"CPU s, all genes": cpu, f"of the limit of {LIMIT_SECONDS} s": cpu / LIMIT_SECONDS}
    features = np.zeros((len(numbers), 1, WIDTH), dtype=np.float32)
    alone = _cpu(lambda: [GeneForests.open(each).predict(numbers, features) for each in files])
    report["of it, files opened and trees walked: CPU s"] = alone * share
    compiled.HAS_NUMBA = False
    report["trees walked by NumPy: CPU s"] = _cpu(lambda: of_gene.predict(numbers, features)) * GENES
    return report | {"MB at the peak": peak() / 1e6}


def _cpu(work: Callable[[], object]) -> float:
    """The least CPU seconds of three rounds."""
    return min(timed(work, 3, clock=cpu_clock)[0])


def _drop(files: list[Path]) -> None:
    """Drop files from the page cache."""
    for path in files:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()

"""A store of embeddings: its size, the memory that writing takes, the time to read a gene of it.

Run: python -m benchmarks.memory.embedding_store [--people 370] [--genes 100] [--tissues 13] [--width 1536]

Random numbers in float16, written unit by unit as a run does it and without a model; then each gene is opened by memory
map and all of it copied, with its pages in memory, as right after writing.
"""

import argparse
import json
import resource
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.timing import show, timed
from variantformer_hf.genome.genes import Gene
from variantformer_hf.genome.interval import Interval
from variantformer_hf.inference.embedding_store import EmbeddingStore
from variantformer_hf.inference.predicted import PredictedGenes, PredictedUnit
from variantformer_hf.inference.run_contents import RunContents
from variantformer_hf.inference.run_folder import MANIFEST_FILE, RunFolder
from variantformer_hf.inference.run_plan import Cut, units_of
from variantformer_hf.zoo.units import LOG1P_TPM


def main() -> None:
    """Print the numbers and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in (("people", 370), ("genes", 100), ("tissues", 13), ("width", 1536)):
        parser.add_argument(f"--{name}", type=int, default=size)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        show(measure(Path(folder) / "store", asked))


def measure(folder: Path, asked: argparse.Namespace) -> dict[str, float]:
    """The numbers, by name."""
    tissues = [f"T{number}" for number in range(asked.tissues)]
    before = peak()
    (seconds,), _ = timed(lambda: write_store(folder, asked.people, asked.genes, tissues, asked.width))
    written = peak()
    store = EmbeddingStore.open(folder)
    reads = [timed(lambda name=gene.gene_id: np.array(store[name]))[0][0] for gene in store.genes]
    return {
        "gigabytes on disk": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9,
        "megabytes of memory to write, beyond what was there": (written - before) / 1e6,
        "seconds a gene, written": seconds / asked.genes,
        "milliseconds to read a gene, median": 1e3 * statistics.median(reads),
        "milliseconds to read a gene, longest": 1e3 * max(reads),
    }


def write_store(
    folder: Path,
    people: int,
    genes: int,
    tissues: Sequence[str],
    width: int,
    *,
    dtype: str = "float16",
    precision: str = "float32",
) -> None:
    """Write a store of random numbers, of genes G00000, G00001 ... and a model that is called pcg."""
    starts = range(1, 1 + 10_000 * genes, 10_000)
    names = [f"G{place:05d}" for place in range(genes)]
    contents = RunContents(
        samples=[f"P{number}" for number in range(people)],
        genes=[Gene(name, name, "chr1", start, start + 999, "+") for name, start in zip(names, starts, strict=True)],
        tissues=list(tissues),
        unit=LOG1P_TPM,
        description={"model": {"name": "pcg", "sha256": ""}, "precision": precision},
        cut=Cut(people, 1),
        genes_along=range(genes),
        layout="embeddings",
        dtype=dtype,
        embedding_width=width,
    )
    run = RunFolder.begin(folder, contents)
    reaches = [Interval("chr1", start - 1, start + 999) for start in starts]
    units = units_of(reaches, [1.0] * genes, people, contents.cut)
    rng = np.random.default_rng(0)
    for unit in units:
        found = PredictedGenes.empty(range(people), unit.content.genes, len(tissues), width)
        assert found.embeddings is not None
        rng.standard_normal(out=found.embeddings[:, 0], dtype=np.float32)
        found.status[:] = "ok"
        run.write(unit, PredictedUnit(found, ()))
    listed = [{"name": unit.name, "files": [asdict(file) for file in run.done_notes(unit).files]} for unit in units]
    run.files.put(MANIFEST_FILE, json.dumps({"key": contents.key, "rows": 0, "listed": listed}).encode())


def peak() -> float:
    """Bytes of this process at its peak."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


if __name__ == "__main__":
    main()

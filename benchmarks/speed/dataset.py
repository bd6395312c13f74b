"""Writing a unit of a dataset, and reading a part of one: bytes and rows a second, in each layout.

Run: python -m benchmarks.speed.dataset [--people 64] [--genes 256]

A unit of made numbers goes through what a run does with it once the model has spoken. One process, one core.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.timing import cpu_clock, median, show, timed

TISSUES = 62


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=64)
    parser.add_argument("--genes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    report: dict[str, Any] = {"rows of a unit": arguments.people * arguments.genes * TISSUES}
    with tempfile.TemporaryDirectory() as name:
        for layout, dtype in (("parquet", "float32"), ("zarr", "float32"), ("zarr", "float16")):
            measured = measure(Path(name) / f"{layout}-{dtype}", layout, dtype, arguments)
            report |= {f"{layout} {dtype}: {what}": value for what, value in measured.items()}
    show(report)


def measure(folder: Path, layout: str, dtype: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds and bytes of one layout."""
    import numpy as np

    from variantformer_hf.genome.genes import Gene
    from variantformer_hf.genome.interval import Interval
    from variantformer_hf.inference.predicted import PersonRecordsMet, PredictedGenes, PredictedUnit
    from variantformer_hf.inference.run_contents import RunContents
    from variantformer_hf.inference.run_folder import RunFolder
    from variantformer_hf.inference.run_plan import Cut, units_of
    from variantformer_hf.zoo.units import LOG1P_TPM

    n_people, n_genes = arguments.people, arguments.genes
    rng = np.random.default_rng(0)
    of_genes = rng.gamma(2, 1, (1, n_genes, TISSUES))
    values = of_genes + rng.normal(0, 0.01, (n_people, n_genes, 1)) * rng.random((1, n_genes, TISSUES))
    found = PredictedGenes.empty(range(n_people), range(n_genes), TISSUES)
    found.values[:] = np.maximum(values, 0)
    found.status[:] = "ok"
    found.n_cres[:], found.records_in_windows[:], found.records_applied[:] = 1_400, 900, 700
    shared = 8_000  # records a person that lie within the reach of a neighbouring unit's genes
    sites = np.sort(rng.integers(0, 2**50, 5 * shared))
    records = tuple(
        PersonRecordsMet(person, "chr1", np.array([0], np.int8), np.array([20_000]), keys, np.zeros(shared, np.int8))
        for person, keys in enumerate(np.sort(rng.choice(sites, (n_people, shared))))
    )
    contents = RunContents(
        samples=[f"HG{number:05d}" for number in range(n_people)],
        genes=[Gene(f"ENSG{n:011d}.1", f"GENE{n}", "chr1", n * 100_000, n * 100_000 + 50, "+") for n in range(n_genes)],
        tissues=[f"tissue number {number}" for number in range(TISSUES)],
        unit=LOG1P_TPM,
        description={},
        cut=Cut(n_people, n_genes, by_contig=layout == "parquet"),
        genes_along=range(n_genes),
        layout="parquet" if layout == "parquet" else "zarr",
        dtype=dtype,
    )
    reaches = [Interval("chr1", gene.start, gene.end) for gene in contents.genes]
    (unit,) = units_of(reaches, [1.0] * n_genes, n_people, contents.cut)
    store = RunFolder.begin(folder, contents)
    written, _ = timed(lambda: store.write(unit, PredictedUnit(found, records)), arguments.rounds, clock=cpu_clock)
    checked, _ = timed(lambda: RunFolder(store.files, contents).is_done(unit), arguments.rounds, clock=cpu_clock)
    read, _ = timed(lambda: store.predictions(store.done_notes(unit)), arguments.rounds, clock=cpu_clock)
    notes = store.done_notes(unit)
    rows = found.values.size
    return {
        "bytes a row": sum(file.size for file in notes.files) / rows,
        "bytes a row of notes": len(store.files.read(f"_units/{unit.name}.arrow")) / rows,
        "million rows/s, written": rows / median(written) / 1e6,
        "million rows/s, held against their hashes": rows / median(checked) / 1e6,
        "million rows/s, read": rows / median(read) / 1e6,
    }


if __name__ == "__main__":
    main()

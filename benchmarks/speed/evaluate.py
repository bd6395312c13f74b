"""Cost of ``variantformer evaluate predictions`` at the size of a whole cohort: files, tables, figures and the page.

Run: python -m benchmarks.speed.evaluate [--genes 18000] [--donors 200] [--models 1] [--no-map] [--columns]

Ten tissues of each donor, of five super-populations; a third of the values were not measured, and all are predicted.
Limits on two cores: 18,000 genes x 2,000 samples of one model 120 s and 6 GB, of three models 300 s.
"""

import argparse
import json
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
from variantformer_hf.data.splits import Split

LIMITS = {1: 120.0, 3: 300.0}
MOST_GB = 6.0
POPULATIONS = ("AFR", "AMR", "EAS", "EUR", "SAS")
TISSUES = (
    "brain - cortex",
    "brain - cerebellum",
    "liver",
    "lung",
    "thyroid",
    "spleen",
    "testis",
    "ovary",
    "lcl",
    "skin",
)


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genes", type=int, default=18_000)
    parser.add_argument("--donors", type=int, default=200)
    parser.add_argument("--models", type=int, default=1)
    parser.add_argument("--no-map", action="store_true")
    parser.add_argument(
        "--columns", action="store_true", help="the field's columns too; a tenth of the donors is trained on"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = write_files(folder, arguments.genes, arguments.donors, arguments.models)
        command = [sys.executable, "-m", "variantformer_hf", "evaluate", "predictions"]
        command += [f"--predictions={model}={path}" for model, path in models.items()]
        command += ["--expression", folder / "expression", "--samples", folder / "samples.tsv"]
        command += ["--genes", folder / "genes.csv", "-o", folder / "out"]
        command += ["--no-map"] if arguments.no_map else []
        command += ["--columns", "--split", folder / "split.json"] if arguments.columns else []
        with Timer() as took, Timer(cpu_clock) as cpu:
            subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        report = {
            "genes": arguments.genes,
            "samples": arguments.donors * len(TISSUES),
            "models": arguments.models,
            "cores": len(os.sched_getaffinity(0)),
            "s": took.seconds,
            "CPU s": cpu.seconds,
            "GB at its peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20,
            "MB of the output": sum(path.stat().st_size for path in (folder / "out").iterdir()) / 1e6,
            "MB of the page": (folder / "out/report.html").stat().st_size / 1e6,
        }
    report["GB / limit"] = report["GB at its peak"] / MOST_GB
    if arguments.models in LIMITS:
        report["s / limit"] = took.seconds / LIMITS[arguments.models]
    show(report)


def write_files(folder: Path, n_genes: int, n_donors: int, n_models: int) -> dict[str, Path]:
    """Write expression, people, genes and predictions; model -> its file."""
    rng = np.random.default_rng(0)
    genes = [f"ENSG{number:011d}" for number in range(n_genes)]
    donors = [f"D{number:04d}" for number in range(n_donors)]
    types = rng.choice(["protein_coding", "lincRNA"], n_genes)
    lines = [
        f"{gene}.1,N{number},chr{number % 22 + 1},1000,2000,+,{types[number]}" for number, gene in enumerate(genes)
    ]
    header = "gene_id,gene_name,chromosome,start,end,strand,gene_type"
    (folder / "genes.csv").write_text("\n".join([header, *lines]) + "\n")
    population = [POPULATIONS[number % 5] for number in range(n_donors)]
    rows = [f"{donor}\t{name}" for donor, name in zip(donors, population, strict=True)]
    (folder / "samples.tsv").write_text("\n".join(["donor\tsuper_population", *rows]) + "\n")
    # Of one population, half of whom are trained on; a fifth of the genes is not.
    parts = {donor: "train" if number % 10 == 3 else "test" for number, donor in enumerate(donors)}
    split = Split({"LAB": parts})
    split.with_genes({gene: "train" if number % 5 else "test" for number, gene in enumerate(genes)}).save(
        folder / "split.json"
    )
    n_samples = n_donors * len(TISSUES)
    level = rng.normal(2, 1, (n_genes, 1, 1)).astype(np.float32)
    of_tissue = rng.normal(0, 1, (n_genes, 1, len(TISSUES))).astype(np.float32)
    of_population = (rng.normal(0, 0.5, (n_genes, 5)) * (rng.random((n_genes, 1)) < 0.05)).astype(np.float32)
    truth = level + of_tissue + of_population[:, np.arange(n_donors) % 5][:, :, None]
    truth = (truth + rng.standard_normal((n_genes, n_donors, len(TISSUES)), dtype=np.float32)).astype(np.float32)
    _write_expression(folder / "expression", genes, donors, truth.reshape(n_genes, n_samples), rng)
    models = {}
    for number in range(n_models):
        models[f"model{number}"] = folder / f"model{number}.parquet"
        noise = rng.standard_normal(truth.shape, dtype=np.float32) * (1 + number)
        _write_predictions(models[f"model{number}"], genes, donors, truth + noise)
    return models


def _write_expression(
    folder: Path, genes: list[str], donors: list[str], values: np.ndarray, rng: np.random.Generator
) -> None:
    """As ``harmonize`` leaves it, two thirds of the values."""
    folder.mkdir()
    gene, sample = np.nonzero(rng.random(values.shape, dtype=np.float32) >= 1 / 3)
    gene.astype(np.int32).tofile(folder / "gene.bin")
    sample.astype(np.int32).tofile(folder / "sample.bin")
    values[gene, sample].tofile(folder / "value.bin")
    table = [
        {"sample": f"{donor}|{tissue}", "donor": donor, "cohort": "LAB", "tissue": tissue, "is_cell_line": False}
        for donor in donors
        for tissue in TISSUES
    ]
    pq.write_table(pa.Table.from_pylist(table), folder / "samples.parquet")
    content = {"genes": genes, "scale": "log1p_tpm", "report": {"values": len(gene)}}
    (folder / "expression.json").write_text(json.dumps(content))


def _write_predictions(path: Path, genes: list[str], donors: list[str], values: np.ndarray) -> None:
    """As ``predict`` writes them, a row group a donor."""
    n_genes, _, n_tissues = values.shape
    gene = pa.DictionaryArray.from_arrays(np.repeat(np.arange(n_genes, dtype=np.int32), n_tissues), genes)
    tissue = pa.DictionaryArray.from_arrays(np.tile(np.arange(n_tissues, dtype=np.int32), n_genes), list(TISSUES))
    nothing = pa.nulls(n_genes * n_tissues, pa.string())
    writer = None
    for number, donor in enumerate(donors):
        column = pa.array(values[:, number].ravel())
        rows = np.zeros(n_genes * n_tissues, dtype=np.int32)
        table = pa.table(
            {
                "sample": pa.DictionaryArray.from_arrays(rows, [donor]),
                "gene_id": gene,
                "gene_name": gene,
                "tissue": tissue,
                "log1p_tpm": column,
                "tpm": column,
                "status": pa.DictionaryArray.from_arrays(rows, ["ok"]),
                "reason": nothing,
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


if __name__ == "__main__":
    main()

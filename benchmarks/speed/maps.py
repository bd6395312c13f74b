"""A map of 36,000 points of 1,536 numbers: seconds of each of its parts beside the limit, and memory.

Run: python -m benchmarks.speed.maps [--points 36000] [--width 1536] [--types 12] [--neighbours 10]

The points are made: genes of two tissues, each gene of one of twelve types; the numbers of a type are about a centre of
its own, in directions of which few hold most of the variance. Seconds are of the CPU, in one thread with
OMP_NUM_THREADS=1, and hold the import and compilation of UMAP.
"""

import argparse
import resource
from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks.timing import cpu_clock, show, timed
from variantformer_hf.applications.maps.embedding_map import MapOptions, embedding_map
from variantformer_hf.applications.maps.pairs import drift, nearest_genes
from variantformer_hf.applications.maps.points import EmbeddingPoints
from variantformer_hf.zoo.units import LOG1P_TPM

LIMIT_SECONDS, LIMIT_GIGABYTES = 300.0, 3.0
TISSUES = ("brain - cortex", "whole blood")


def main() -> None:
    """Print the numbers and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in (("points", 36_000), ("width", 1_536), ("types", 12), ("neighbours", 10)):
        parser.add_argument(f"--{name}", type=int, default=size)
    asked = parser.parse_args()
    points, table = made_points(asked.points, asked.width, asked.types)
    report: dict[str, float] = {}

    def measure(what: str, work: Callable[[], object]) -> None:
        (seconds,), _ = timed(work, clock=cpu_clock)
        report[f"{what}, CPU s"] = seconds

    measure("components, UMAP, silhouettes", lambda: embedding_map(points, table, MapOptions()))
    measure(
        "components, silhouettes, Leiden", lambda: embedding_map(points, table, MapOptions(umap=False, labels="type"))
    )
    measure(f"{asked.neighbours} nearest genes", lambda: nearest_genes(points, asked.neighbours))
    measure("drift", lambda: drift(points, points))
    whole = sum(report.values())
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    report |= {
        "all, CPU s": whole,
        "all, share of the limit": whole / LIMIT_SECONDS,
        "memory at its peak, GB": gigabytes,
        "memory, share of the limit": gigabytes / LIMIT_GIGABYTES,
    }
    show(report)


def made_points(n_points: int, width: int, n_types: int) -> tuple[EmbeddingPoints, pd.DataFrame]:
    """Points of a person's genes in two tissues, and their table with a column ``type``."""
    rng = np.random.default_rng(0)
    n_genes = n_points // len(TISSUES)
    types = rng.integers(0, n_types, n_genes)
    scale = (np.arange(1, width + 1) ** -0.7).astype(np.float32)
    vectors = rng.standard_normal((n_genes, len(TISSUES), width), dtype=np.float32) * scale
    vectors += (3 * rng.standard_normal((n_types, width), dtype=np.float32) * scale)[types][:, None]
    vectors += 6 * rng.standard_normal((len(TISSUES), width), dtype=np.float32) * scale
    names = np.array([f"G{number}" for number in range(n_genes)], dtype=object)
    table = pd.DataFrame({"sample": "reference", "gene_id": np.repeat(names, len(TISSUES))})
    table["gene_name"] = table["gene_id"]
    table["tissue"] = np.tile(np.array(TISSUES, dtype=object), n_genes)
    identity = {"model": {"name": "made", "sha256": ""}, "precision": "float32"}
    points = EmbeddingPoints(table, vectors.reshape(-1, width), LOG1P_TPM, identity, {})
    return points, table.assign(type=[f"type {number}" for number in np.repeat(types, len(TISSUES))])


if __name__ == "__main__":
    main()

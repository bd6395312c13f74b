"""Memory that a row of a table takes at its peak: made, and written as Parquet and CSV.

Run: python -m benchmarks.memory.table [--people 32]

A limit of a run's table (``RunLimits.table_memory``) is compared with so many bytes a row, see ``prediction``.
"""

import argparse
import resource
import tempfile
from pathlib import Path

from benchmarks.timing import show

GENES, TISSUES = 1_000, 62


def main() -> None:
    """Print the bytes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=32)
    parser.add_argument("--format", default="tidy", choices=["tidy", "wide", "h5ad", "predixcan"])
    parser.add_argument("--suffix", default="parquet", choices=["parquet", "csv", "h5ad", "txt"])
    arguments = parser.parse_args()

    import numpy as np

    from variantformer_hf.genome.genes import Gene
    from variantformer_hf.inference.predicted import PredictedGenes
    from variantformer_hf.inference.prediction import gene_table, tidy_table
    from variantformer_hf.report.tables import write_predictions
    from variantformer_hf.zoo.units import LOG1P_TPM

    genes = [Gene(f"ENSG{n:011d}.12", f"GENE{n}", "chr1", n, n + 1, "+") for n in range(GENES)]
    tissues = [f"brain - a region with number {n:02d}" for n in range(TISSUES)]

    def tables(people: int) -> "tuple[object, object]":
        found = PredictedGenes.empty(range(people), range(GENES), TISSUES)
        found.values[:] = np.random.default_rng(0).gamma(2, 1, found.values.shape)
        found.status[:], found.reason[:] = "ok", ""
        samples = [f"HG{n:05d}" for n in range(people)]
        return tidy_table(found, samples, genes, tissues, LOG1P_TPM), gene_table(found, samples, genes)

    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"out.{arguments.suffix}"
        write_predictions(*tables(1), path, arguments.format, {})  # type: ignore[arg-type]
        before = peak()
        whole = tables(arguments.people)
        made = peak()
        written = write_predictions(*whole, path, arguments.format, {})  # type: ignore[arg-type]
        rows = arguments.people * GENES * TISSUES
        show(
            {
                "rows": rows,
                "bytes a row, table made": (made - before) / rows,
                "bytes a row, table written": (peak() - before) / rows,
                "bytes a row on disk": sum(file.stat().st_size for file in written) / rows,
            }
        )


if __name__ == "__main__":
    main()

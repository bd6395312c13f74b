"""Cost of gene and subject correlation at the size of a whole cohort.

Run: python -m benchmarks.speed.metrics [--genes 18000] [--samples 2000]

A third of the values are missing, as they are where each donor gave some tissues. Goal: under 60 s on 2 cores for both.
"""

import argparse

import numpy as np

from benchmarks.timing import Timer, show
from variantformer_hf.evaluation import gene_correlation, subject_correlation


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--genes", type=int, default=18_000)
    parser.add_argument("--samples", type=int, default=2_000)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    observed = rng.standard_normal((arguments.genes, arguments.samples), dtype=np.float32)
    predicted = observed + rng.standard_normal(observed.shape, dtype=np.float32)
    observed[rng.random(observed.shape, dtype=np.float32) < 1 / 3] = np.nan
    report: dict[str, float] = {"genes": arguments.genes, "samples": arguments.samples}
    for name, measure in (("gene", gene_correlation), ("subject", subject_correlation)):
        with Timer() as took:
            found = measure(observed, predicted).summary()
        report[f"s: {name} correlation"] = took.seconds
        report[f"mean Spearman, {name}"] = found["spearman"]
    show(report)


if __name__ == "__main__":
    main()

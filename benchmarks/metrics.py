"""Cost of gene and subject correlation at the size of a whole cohort.

Run: python benchmarks/metrics.py [--genes 18000] [--samples 2000]

A third of the values are missing, as they are where each donor gave some tissues. Goal: under 60 s on 2 cores for both.
"""

import argparse
import json
import time

import numpy as np

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
        start = time.perf_counter()
        found = measure(observed, predicted).summary()
        report[f"s: {name} correlation"] = time.perf_counter() - start
        report[f"mean Spearman, {name}"] = found["spearman"]
    for what, value in report.items():
        print(f"{what:40s} {value:12,.3f}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()

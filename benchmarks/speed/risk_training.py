"""One unit of `risk train`, the whole grid: seconds and memory, beside a fit a depth by scikit-learn.

Run: python -m benchmarks.speed.risk_training [--donors 330] [--width 1536] [--threads 2]

The grid is the published one: {100, 500, 1000} trees x {10, 20, 30} levels, 10 folds, and the best forest on all
donors, taken to be the largest. Embeddings are noise, which grows the deepest trees. One fold is fitted by scikit-learn
too, a forest of 1,000 trees a depth; its probabilities must be the same.
"""

import argparse
import time
from typing import Any

from benchmarks.speed.dosages import peak
from benchmarks.timing import cpu_clock, show

LIMIT_SECONDS, LIMIT_MB, CORES = 60, 1_000, 2


def main() -> None:
    """Print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--donors", type=int, default=330)
    parser.add_argument("--width", type=int, default=1_536)
    parser.add_argument("--threads", type=int, default=CORES)
    arguments = parser.parse_args()
    show(measure(arguments.donors, arguments.width, arguments.threads))


def measure(donors: int, width: int, threads: int) -> dict[str, Any]:
    """The numbers."""
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    from variantformer_hf.applications.risk import forest_grid

    rng, grid = np.random.default_rng(0), forest_grid.Grid()
    features = rng.normal(size=(donors, width)).astype(np.float32)
    labels = (rng.random(donors) < 0.58).astype(int)
    forest_grid.fit_forest(features, labels, trees=2, depth=2, seed=0)  # imports
    before, began, cpu = peak(), time.perf_counter(), cpu_clock()
    forest_grid.cross_validate(features, labels, grid, threads=threads)
    forest_grid.fit_forest(features, labels, trees=max(grid.trees), depth=max(grid.depths), seed=0, threads=threads)
    took, cpu = time.perf_counter() - began, cpu_clock() - cpu
    report: dict[str, Any] = {
        "one unit: wall s": took,
        "one unit: CPU s": cpu,
        f"one unit: CPU s / {CORES} cores": cpu / CORES,
        "of the limit of 60 s": cpu / CORES / LIMIT_SECONDS,
        "MB: the process at its peak": peak() / 1e6,
        "MB: of it beyond the imports": (peak() - before) / 1e6,
        "of the limit of 1,000 MB": peak() / 1e6 / LIMIT_MB,
    }
    train, left_out = np.arange(donors // 10, donors), np.arange(donors // 10)
    cpu = cpu_clock()
    ours = forest_grid._fold(features, labels, train, left_out, grid)
    of_ours, cpu = cpu_clock() - cpu, cpu_clock()
    theirs = {}
    for depth in grid.depths:
        forest = RandomForestClassifier(max(grid.trees), max_depth=depth, random_state=0)
        forest.fit(features[train], labels[train])
        each = np.stack([tree.predict_proba(features[left_out])[:, 1] for tree in forest.estimators_])
        theirs |= {(trees, depth): each[:trees].mean(axis=0) for trees in grid.trees}
    of_theirs = cpu_clock() - cpu
    expected = [theirs[each] for each in sorted(theirs)]
    report |= {
        "one fold: CPU s": of_ours,
        "one fold, a fit a depth by scikit-learn: CPU s": of_theirs,
        "times faster": of_theirs / of_ours,
        "largest difference of a probability": float(np.abs(np.array(ours) - np.array(expected)).max()),
    }
    return report


if __name__ == "__main__":
    main()

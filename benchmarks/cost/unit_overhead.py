"""What a unit of work costs beside its predictions: one run as a dataset, cut into few units and into many.

Run: python -m benchmarks.cost.unit_overhead [--people 24] [--genes 10] [--rounds 3]

The demo's tiny model, from a store of genotypes, in one process; the runs of a round take turns. A line through CPU
seconds and numbers of units gives the seconds of a unit, which reads its people's records and its stretch of the
reference anew and writes its files.
"""

import argparse
import os
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.timing import cpu_clock, median, show, timed
from variantformer_hf import ExpressionPredictor
from variantformer_hf.genome.variant_ingest import build_store
from variantformer_hf.inference.run_limits import RunLimits
from variantformer_hf.simulation.cohort import simulate_cohort
from variantformer_hf.simulation.genome import SimulatedFiles
from variantformer_hf.simulation.model import write_demo_model

# Predictions of a unit, at most.
SIZES = (1_000, 40, 10, 4)


def main() -> None:
    """Print units and CPU seconds of each size, and the line through them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--genes", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["VARIANTFORMER_CACHE"] = str(folder / "cache")
        cohort = simulate_cohort(folder, donors=arguments.people, genes=arguments.genes, other_cres=300)
        model = write_demo_model(SimulatedFiles(cohort.fasta, cohort.vcf, cohort.genes, cohort.cres), folder / "model")
        build_store(cohort.vcf)
        loaded = ExpressionPredictor.from_pretrained(model, device="cpu", store=None).model
        seconds: dict[int, list[float]] = {}
        for round_ in range(arguments.rounds + 1):
            for size in SIZES:
                predictor = ExpressionPredictor(loaded, limits=RunLimits(unit_genes=size))
                place = folder / f"{size}-{round_}"
                run = partial(predictor.write_dataset, place, cohort.fasta, cohort.vcf, samples=list(cohort.donors))
                (took,), _ = timed(run, clock=cpu_clock)
                units = len(list(place.glob("_units/*")))
                if round_:  # the first warms up
                    seconds.setdefault(units, []).append(took)
        counts = sorted(seconds)
        slope, fixed = np.polyfit(counts, [median(seconds[count]) for count in counts], 1)
    show(
        {f"CPU s of {count} units": median(seconds[count]) for count in counts}
        | {"predictions": arguments.people * arguments.genes, "s a unit": float(slope), "s of all else": float(fixed)}
    )


if __name__ == "__main__":
    main()

"""A fit from a prior beside the elastic net: CPU seconds of one gene and tissue, on arrays alone.

Run: python -m benchmarks.speed.prior [--people 600] [--snps 3000]

Made people whose haplotypes are mosaics of 40 founders', five causal SNPs with h2 = 0.3, or none; the prior is the true
effects and noise. The goal is a time of no more than that of as many elastic nets as are averaged: the
plain one, and three a strength.
"""

import argparse
from typing import Any

import numpy as np

from benchmarks.timing import cpu_clock, show, timed
from variantformer_hf.zoo.dosage.elastic_net import ElasticNetOptions, fit_elastic_net
from variantformer_hf.zoo.dosage.prior_elastic_net import PriorKnowledge, fit_from_prior, nested_predictions
from variantformer_hf.zoo.dosage.prior_recipe import PriorRecipe

FOUNDERS, PIECES = 40, 60


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--snps", type=int, default=3_000)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    dosage = made_people(rng, arguments.people, arguments.snps)
    features = (dosage - dosage.mean(axis=0)) / dosage.std(axis=0)
    report: dict[str, Any] = vars(arguments)
    for h2 in (0.3, 0.0):
        effect = np.zeros(features.shape[1])
        effect[rng.choice(len(effect), 5, replace=False)] = rng.normal(size=5)
        genetic = features @ effect
        values = np.sqrt(h2) * genetic / genetic.std() + np.sqrt(1 - h2) * rng.normal(size=len(features))
        noisy = np.abs(effect) + 0.1 * np.abs(rng.normal(size=len(effect)))
        known = PriorKnowledge((noisy / noisy.max())[None], genetic[:, None])
        report |= {f"h2 {h2}: {name}": value for name, value in seconds(features, values, known).items()}
    show(report)


def made_people(rng: np.random.Generator, people: int, snps: int) -> np.ndarray:
    """(people, up to ``snps``) dosages that vary."""
    founders = rng.random((FOUNDERS, snps)) < rng.uniform(0.03, 0.5, snps)
    dosage = np.zeros((people, snps))
    for person in range(people):
        for _ in range(2):
            cuts = np.sort(rng.integers(0, snps, PIECES))
            source = rng.integers(0, FOUNDERS, PIECES + 1)
            dosage[person] += founders[source[np.searchsorted(cuts, np.arange(snps))], np.arange(snps)]
    return dosage[:, dosage.std(axis=0) > 0]


def seconds(features: np.ndarray, values: np.ndarray, known: PriorKnowledge) -> dict[str, str]:
    """CPU seconds of each, and how many elastic nets that is."""
    recipe = PriorRecipe()
    inner = ElasticNetOptions(folds=recipe.outer_folds)
    plain, with_prior, nested = (
        timed(do, clock=cpu_clock)[0][0]
        for do in (
            lambda: fit_elastic_net(features, values),
            lambda: fit_from_prior(features, values, known, recipe.strengths, recipe.net),
            lambda: nested_predictions(features, values, known, recipe.strengths, inner, recipe.outer_folds),
        )
    )
    goal = 1 + 3 * len(recipe.strengths)
    return {
        "elastic net": f"{plain:.2f} s",
        "from a prior": f"{with_prior:.2f} s ({with_prior / plain:.1f} of these; goal: {goal})",
        "nested folds": f"{nested:.2f} s ({nested / plain:.1f} of these)",
    }


if __name__ == "__main__":
    main()

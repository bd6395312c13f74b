"""What a fit gains that starts from a prior: beside the elastic net and the truth, on a simulated cohort.

Run: python -m benchmarks.quality.prior [--seed 1] [--heritability 0.15] [--noise 1]

200 donors of `simulate_cohort`, 160 to train on, and 200 of a second population with drifted frequencies, another
linkage and private variants; 30 genes in 3 tissues. The prior is the true effect of each SNV and noise, as large as the
true effects are over all SNVs of a gene (`--noise` times that); `shuffled` has the same numbers at other SNVs, and
should cost nothing. r over held-out donors of either population, the mean over genes and tissues, 0 where predictions
do not vary; differences to the elastic net with a 95 % interval over genes (bootstrap). Half of the second population
is the panel of `--target-panel`, and nobody else of it is ever read by a fit.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.timing import cpu_clock, show, timed
from variantformer_hf import ExpressionPredictor, GeneTable
from variantformer_hf.data.expression import Expression
from variantformer_hf.data.splits import Split
from variantformer_hf.simulation.cohort import SimulatedCohort, simulate_cohort
from variantformer_hf.simulation.training_files import COHORT, GEOMETRY, prepare
from variantformer_hf.training.dosage.fitting import DosageInputs, fit_dosages
from variantformer_hf.training.dosage.gene_priors import PriorInputs
from variantformer_hf.zoo.dosage.recipes import recipe_named

DONORS, TRAIN = 200, 160
REACH = GEOMETRY["cre_radius"]
PLAIN, WITH_PRIOR, SHUFFLED, FOR_PANEL, ORACLE = (
    "elastic net",
    "prior",
    "shuffled prior",
    "prior, target panel",
    "oracle",
)
DRAWS = 2_000


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--genes", type=int, default=30)
    parser.add_argument("--heritability", type=float, default=0.15)
    parser.add_argument("--noise", type=float, default=1.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        cohort = two_populations(Path(name), arguments, DONORS)
        show(vars(arguments) | compared(cohort, arguments.noise, arguments.seed))


def two_populations(folder: Path, arguments: argparse.Namespace, donors: int) -> SimulatedCohort:
    """A cohort of genes, heritability and seed as asked, of two populations, ready to be fitted to."""
    cohort = simulate_cohort(
        folder,
        donors=donors,
        genes=arguments.genes,
        heritability=arguments.heritability,
        seed=arguments.seed,
        populations=2,
        other_cres=50,
    )
    prepare(cohort)
    return cohort


def compared(cohort: SimulatedCohort, noise: float, seed: int) -> dict[str, Any]:
    """r of each fit in both populations, what each takes, and what a fit says of itself."""
    rng = np.random.default_rng([seed, 3])
    first, second = (list(names) for names in cohort.populations)
    train = sorted(rng.permutation(first)[:TRAIN])
    panel, others = second[: len(second) // 2], second[len(second) // 2 :]
    split = Split({COHORT: {donor: "train" if donor in set(train) else "test" for donor in cohort.donors}})
    priors = write_priors(cohort, noise, rng)
    told: dict[str, PriorInputs | None] = {
        PLAIN: None,
        WITH_PRIOR: PriorInputs((priors[WITH_PRIOR],)),
        SHUFFLED: PriorInputs((priors[SHUFFLED],)),
        FOR_PANEL: PriorInputs((priors[WITH_PRIOR],), panel=cohort.vcf, panel_people=tuple(panel)),
    }
    people = {"held-out donors": [donor for donor in first if donor not in set(train)], "other population": others}
    predicted, report = {ORACLE: wide(pd.read_parquet(cohort.oracle), "log1p_tpm")}, {}
    for kind, inputs in told.items():
        folder = cohort.folder / kind.replace(", ", "-").replace(" ", "-")
        report[f"{kind}: CPU s a gene and tissue"] = fitted(cohort, split, inputs, folder, nested=kind == WITH_PRIOR)
        asked = [donor for donors in people.values() for donor in donors]
        table = ExpressionPredictor.from_pretrained(folder).predict(cohort.fasta, cohort.vcf, samples=asked)
        predicted[kind] = wide(table.rename(columns={"sample": "donor"}), "log1p_tpm")
    measured = pd.read_csv(cohort.expression).assign(value=lambda table: np.log1p(table["tpm"]))
    observed = wide(measured, "value")
    varies = predicted[ORACLE][first].std(axis=1) > 0
    for name, donors in people.items():
        report |= scored(observed[varies], predicted, donors, name)
    fits = pd.read_parquet(cohort.folder / WITH_PRIOR / "fits.parquet")
    report["nested r of the prior, of itself"] = float(np.sqrt(fits["pred_perf_r2"]).mean())
    report["nested r of the elastic net, of itself"] = float(np.sqrt(fits["plain_r2"]).mean())
    report["share"] = float(fits.filter(like="share_").sum(axis=1).mean())
    return report


def write_priors(cohort: SimulatedCohort, noise: float, rng: np.random.Generator) -> dict[str, Path]:
    """Tables of each SNV near a gene: the true effect and noise, and the same at other SNVs."""
    from variantformer_hf.genome.dosages import DosageFile

    truth: dict[tuple[str, str, int, str, str], float] = {}
    genes = GeneTable.read(cohort.genes)
    for each in json.loads(cohort.truth.read_text())["causal"]:
        for tissue, effect in each["effect"].items():
            key = (genes.genes[each["gene"]].gene_id, tissue, each["position"], each["ref"], each["alt"])
            truth[key] = truth.get(key, 0.0) + effect
    rows = []
    with DosageFile(cohort.vcf) as file:
        for gene in genes:
            start, end = max(0, gene.start - REACH), gene.end + REACH
            found = file.read((gene.chrom, start, end)).variants
            for tissue in cohort.tissues:
                effect = np.array([truth.get((gene.gene_id, tissue, v.pos, v.ref, v.alt), 0.0) for v in found])
                effect += noise * np.sqrt(np.square(effect).mean()) * rng.normal(size=len(found))
                other = rng.permutation(effect)
                rows += [
                    (gene.gene_id, tissue, v.chrom, v.pos, v.ref, v.alt, one, two)
                    for v, one, two in zip(found, effect, other, strict=True)
                ]
    columns = ["gene_id", "tissue", "chrom", "pos", "ref", "alt", WITH_PRIOR, SHUFFLED]
    table = pd.DataFrame(rows, columns=columns)
    paths = {}
    for name in (WITH_PRIOR, SHUFFLED):
        paths[name] = cohort.folder / f"{name.replace(' ', '_')}.parquet"
        table[columns[:6]].assign(effect=table[name]).to_parquet(paths[name])
    return paths


def fitted(cohort: SimulatedCohort, split: Split, prior: PriorInputs | None, folder: Path, *, nested: bool) -> float:
    """CPU seconds of a fit, whose folder is written."""
    inputs = DosageInputs(cohort.fasta, cohort.vcf, GeneTable.read(cohort.genes), prior=prior)
    expression = Expression.load(cohort.folder / "expression")
    recipe = recipe_named("elastic-net" if prior is None else "prior", radius=REACH)
    if prior is not None and not nested:
        recipe = replace(recipe, outer_folds=0)
    parts = folder.with_suffix(".parts")
    times, _ = timed(lambda: fit_dosages(recipe, expression, split, inputs, folder, parts=parts), clock=cpu_clock)
    return times[0] / (len(inputs.genes) * len(cohort.tissues))


def wide(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """(gene, tissue) x donors."""
    ids = table["gene_id"].str.split(".").str[0]
    return table.assign(gene_id=ids).pivot(index=["gene_id", "tissue"], columns="donor", values=value)


def scored(
    observed: pd.DataFrame, predicted: Mapping[str, pd.DataFrame], donors: list[str], name: str
) -> dict[str, Any]:
    """Mean r, and its difference to the elastic net's with an interval over genes."""
    each = {kind: rows_r(observed[donors], table.loc[observed.index, donors]) for kind, table in predicted.items()}
    genes = observed.index.get_level_values("gene_id")
    report: dict[str, Any] = {f"{name}: genes x tissues": len(observed)}
    for kind, found in each.items():
        report[f"r, {name}: {kind}"] = float(found.mean())
        if kind not in (PLAIN, ORACLE):
            away = pd.Series(found - each[PLAIN]).groupby(np.asarray(genes)).mean().to_numpy()
            mean, low, high = mean_over_genes(away)
            report[f"r, {name}: {kind}, above the elastic net"] = f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"
    return report


def mean_over_genes(values: np.ndarray) -> tuple[float, float, float]:
    """Mean of (genes,) numbers, and its 95 % interval by bootstrap over genes, the same each time."""
    draws = np.random.default_rng(0).choice(values, (DRAWS, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def rows_r(observed: pd.DataFrame, predicted: pd.DataFrame) -> np.ndarray:
    """(rows,) Pearson's r, 0 where a row's predictions are all the same."""
    one, other = (table.to_numpy() - table.to_numpy().mean(axis=1, keepdims=True) for table in (observed, predicted))
    size = np.sqrt(np.square(one).sum(axis=1) * np.square(other).sum(axis=1))
    return np.divide((one * other).sum(axis=1), size, out=np.zeros(len(one)), where=size > 1e-9)


if __name__ == "__main__":
    main()

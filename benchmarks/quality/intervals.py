"""What share of people calibrated intervals hold, by population and tissue, also of a population nobody calibrated on.

Run: python -m benchmarks.quality.intervals [--seed 1] [--heritability 0.5]

Two populations of 300 donors of `simulate_cohort`, the second with drifted frequencies, another linkage and private
variants; 30 genes in 3 tissues; an elastic net that is fitted to 100 donors of the first. Intervals are calibrated on
100 further donors of the first, or of each; coverage is counted over 100 donors of each whom nothing was chosen by. In
the third case the second population's expression is shifted besides, by one standard deviation of each gene, as another
laboratory's may be. Components are those of a panel, the donors of the fit and 100 of the second population.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.quality.prior import two_populations
from benchmarks.timing import show
from variantformer_hf import ExpressionPredictor, GeneTable
from variantformer_hf.applications.ancestry.components import GenotypeComponents
from variantformer_hf.data.expression import Expression
from variantformer_hf.data.splits import Split
from variantformer_hf.evaluation.conformal import (
    calibrated,
    component_ranges,
    half_width_column,
    is_outside,
    with_intervals,
)
from variantformer_hf.genome.dosages import DosageFile
from variantformer_hf.simulation.cohort import SimulatedCohort
from variantformer_hf.simulation.training_files import COHORT, GEOMETRY
from variantformer_hf.training.dosage.fitting import DosageInputs, fit_dosages
from variantformer_hf.zoo.dosage.recipes import recipe_named

DONORS, PART = 300, 100
REACH = GEOMETRY["cre_radius"]
FIRST, SECOND = "first", "second"
LEVELS = (0.8, 0.9, 0.95)
COMPONENTS = 6
# Of a gene in a tissue in which nothing of it varies, as there is no motif.
CONSTANT = 1e-4


def main() -> None:
    """Print a line a case, population and tissue, and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--genes", type=int, default=30)
    parser.add_argument("--heritability", type=float, default=0.5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        cohort = two_populations(Path(name), arguments, DONORS)
        rows = covered(cohort, arguments.seed)
    table = pd.DataFrame(rows)
    print(table.to_string(index=False, float_format="%.3f"))
    show(vars(arguments) | {"rows": rows})


def covered(cohort: SimulatedCohort, seed: int) -> list[dict[str, Any]]:
    """Coverage of each case, population, tissue and level, and how many people are flagged."""
    rng = np.random.default_rng([seed, 5])
    first, second = (rng.permutation(names).tolist() for names in cohort.populations)
    train, of_first, new_first = first[:PART], first[PART : 2 * PART], first[2 * PART :]
    panel, of_second, new_second = second[:PART], second[PART : 2 * PART], second[2 * PART :]
    predicted, measured = values_of(cohort, set(train))
    population = dict.fromkeys(first, FIRST) | dict.fromkeys(second, SECOND)
    place = coordinates(cohort, [*train, *panel])
    new = [*new_first, *new_second]
    shifted = measured.copy()
    shifted[second] = measured[second].add(measured[first].std(axis=1), axis=0)
    rows: list[dict[str, Any]] = []
    for case, donors, truth in (
        ("calibrated on both", [*of_first, *of_second], measured),
        ("on the first alone", of_first, measured),
        ("on the first alone, the second shifted", of_first, shifted),
    ):
        ranges = component_ranges(place.loc[donors].to_numpy(), names_of(donors, population))
        outside = pd.Series(is_outside(place.loc[new].to_numpy(), ranges), index=new)
        known = calibrate(truth - predicted, donors, population)
        for level in LEVELS:
            held = held_people(predicted, truth, known, new, population, outside, level)
            for (of, tissue), share in held.groupby(["population", "tissue"])["held"].mean().items():
                rows.append(
                    {
                        "case": case,
                        "population": of,
                        "tissue": tissue,
                        "level": level,
                        "coverage": float(share),
                        "flagged": float(outside[[name for name in new if population[name] == of]].mean()),
                    }
                )
    return rows


def values_of(cohort: SimulatedCohort, train: set[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(gene, tissue) x donors: predictions of an elastic net that was fitted to some, and what was measured."""
    split = Split({COHORT: {donor: "train" if donor in train else "test" for donor in cohort.donors}})
    inputs = DosageInputs(cohort.fasta, cohort.vcf, GeneTable.read(cohort.genes))
    folder = cohort.folder / "net"
    recipe = recipe_named("elastic-net", radius=REACH)
    expression = Expression.load(cohort.folder / "expression")
    fit_dosages(recipe, expression, split, inputs, folder, parts=cohort.folder / "net.parts")
    table = ExpressionPredictor.from_pretrained(folder).predict(cohort.fasta, cohort.vcf, samples=list(cohort.donors))
    predicted = wide(table.rename(columns={"sample": "donor"}), "log1p_tpm")
    measured = wide(pd.read_csv(cohort.expression).assign(value=lambda rows: np.log1p(rows["tpm"])), "value")
    varies = predicted.index[measured.loc[predicted.index].std(axis=1) > CONSTANT]
    return predicted.loc[varies], measured.loc[varies, predicted.columns]


def wide(table: pd.DataFrame, value: str) -> pd.DataFrame:
    """(gene, tissue) x donors."""
    ids = table["gene_id"].str.split(".").str[0]
    return table.assign(gene_id=ids).pivot(index=["gene_id", "tissue"], columns="donor", values=value)


def coordinates(cohort: SimulatedCohort, panel: list[str]) -> pd.DataFrame:
    """Donors x principal components of a panel's genotypes."""
    with DosageFile(cohort.vcf) as file:
        contigs = dict.fromkeys(gene.chrom for gene in GeneTable.read(cohort.genes))
        dosages = np.concatenate([file.read((name, 0, 1 << 29)).values for name in contigs], axis=1)
    number = {name: row for row, name in enumerate(cohort.donors)}
    fitted = GenotypeComponents.fitted(dosages[[number[name] for name in panel]], COMPONENTS)
    return pd.DataFrame(fitted.coordinates(dosages), index=list(cohort.donors))


def names_of(donors: list[str], population: dict[str, str]) -> np.ndarray:
    """(donors,) populations."""
    return np.array([population[name] for name in donors], dtype=object)


def calibrate(residuals: pd.DataFrame, donors: list[str], population: dict[str, str]) -> pd.DataFrame:
    """The calibration of all genes and tissues."""
    genes = residuals.index.get_level_values("gene_id").unique()
    tissues = residuals.index.get_level_values("tissue").unique()
    blocks = [residuals.xs(tissue, level="tissue").reindex(genes)[donors].to_numpy() for tissue in tissues]
    return calibrated(
        np.concatenate(blocks, axis=1),
        list(genes),
        np.repeat(np.asarray(tissues, dtype=object), len(donors)),
        np.tile(names_of(donors, population), len(tissues)),
        LEVELS,
    )


def held_people(
    predicted: pd.DataFrame,
    measured: pd.DataFrame,
    known: pd.DataFrame,
    people: list[str],
    population: dict[str, str],
    outside: pd.Series,
    level: float,
) -> pd.DataFrame:
    """A row a person, gene and tissue: population, tissue, and whether the interval holds what was measured."""
    table = predicted[people].stack().rename("log1p_tpm").reset_index()
    truth = measured[people].stack().to_numpy()
    table["population"] = table["donor"].map(population)
    flags = outside.reindex(table["donor"]).to_numpy(dtype=object)
    found = with_intervals(table, table[["gene_id", "tissue", "population"]], flags, known, level, "log1p_tpm")
    if found["interval_reason"].notna().any():
        raise ValueError(f"no interval: {half_width_column(level)}")
    return table.assign(held=(found["log1p_tpm_low"] <= truth) & (truth <= found["log1p_tpm_high"]))


if __name__ == "__main__":
    main()

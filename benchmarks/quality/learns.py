"""Does training learn what it claims? Both stages on a simulated cohort, from random weights, on one small machine.

Run: python -m benchmarks.quality.learns FOLDER [--seed 1] [--epochs 20]

`simulate_cohort` writes what a lab would have, with known effects of motifs on expression (h2 = 0.5). Stage 1 learns
which cCREs are active, stage 2 expression; 20 % of the donors are held out from both, another 10 % are looked at
while training. Then, on the held-out donors: gene correlation within each tissue, across donors, of the model; of the
oracle (the true genetic part); of the same model fed the reference genome (constant for a gene: r = 0, and counted);
and of an elastic net on dosages, gene by gene. And for causal variants whose true effect is in the top half: how often
the sign of the model's effect is right.

FOLDER is new: the cohort is written into it, and a run goes on only with the files that it began with.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pysam
import torch

from benchmarks.timing import Timer, show_lines
from variantformer_hf import ExpressionPredictor, GeneTable, PersonalGenome, ReferenceGenome, Variant
from variantformer_hf.analysis import VariantScorer
from variantformer_hf.data.splits import Split
from variantformer_hf.evaluation import gene_correlation
from variantformer_hf.simulation.cohort import SimulatedCohort, simulate_cohort
from variantformer_hf.simulation.training_files import COHORT, GEOMETRY, prepare, write_configs
from variantformer_hf.training.encoder import train_encoder
from variantformer_hf.training.expression import train_expression
from variantformer_hf.training.options import EncoderOptions, ExpressionOptions, read_options
from variantformer_hf.zoo.dosage.elastic_net import ElasticNetOptions, fit_elastic_net

REACH = GEOMETRY["cre_radius"]
# All penalties of a short path, on dosages as they are, people in their order.
ELASTIC_NET = ElasticNetOptions(folds=5, alphas=20, eps=1e-3, patience=None, seed=None)


def main() -> None:
    """Print what was learned, as JSON and as a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--donors", type=int, default=200)
    parser.add_argument("--genes", type=int, default=30)
    parser.add_argument("--encoder-epochs", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    cohort = simulate_cohort(arguments.folder, donors=arguments.donors, genes=arguments.genes, seed=arguments.seed)
    report: dict[str, Any] = {"threads": torch.get_num_threads()}
    prepare(cohort)
    write_configs(cohort, encoder_epochs=arguments.encoder_epochs, epochs=arguments.epochs)
    for stage, train, kind in (
        ("encoder", train_encoder, EncoderOptions),
        ("expression", train_expression, ExpressionOptions),
    ):
        with Timer() as took:
            report[stage] = train(read_options(arguments.folder / f"{stage}.yaml", kind))  # type: ignore[operator]
        report[f"minutes of {stage}"] = took.seconds / 60
    scorer = VariantScorer.from_pretrained(cohort.folder / "model" / "last")
    report |= on_test_donors(cohort, scorer)
    report |= signs(cohort, scorer)
    show_lines(report)
    (arguments.folder / "learns.json").write_text(json.dumps(report, indent=2))


def untouched_donors(cohort: SimulatedCohort) -> list[str]:
    """Donors that nothing was fitted to, or chosen by."""
    donors = Split.load(cohort.folder / "split.json").donors[COHORT]
    return [donor for donor, part in donors.items() if part == "test"]


def on_test_donors(cohort: SimulatedCohort, scorer: VariantScorer) -> dict[str, Any]:
    """Gene correlation of the model, the oracle, the reference genome and an elastic net."""
    donors = untouched_donors(cohort)
    measured = pd.read_csv(cohort.expression).assign(value=lambda table: np.log1p(table["tpm"]))
    everyone = wide(measured, list(cohort.donors))
    observed = everyone[donors]
    oracle = wide(pd.read_parquet(cohort.oracle).rename(columns={"log1p_tpm": "value"}), donors)
    predicted = wide(predictions(cohort, scorer, donors), donors).reindex(observed.index)
    table = observed.to_numpy()
    result: dict[str, Any] = {"test donors": len(donors), "genes x tissues": len(observed)}
    constant = np.repeat(predicted.to_numpy().mean(axis=1, keepdims=True), len(donors), axis=1)
    for name, values in (
        ("model", predicted.to_numpy()),
        ("oracle", oracle.reindex(observed.index).to_numpy()),
        ("model, reference genome", constant),
        ("elastic net on dosages", elastic_net(cohort, everyone, donors)),
    ):
        found = gene_correlation(table, values).summary(constant_as_zero=True)
        result[f"gene correlation: {name}"] = found["spearman"]
        result[f"gene correlation: {name}, low"] = found["spearman_low"]
        result[f"gene correlation: {name}, high"] = found["spearman_high"]
        result[f"constant: {name}"] = int(found["rows_constant"])
    return result


def wide(table: pd.DataFrame, donors: list[str]) -> pd.DataFrame:
    """(gene, tissue) x donors."""
    kept = table.assign(gene_id=table["gene_id"].str.split(".").str[0])
    return kept.pivot(index=["gene_id", "tissue"], columns="donor", values="value")[donors]


def predictions(cohort: SimulatedCohort, scorer: VariantScorer, donors: list[str]) -> pd.DataFrame:
    """What the model says of the test donors, in all tissues."""
    table = ExpressionPredictor(scorer.model).predict(cohort.fasta, cohort.vcf, samples=donors)
    return table.rename(columns={"sample": "donor", "log1p_tpm": "value"})


def elastic_net(cohort: SimulatedCohort, everyone: pd.DataFrame, donors: list[str]) -> np.ndarray:
    """A gene's values from the dosages of variants near it, fitted to all other donors."""
    genes = GeneTable.read(cohort.genes)
    train = [donor for donor in cohort.donors if donor not in set(donors)]
    found = np.full((len(everyone), len(donors)), np.nan)
    with pysam.VariantFile(str(cohort.vcf)) as file:
        samples = list(file.header.samples)
        place = {donor: index for index, donor in enumerate(samples)}
        for gene in genes:
            start, end = max(0, gene.start - REACH), gene.end + REACH
            dosage = np.array(
                [
                    [sum(call["GT"]) for call in record.samples.values()]
                    for record in file.fetch(gene.chrom, start, end)
                ],
                dtype=float,
            ).T
            of_train, of_test = ([place[donor] for donor in names] for names in (train, donors))
            for tissue in cohort.tissues:
                row = everyone.index.get_loc((gene.gene_id.split(".")[0], tissue))
                model = fit_elastic_net(dosage[of_train], everyone.iloc[row][train].to_numpy(float), ELASTIC_NET)
                found[row] = model.predict(dosage[of_test])
    return found


def signs(cohort: SimulatedCohort, scorer: VariantScorer) -> dict[str, Any]:
    """How often the sign of a causal variant's effect is right, of those with true effects in the top half."""
    truth = json.loads(cohort.truth.read_text())
    genome = PersonalGenome(ReferenceGenome(cohort.fasta))
    genes = GeneTable.read(cohort.genes).genes
    sizes = [abs(effect) for each in truth["causal"] for effect in each["effect"].values() if effect]
    least = float(np.median(sizes))
    right: dict[str, list[bool]] = {"all": [], "in cCREs": [], "in genes": []}
    for each in truth["causal"]:
        variant = Variant(each["contig"], each["position"], each["ref"], each["alt"])
        table = scorer.score([variant], genome, genes=[genes[each["gene"]].gene_id], zygosity=["hom"])
        for tissue, effect in zip(table["tissue"], table["effect"], strict=True):
            true = each["effect"][tissue]
            if abs(true) >= least:
                is_right = bool(np.sign(effect) == np.sign(true))
                right["all"].append(is_right)
                right["in cCREs" if each["in_element"] else "in genes"].append(is_right)
    return {
        **{f"sign right, {name}": float(np.mean(values)) for name, values in right.items() if values},
        "variants and tissues": len(right["all"]),
    }


if __name__ == "__main__":
    main()

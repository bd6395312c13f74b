"""What models of people's genomes are compared on: a simulated cohort, who is held out, and what is simple beside them.

A made cohort as `simulate_cohort` writes it, its expression as GTEx publishes it for eQTL (z-scores over all donors).
Of its donors a tenth is looked at while training and a fifth never; a second population, where there is one, is held
out whole. Beside each model stand the oracle (the true genetic part, whose r is what the noise leaves), an elastic net
and the variant with the greatest r, each of the dosages in the model's window, gene by gene.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pysam

from benchmarks.quality.learns import ELASTIC_NET
from variantformer_hf import ExpressionPredictor, GeneTable
from variantformer_hf.data import harmonize, read_normalized
from variantformer_hf.data.splits import Split, split_donors
from variantformer_hf.evaluation import gene_correlation
from variantformer_hf.simulation.cohort import SimulatedCohort, simulate_cohort
from variantformer_hf.zoo.dosage.elastic_net import fit_elastic_net
from variantformer_hf.zoo.outputs import TissueNames

COHORT, TISSUE = "SIM", "whole blood"
WINDOW = 8_192


@dataclass(frozen=True)
class Lab:
    """A cohort in files, and its values as tables.

    Attributes:
        cohort: what was simulated.
        genes: the gene table's.
        split: of donors, and of genes where some are held out.
        observed, oracle: z-scores of TISSUE, and their true genetic part, on the line that fits best to the donors of
            the part ``train``; genes x donors.
    """

    cohort: SimulatedCohort
    genes: GeneTable
    split: Split
    observed: pd.DataFrame
    oracle: pd.DataFrame

    def people(self, part: str, population: int = 0) -> list[str]:
        """Donors of a part, of one population."""
        donors = self.split.donors[COHORT]
        return [donor for donor in self.cohort.populations[population] if donors[donor] == part]

    def gene_ids(self, part: str) -> list[str]:
        """Genes of a part, by id."""
        return [gene.gene_id for gene in self.genes if self.split.gene_part(gene.gene_id) == part]


def write_lab(
    folder: Path, *, genes: int = 1, unseen: int = 0, donors: int = 400, populations: int = 1, seed: int = 0
) -> Lab:
    """Simulate, prepare and split; files for a run are ``genome.fa``, ``cohort.vcf.gz``, ``expression``, ...

    Args:
        folder: new.
        genes: to train on.
        unseen: further ones that no model is trained on.
        donors: of each population.
        populations: 1 or 2.
        seed: of everything.
    """
    cohort = simulate_cohort(
        folder,
        donors=donors,
        genes=genes + unseen,
        heritability=0.8,
        activity_donors=1,
        other_cres=10,
        seed=seed,
        populations=populations,
        normalized=True,
    )
    table = GeneTable.read(cohort.genes)
    source = read_normalized(cohort.normalized[0], tissue=TISSUE, cohort=COHORT)
    expression = harmonize([source], table, TissueNames([TISSUE]), folder / "expression")
    first = expression.samples.filter(pa.array([name in cohort.populations[0] for name in expression.donors]))
    split = split_donors(first, test=0.2, validation=0.1, seed=seed)
    others = [donor for group in cohort.populations[1:] for donor in group]
    split = replace(split, donors={COHORT: {**split.donors[COHORT], **dict.fromkeys(others, "test")}})
    if unseen:
        # Every third or so, so that both strands and all contigs are in both parts.
        held_out = np.linspace(0, len(table) - 1, unseen).round().astype(int).tolist()
        parts = {gene.gene_id: "test" if row in held_out else "train" for row, gene in enumerate(table)}
        split = split.with_genes(parts)
    split.save(folder / "split.json")
    observed = pd.DataFrame(dict(source.values()), index=list(cohort.donors)).T
    parts_of_donors = split.donors[COHORT]
    train = [donor for donor in cohort.donors if parts_of_donors[donor] == "train"]
    genetic = pd.read_parquet(cohort.oracle).query("tissue == @TISSUE")
    oracle = genetic.pivot(index="gene_id", columns="donor", values="log1p_tpm")[list(cohort.donors)]
    oracle.index = pd.Index([f"{gene_id}.1" for gene_id in oracle.index])
    for gene_id, row in oracle.iterrows():
        slope, level = np.polyfit(row[train].to_numpy(float), observed.loc[gene_id, train].to_numpy(float), 1)
        oracle.loc[gene_id] = level + slope * row
    return Lab(cohort, table, split, observed, oracle)


def dosages(lab: Lab, gene_id: str, donors: Sequence[str]) -> np.ndarray:
    """(donors, variants) of all variants in a gene's window."""
    gene = next(gene for gene in lab.genes if gene.gene_id == gene_id)
    start = gene.tss - WINDOW // 2
    with pysam.VariantFile(str(lab.cohort.vcf)) as file:
        file.subset_samples(list(donors))
        order = [list(file.header.samples).index(donor) for donor in donors]
        rows = [
            [sum(call["GT"]) for call in record.samples.values()]
            for record in file.fetch(gene.chrom, start, start + WINDOW)
        ]
    return np.array(rows, dtype=float).T[order]


def elastic_net(lab: Lab, gene_ids: Sequence[str], donors: Sequence[str]) -> pd.DataFrame:
    """Genes x donors, each gene fitted to all donors of the part ``train``."""
    return _of_each_gene(lab, gene_ids, donors, _elastic_net)


def top_snp(lab: Lab, gene_ids: Sequence[str], donors: Sequence[str]) -> pd.DataFrame:
    """Genes x donors: a line on the dosage of the variant that has the greatest r in the part ``train``."""
    return _of_each_gene(lab, gene_ids, donors, _top_snp)


def _of_each_gene(lab: Lab, gene_ids: Sequence[str], donors: Sequence[str], fit: Any) -> pd.DataFrame:
    train = lab.people("train")
    rows = []
    for gene_id in gene_ids:
        values = lab.observed.loc[gene_id, train].to_numpy(float)
        rows.append(fit(dosages(lab, gene_id, train), values, dosages(lab, gene_id, donors)))
    return pd.DataFrame(rows, index=list(gene_ids), columns=list(donors))


def _elastic_net(train: np.ndarray, values: np.ndarray, test: np.ndarray) -> np.ndarray:
    return fit_elastic_net(train, values, ELASTIC_NET).predict(test)


def _top_snp(train: np.ndarray, values: np.ndarray, test: np.ndarray) -> np.ndarray:
    centred = train - train.mean(axis=0)
    scale = np.maximum(np.sqrt((centred**2).sum(axis=0)), 1e-12)
    best = int(np.abs((values - values.mean()) @ centred / scale).argmax())
    slope, level = np.polyfit(train[:, best], values, 1)
    return np.asarray(level + slope * test[:, best])


def predicted(lab: Lab, model: Path, gene_ids: Sequence[str], donors: Sequence[str]) -> pd.DataFrame:
    """Genes x donors, of a trained model's folder."""
    predictor = ExpressionPredictor.from_pretrained(model)
    table = predictor.predict(lab.cohort.fasta, lab.cohort.vcf, samples=list(donors), genes=list(gene_ids))
    wide = table.pivot(index="gene_id", columns="sample", values=predictor.model.unit.column)
    return wide.loc[list(gene_ids), list(donors)]


def scored(lab: Lab, gene_ids: Sequence[str], found: pd.DataFrame) -> dict[str, float]:
    """r and R2 over donors, means over genes; r where predictions are constant counts as 0.

    Returns:
        r, R2, of_oracle (r divided by the oracle's), constant (genes whose predictions are).
    """
    donors = list(found.columns)
    observed = lab.observed.loc[list(gene_ids), donors].to_numpy(float)
    scores = gene_correlation(observed, found.loc[list(gene_ids)].to_numpy(float))
    oracle = gene_correlation(observed, lab.oracle.loc[list(gene_ids), donors].to_numpy(float))
    r = float(np.nan_to_num(scores.pearson).mean())
    return {
        "r": r,
        "R2": scores.across_donors()["r2"],
        "of_oracle": r / float(np.nan_to_num(oracle.pearson).mean()),
        "constant": float(scores.n_constant),
    }


def baselines(lab: Lab, gene_ids: Sequence[str], donors: Sequence[str], *, fitted: bool = True) -> dict[str, Any]:
    """Scores of the oracle and, of genes with training values, of the elastic net and the top variant."""
    found = {"oracle": scored(lab, gene_ids, lab.oracle.loc[list(gene_ids), list(donors)])}
    if fitted:
        found["elastic net"] = scored(lab, gene_ids, elastic_net(lab, gene_ids, donors))
        found["top variant"] = scored(lab, gene_ids, top_snp(lab, gene_ids, donors))
    return found

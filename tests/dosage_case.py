"""A small model of dosages, its files, and a plain way to what it predicts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pysam
import torch
from gene_model_tests import Case
from toy_case import toy_case

from variantformer_hf.genome import GeneTable, PersonalGenome, ReferenceGenome
from variantformer_hf.genome.edited import EditedGenome
from variantformer_hf.modeling import LinearDosageConfig, LinearDosageForExpression
from variantformer_hf.zoo.dosage.fitted_model import constant_model, fitted_model
from variantformer_hf.zoo.dosage.forest_recipe import ForestRecipe
from variantformer_hf.zoo.dosage.gene_fit import GeneData
from variantformer_hf.zoo.dosage.gene_model import ForestDosageGeneModel, LinearDosageGeneModel
from variantformer_hf.zoo.dosage.linear_recipes import MeanRecipe
from variantformer_hf.zoo.dosage.variants import GeneVariants, ModelVariants

TISSUES = ("liver", "lung")
OTHER = {"A": "C", "C": "A", "G": "T", "T": "G"}
# Positions (from 1) of each gene's variants, their weights in the two outputs, and their means.
POSITIONS = {"PLUS": (495, 498, 507, 700), "MINUS": (700, 1_395)}
WEIGHTS = {
    "PLUS": [[0.3, -0.2], [0.5, 0.4], [-0.7, 0.0], [0.25, 0.6]],
    "MINUS": [[-0.4, 0.8], [0.9, 0.0]],
}
MEANS = {"PLUS": (0.5, 0.25, 1.5, 1.0), "MINUS": (1.0, 0.75)}
INTERCEPTS = {"PLUS": (1.0, 2.0), "MINUS": (-1.0, 0.5)}


def gene_variants(gene: str, fasta: Path) -> GeneVariants:
    """A gene's variants, each to the other base of its ring's opposite."""
    reference = ReferenceGenome(fasta)
    refs = [reference.sequence("chr1", position - 1, position).upper() for position in POSITIONS[gene]]
    texts = [np.array(bases, dtype=object) for bases in (refs, [OTHER[ref] for ref in refs])]
    return GeneVariants(np.array(POSITIONS[gene]) - 1, *texts, np.array(MEANS[gene], dtype=np.float32))


def linear_model(folder: Path, fasta: Path) -> LinearDosageGeneModel:
    """The model of the weights above; nothing of it is on disk."""
    weights = [np.array(WEIGHTS[gene]).T for gene in POSITIONS]
    output, column = zip(*(np.nonzero(each) for each in weights), strict=True)
    counts = np.concatenate([np.bincount(each, minlength=2) for each in output])
    config = LinearDosageConfig(
        tissues=list(TISSUES), n_genes=2, n_weights=int(counts.sum()), radius=300, unit="inverse_normal"
    )
    network = LinearDosageForExpression(config)
    network.first[1:] = torch.from_numpy(np.cumsum(counts))
    network.variant = torch.from_numpy(np.concatenate(column))
    network.weight.data = torch.from_numpy(np.concatenate([each[each != 0] for each in weights])).float()
    network.intercept.data = torch.tensor(list(INTERCEPTS.values()))
    network.fitted[:] = True
    network.n_read[:] = 5
    variants = ModelVariants.of_genes([gene_variants(gene, fasta) for gene in POSITIONS])
    return LinearDosageGeneModel(network, GeneTable.read(folder / "genes.csv"), variants, device="cpu")


def genotypes(person: PersonalGenome, positions: Sequence[int]) -> np.ndarray:
    """Copies of ALT, from the VCF by pysam, and then the edits."""
    found = np.zeros(len(positions))
    observed: Any = person.person if isinstance(person, EditedGenome) else person
    if observed.path is not None:
        with pysam.VariantFile(str(observed.path)) as file:
            calls = {each.pos: sum(each.samples[0]["GT"]) for each in file}
        found = np.array([calls.get(position, 0) for position in positions], dtype=float)
    if isinstance(person, EditedGenome):
        for edit in person.genotypes:
            if edit.variant.pos in positions and edit.variant.alt == OTHER[edit.variant.ref]:
                found[positions.index(edit.variant.pos)] = edit.text.count("1")
    return found


def plain(model: Any, person: PersonalGenome, gene: str, outputs: Sequence[int]) -> np.ndarray:
    """Predictions by the definition."""
    weights = np.array(WEIGHTS[gene])[:, list(outputs)]
    return np.array(INTERCEPTS[gene])[list(outputs)] + genotypes(person, POSITIONS[gene]) @ weights


def forest_data(gene: str, fasta: Path) -> GeneData:
    """Made people, whose values are about the weighted sums."""
    rng = np.random.default_rng(len(gene))
    dosage = rng.integers(0, 3, (60, len(POSITIONS[gene]))).astype(float)
    person, output = (each.ravel() for each in np.meshgrid(np.arange(60), np.arange(2)))
    sums = np.array(INTERCEPTS[gene]) + dosage @ np.array(WEIGHTS[gene])
    value = sums[person, output] + rng.normal(0, 0.05, len(person))
    return GeneData(gene_variants(gene, fasta), dosage, person, output, value, 2)


def forest_model(folder: Path, fasta: Path, recipe: ForestRecipe) -> ForestDosageGeneModel:
    """Forests of the two genes; nothing of it is on disk."""
    fits = [recipe.fit(forest_data(gene, fasta)) for gene in POSITIONS]
    genes = GeneTable.read(folder / "genes.csv").genes
    model = fitted_model(recipe, genes, fits, tissues=TISSUES, unit="inverse_normal", assembly="GRCh38")
    assert isinstance(model, ForestDosageGeneModel)
    return model


def walked(model: Any, person: PersonalGenome, gene: str, outputs: Sequence[int]) -> np.ndarray:
    """Predictions of a forest, tree by tree and node by node."""
    network, number = model.network, list(POSITIONS).index(gene)
    variants = model.variants.of(number)
    own = dict(zip(POSITIONS[gene], genotypes(person, POSITIONS[gene]), strict=True))
    found = []
    for output in outputs:
        row = [own[position + 1] for position in variants.position.tolist()] + [
            float(each == output) for each in (0, 1)
        ]
        leaves = []
        for tree in range(int(network.first[2 * number + output]), int(network.last[2 * number + output])):
            node = int(network.roots[tree])
            while network.feature[node] >= 0:
                side = network.left if row[network.feature[node]] <= network.threshold[node] else network.right
                node = int(side[node])
            leaves.append(network.value[node].item())
        found.append(np.mean(leaves))
    return np.array(found)


def forest_case(folder: Path) -> Case:
    """The toy's files, with forests."""
    case = toy_case(folder)
    recipe = ForestRecipe(radius=800, trees=(8,), depths=(6,), least_split=(2,))
    forest_model(folder, case.fasta, recipe).save(folder / "forest")
    return replace(case, model=folder / "forest", plain=walked)


def constant(model: Any, person: PersonalGenome, gene: str, outputs: Sequence[int]) -> np.ndarray:
    """Predictions of a model that says the same of everybody."""
    return np.array(INTERCEPTS[gene])[list(outputs)]


def constant_case(folder: Path, kind: str) -> Case:
    """The toy's files, with a model of ``mean`` or ``reference``; what is asked about lies in the gene, its window."""
    case = toy_case(folder)
    genes = GeneTable.read(folder / "genes.csv")
    if kind == "mean":
        nothing = np.zeros((2, 0))
        data = [
            GeneData(GeneVariants.nothing(), nothing, np.array([0, 1]), np.array([0, 1]), np.array(INTERCEPTS[gene]), 2)
            for gene in POSITIONS
        ]
        recipe = MeanRecipe()
        fits = [recipe.fit(each) for each in data]
        model = fitted_model(recipe, genes.genes, fits, tissues=TISSUES, unit="inverse_normal", assembly="GRCh38")
    else:
        rows = [
            {"gene_id": genes.get(gene).gene_id, "tissue": tissue, "expression": value}
            for gene in POSITIONS
            for tissue, value in zip(TISSUES, INTERCEPTS[gene], strict=True)
        ]
        model = constant_model(
            pd.DataFrame(rows), genes, column="expression", unit="inverse_normal", tissues=TISSUES, assembly="GRCh38"
        )
    model.save(folder / kind)
    bases = ReferenceGenome(case.fasta).sequence("chr1", 0, 2_000).upper()
    inside = tuple(f"chr1:{place}:{bases[place - 1]}>{OTHER[bases[place - 1]]}" for place in (502, 507))
    return replace(case, model=folder / kind, plain=constant, variants=inside)


def dosage_case(folder: Path) -> Case:
    """The toy's files, with a model of dosages."""
    case = toy_case(folder)
    linear_model(folder, case.fasta).save(folder / "dosage")
    return replace(case, model=folder / "dosage", plain=plain)

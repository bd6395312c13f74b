"""A small model of dosages, its files, and a plain way to what it predicts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import torch
from gene_model_tests import Case
from toy_case import toy_case

from variantformer_hf.genome import GeneTable, PersonalGenome, ReferenceGenome
from variantformer_hf.genome.edited import EditedGenome
from variantformer_hf.modeling import LinearDosageConfig, LinearDosageForExpression
from variantformer_hf.zoo.dosage.gene_model import LinearDosageGeneModel
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
    codes = [np.array([ord(base) for base in bases], np.uint8) for bases in (refs, [OTHER[ref] for ref in refs])]
    return GeneVariants(np.array(POSITIONS[gene]) - 1, *codes, np.array(MEANS[gene], dtype=np.float32))


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


def dosage_case(folder: Path) -> Case:
    """The toy's files, with a model of dosages."""
    case = toy_case(folder)
    linear_model(folder, case.fasta).save(folder / "dosage")
    return replace(case, model=folder / "dosage", plain=plain)

"""A toy whose right answer is known by hand: weights of bases, and pairs of places that act together; and a panel."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from genome_files import record, write_fasta, write_vcf
from toy_model import ToyConfig, ToyForExpression, ToyGeneModel
from transformers.modeling_outputs import ModelOutput

from variantformer_hf.analysis import VariantScorer
from variantformer_hf.genome import GeneTable, ReferenceGenome
from variantformer_hf.genome.genes import Gene

LENGTH, WINDOW, PEOPLE = 4_000, 1_000, 60
TISSUES = ("liver", "lung")
OTHER = {"A": "C", "C": "A", "G": "T", "T": "G"}


class PlantedConfig(ToyConfig):
    """Attributes: pairs, of each output: place, its base, place, its base, strength."""

    model_type = "planted"
    pairs: list[list[list[float]]] | None = None


class PlantedForExpression(ToyForExpression):
    """The toy, and products of the shares of two bases."""

    config_class = PlantedConfig

    def forward(
        self, bases: torch.Tensor, outputs: torch.Tensor, labels: torch.Tensor | None = None, return_dict: bool = True
    ) -> ModelOutput:
        found = super().forward(bases, outputs, labels, return_dict)
        for row, of_row in enumerate(outputs.tolist()):
            for column, output in enumerate(of_row):
                for one, base, other, other_base, strength in self.config.pairs[output]:
                    product = bases[row, int(one), int(base)] * bases[row, int(other), int(other_base)]
                    found["logits"][row, column] += strength * product
        return found


class PlantedGeneModel(ToyGeneModel):
    """See above."""

    model_type: ClassVar[str] = "planted"


@dataclass(frozen=True)
class PlantedLab:
    """Files, and what is planted in them.

    Attributes:
        places: from 0, of the SNPs in the gene's window.
        weights: (T, SNPs) of a copy of ALT.
        dosage: (PEOPLE, SNPs).
    """

    scorer: VariantScorer
    reference: ReferenceGenome
    panel: Path
    places: np.ndarray
    weights: np.ndarray
    dosage: np.ndarray


def planted_lab(folder: Path, pairs: dict[int, list[tuple[int, int, float]]] | None = None) -> PlantedLab:
    """A genome, a panel of 60 phased people with 30 SNPs in the window of one gene and 6 outside, and a model.

    Args:
        folder: is there.
        pairs: output -> (SNP, SNP, strength): what the product of both shares of ALT (0, a half, 1) adds; what it has
            of a sum over people is taken from the two weights.
    """
    rng = np.random.default_rng(5)
    genome = "".join(rng.choice(list("ACGT"), LENGTH))
    gene = Gene("ENSG00000000001", "PLANTED", "chr1", 2_000, 2_600, "+")
    first = gene.tss - WINDOW // 2
    places = np.sort(rng.choice(np.arange(first + 5, first + WINDOW - 5), 30, replace=False))
    outside = np.array([200, 300, 1_000, 3_000, 3_400, 3_800])
    frequency = rng.uniform(0.15, 0.85, 36)
    haplotypes = (rng.random((2 * PEOPLE, 36)) < frequency).astype(int)
    lines = []
    for place in np.sort(np.concatenate([places, outside])).tolist():
        column = int(np.flatnonzero(np.concatenate([places, outside]) == place)[0])
        calls = ["|".join(map(str, pair)) for pair in haplotypes[:, column].reshape(PEOPLE, 2)]
        lines.append(record(place + 1, genome[place], OTHER[genome[place]], *calls))
    names = [f"P{number:02d}" for number in range(PEOPLE)]
    panel = write_vcf(folder / "panel.vcf.gz", lines, contigs={"chr1": LENGTH}, samples=names)
    weights = rng.normal(size=(len(TISSUES), 30))
    dosage = haplotypes[:, :30].reshape(PEOPLE, 2, 30).sum(axis=1)
    for output, of_output in (pairs or {}).items():
        for one, other, strength in of_output:
            weights[output, one] -= strength * dosage[:, other].mean() / 4
            weights[output, other] -= strength * dosage[:, one].mean() / 4
    network = PlantedForExpression(
        PlantedConfig(
            window=WINDOW,
            tissues=list(TISSUES),
            pairs=[
                [
                    [
                        places[one] - first,
                        base(genome, places[one]),
                        places[other] - first,
                        base(genome, places[other]),
                        s,
                    ]
                    for one, other, s in (pairs or {}).get(output, [])
                ]
                for output in range(len(TISSUES))
            ],
        )
    )
    with torch.no_grad():
        for output, of_output in enumerate(weights):
            for place, weight in zip(places.tolist(), of_output, strict=True):
                network.weight[output, place - first, base(genome, place)] = 2 * weight  # of a share, which is a half
    model = PlantedGeneModel(network, GeneTable([gene]), device="cpu")
    reference = ReferenceGenome(write_fasta(folder / "genome.fa", {"chr1": genome}, width=60))
    return PlantedLab(VariantScorer(model), reference, panel, places, weights, dosage)


def base(genome: str, place: int) -> int:
    """Number of ALT at a place."""
    return "ACGT".index(OTHER[genome[place]])

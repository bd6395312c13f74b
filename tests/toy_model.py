"""A toy tenant of the zoo, whose right answers can be written down by hand.

It weighs the bases of one window around a TSS: a prediction is the sum of the weights of the bases at their places; an
IUPAC code is half of each of its two bases. docs/new-model.md builds it step by step.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, cast

import numpy as np
import torch
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import ModelOutput

from variantformer_hf.folder import GENES_FILE
from variantformer_hf.genome.genes import Gene, GeneTable
from variantformer_hf.genome.reference import ReferenceGenome
from variantformer_hf.zoo.companions import check_companions, write_companions
from variantformer_hf.zoo.families import Family
from variantformer_hf.zoo.gene_input import GeneInput, SequenceInput
from variantformer_hf.zoo.gene_model import GeneModel
from variantformer_hf.zoo.gene_regions import RegionFinder
from variantformer_hf.zoo.model_files import load_strictly, model_file, model_identity

# Shares of A, C, G and T in each letter.
SHARES = {"A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"}


class ToyConfig(PreTrainedConfig):
    model_type = "toy"
    window: int = 20
    tissues: list[str] | None = None
    unit: str = "inverse_normal"
    assembly: str = "GRCh38"


class ToyForExpression(PreTrainedModel):
    config_class = ToyConfig

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.weight = torch.nn.Parameter(torch.zeros(len(config.tissues or ()), config.window, 4))
        self.post_init()

    def forward(
        self, bases: torch.Tensor, outputs: torch.Tensor, labels: torch.Tensor | None = None, return_dict: bool = True
    ) -> ModelOutput:
        logits = torch.einsum("blc,btlc->bt", bases.float(), self.weight[outputs].float())
        away = None if labels is None else (logits - labels)[~labels.isnan()]
        loss = None if away is None else away.square().sum() / max(1, len(away))
        return ModelOutput(loss=loss, logits=logits)


class ToyGeneModel(GeneModel):
    model_type: ClassVar[str] = "toy"
    modes: tuple[str, ...] = ("iupac", "haplotype1", "haplotype2")

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        force_companions: bool = False,
    ) -> "ToyGeneModel":
        check_companions(model, revision=revision, force=force_companions)
        network = load_strictly(ToyForExpression, model, dtype=torch.float32, revision=revision)
        genes = GeneTable.read(model_file(model, GENES_FILE, revision=revision))
        return cls(network, genes, identity=model_identity(model), device=device, precision=precision)

    def save(self, folder: str | Path) -> None:
        self.network.save_pretrained(folder)
        self.gene_table.save(Path(folder) / GENES_FILE)
        write_companions(folder)

    def region_finder(self, reference: ReferenceGenome) -> RegionFinder:
        return RegionFinder(self.gene_table, reference, self._window)

    def _window(self, gene: Gene, contig_length: int) -> tuple[int, int]:
        half = self.config.window // 2
        return max(0, gene.tss - half), min(contig_length, gene.tss + half)

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        bases = np.zeros((len(inputs), self.config.window, 4), dtype=np.float32)
        for row, each in enumerate(inputs):
            sequence = cast(SequenceInput, each).sequences.gene_sequence.upper()[: self.config.window]
            for place, letter in enumerate(sequence):
                for base in SHARES.get(letter, ""):
                    bases[row, place, "ACGT".index(base)] = 1 / len(SHARES[letter])
        arrays = {"bases": bases, "outputs": outputs, **({} if labels is None else {"labels": labels})}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


AutoConfig.register("toy", ToyConfig, exist_ok=True)
TOY = Family("toy", ToyGeneModel)

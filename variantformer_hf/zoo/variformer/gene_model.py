"""Variformer as the zoo asks it: a person's gene is one window, the mean of both haplotypes, SNPs alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from transformers import PreTrainedModel

from ...modeling import VariformerForExpression, VariformerProcessor
from ..gene_input import GeneInput
from ..window.gene_model import DiploidGeneModel


class VariformerGeneModel(DiploidGeneModel):
    """Variformer with its genes; see :class:`DiploidGeneModel`.

    Genes of both strands are read forward, as in training. One that is none of ``config.genes`` is predicted with the
    status ``unseen_gene``.
    """

    model_type: ClassVar[str] = "variformer"

    @classmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the network."""
        return VariformerForExpression

    def save_tables(self, folder: Path) -> None:
        """Write genes, processor and hashes into the folder of the weights."""
        config = self.config
        VariformerProcessor(config.sequence_length, float(config.n_share)).save_pretrained(folder)
        super().save_tables(folder)

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """As of :meth:`DiploidGeneModel.batch`; with labels also gene_index (B,), equal where genes are."""
        batch = super().batch(inputs, outputs, labels)
        if labels is not None:
            number = {gene: place for place, gene in enumerate(dict.fromkeys(each.regions.gene for each in inputs))}
            batch["gene_index"] = torch.tensor([number[each.regions.gene] for each in inputs])
        return batch

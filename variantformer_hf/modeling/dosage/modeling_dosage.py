"""Networks of dosages: a gene's variants, as copies of ALT, -> its expression in each output.

A gene's outputs are functions of its own variants alone, so that one model holds many genes, each fitted by itself.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from .configuration_dosage import DosageConfig, LinearDosageConfig


@dataclass
class DosageOutput(ModelOutput):
    """Output of a network of dosages.

    Attributes:
        loss: (), mean squared error over the labels that are there, 0 where there is none; None without ``labels``.
        logits: (B, T) float32; NaN of an output that a gene was not fitted in.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None


class DosageForExpression(PreTrainedModel):
    """Dosages of genes' variants -> their expression.

    Args:
        config: the model's configuration.

    Attributes:
        fitted: (genes, outputs) bool, where there were values to be fitted to.
        n_read: (genes,) int64, variants that each gene could be fitted to; -1 = by its recipe none is read.
    """

    config: DosageConfig
    config_class = DosageConfig
    fitted: torch.Tensor
    n_read: torch.Tensor

    def __init__(self, config: DosageConfig) -> None:
        super().__init__(config)
        self.register_buffer("fitted", torch.zeros(config.n_genes, config.n_outputs, dtype=torch.bool))
        self.register_buffer("n_read", torch.full((config.n_genes,), -1, dtype=torch.int64))

    @can_return_tuple
    def forward(
        self,
        dosage: torch.Tensor,
        gene: torch.Tensor,
        outputs: torch.Tensor,
        labels: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> DosageOutput:
        """Predict B genes of people in T outputs.

        Args:
            dosage: (B, V) float32, copies of ALT of each gene's variants in their order; 0 behind the last one.
            gene: (B,) int64, number of each gene in the model.
            outputs: (B, T) int64.
            labels: (B, T), NaN where there is none.
        """
        logits = self.values(dosage.float(), gene, outputs)
        logits = logits.masked_fill(~self.fitted[gene[:, None], outputs], torch.nan)
        loss = None
        if labels is not None:
            away = (logits - labels)[~labels.isnan()]
            loss = away.square().sum() / max(1, len(away))
        return DosageOutput(loss=loss, logits=logits)

    def values(self, dosage: torch.Tensor, gene: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """(B, T) float32, whether or not they were fitted."""
        raise NotImplementedError


class LinearDosageForExpression(DosageForExpression):
    """A weighted sum of dosages, and an intercept, for each gene and output.

    Args:
        config: the model's configuration.

    Attributes:
        intercept: (genes, outputs).
        weight: (n_weights,) of a copy of ALT each, output by output within a gene, gene by gene.
        first: (genes * outputs + 1,) int64, weights of output t of gene g are ``first[g * T + t]`` to the next.
        variant: (n_weights,) int64, which of its gene's variants each weight is of.
    """

    config: LinearDosageConfig
    config_class = LinearDosageConfig
    first: torch.Tensor
    variant: torch.Tensor

    def __init__(self, config: LinearDosageConfig) -> None:
        super().__init__(config)
        self.intercept = nn.Parameter(torch.zeros(config.n_genes, config.n_outputs))
        self.weight = nn.Parameter(torch.zeros(config.n_weights))
        self.register_buffer("first", torch.zeros(config.n_genes * config.n_outputs + 1, dtype=torch.int64))
        self.register_buffer("variant", torch.zeros(config.n_weights, dtype=torch.int64))
        self.post_init()

    def values(self, dosage: torch.Tensor, gene: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """(B, T) float32: of each gene and output its weights are gathered, and their products added up."""
        pair = (gene[:, None] * self.config.n_outputs + outputs).flatten()
        begin = self.first[pair]
        count = self.first[pair + 1] - begin
        place = torch.repeat_interleave(torch.arange(len(pair), device=pair.device), count)
        within = torch.arange(len(place), device=pair.device) - (count.cumsum(0) - count)[place]
        which = begin[place] + within
        products = self.weight[which].float() * dosage[place // outputs.shape[1], self.variant[which]]
        intercept = self.intercept.flatten()[pair].float()
        return intercept.index_add(0, place, products).view(outputs.shape)

"""Networks of dosages: a gene's variants, as copies of ALT, -> its expression in each output.

A gene's outputs are functions of its own variants alone, so that one model holds many genes, each fitted by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from ..enformer.trunk_enformer import in_float32, squared_distance
from .configuration_dosage import DosageConfig, ForestDosageConfig, LinearDosageConfig


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

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> "DosageForExpression":
        """Moved, and never turned into a type of 16 bits: thresholds between dosages would fall together."""
        super()._apply(in_float32(fn), recurse)
        return self

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
        loss = None if labels is None else squared_distance(logits, labels)
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
        effect, is_scored: (n_weights,) and (n_weights,) bool, of a config that has effects: what a sequence model says
            of a copy of ALT by itself, and where it said anything. Predictions do not depend on them.
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
        if config.has_effects:
            self.register_buffer("effect", torch.zeros(config.n_weights))
            self.register_buffer("is_scored", torch.zeros(config.n_weights, dtype=torch.bool))
        self.post_init()

    def values(self, dosage: torch.Tensor, gene: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """(B, T) float32: of each gene and output its weights are gathered, and their products added up."""
        pair = (gene[:, None] * self.config.n_outputs + outputs).flatten()
        begin = self.first[pair]
        count = self.first[pair + 1] - begin
        place, which = ranges(begin, count)
        products = self.weight[which].float() * dosage[place // outputs.shape[1], self.variant[which]]
        intercept = self.intercept.flatten()[pair].float()
        return intercept.index_add(0, place, products).view(outputs.shape)


class ForestDosageForExpression(DosageForExpression):
    """The mean over trees of regression, of each gene, or of each gene and output.

    Nodes of all trees of all genes stand one behind the other, as in the released forests of risk. What a tree reads
    are the dosages of its gene's variants, and behind them which output is asked for, one-hot.

    Args:
        config: the model's configuration.

    Attributes:
        feature: (n_nodes,) int64, -1 at leaves.
        threshold: (n_nodes,) float32; rows with ``x[feature] <= threshold`` go left.
        left, right: (n_nodes,) int64, nodes; -1 at leaves.
        value: (n_nodes,) of leaves, and 0 elsewhere.
        roots: (n_trees,) int64.
        first, last: (genes * outputs,) int64, the trees of each.
        n_variants: (genes,) int64, variants of each gene.
    """

    config: ForestDosageConfig
    config_class = ForestDosageConfig
    feature: torch.Tensor
    threshold: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor
    roots: torch.Tensor
    first: torch.Tensor
    last: torch.Tensor
    n_variants: torch.Tensor

    def __init__(self, config: ForestDosageConfig) -> None:
        super().__init__(config)
        for name in ("feature", "left", "right"):
            self.register_buffer(name, torch.full((config.n_nodes,), -1, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(config.n_nodes))
        self.register_buffer("roots", torch.zeros(config.n_trees, dtype=torch.int64))
        for name in ("first", "last"):
            self.register_buffer(name, torch.zeros(config.n_genes * config.n_outputs, dtype=torch.int64))
        self.register_buffer("n_variants", torch.zeros(config.n_genes, dtype=torch.int64))
        self.value = nn.Parameter(torch.zeros(config.n_nodes))
        self.post_init()

    def values(self, dosage: torch.Tensor, gene: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """(B, T) float32: all trees are walked at once, a split at a time."""
        pair = (gene[:, None] * self.config.n_outputs + outputs).flatten()
        count = self.last[pair] - self.first[pair]
        place, tree = ranges(self.first[pair], count)
        row, output = place // outputs.shape[1], outputs.flatten()[place]
        n_variants = self.n_variants[gene[row]]
        node = self.roots[tree]
        while bool((feature := self.feature[node]).ge(0).any()):
            read = dosage[row, feature.clamp(min=0).minimum((n_variants - 1).clamp(min=0))]
            number = torch.where(feature < n_variants, read, (feature - n_variants == output).float())
            child = torch.where(number <= self.threshold[node], self.left[node], self.right[node])
            node = torch.where(feature < 0, node, child)
        dtype = torch.float32 if pair.device.type == "mps" else torch.float64  # which mps does not have
        sums = torch.zeros(len(pair), dtype=dtype, device=pair.device)
        sums = sums.index_add(0, place, self.value[node].to(dtype))
        return (sums / count.clamp(min=1)).float().view(outputs.shape)


def ranges(begin: torch.Tensor, count: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers of ranges one behind the other, of where each begins and how many it has: which range each is of, and
    the number."""
    place = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
    within = torch.arange(len(place), device=count.device) - (count.cumsum(0) - count)[place]
    return place, begin[place] + within

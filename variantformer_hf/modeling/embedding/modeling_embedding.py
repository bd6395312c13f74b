"""Networks that read a vector of a person's gene: heads of tissues, and weighted sums of its numbers.

- The vectors are made elsewhere, by a network that does not learn, and come as numbers.
- Heads of all tissues lie in one tensor a layer: those of a batch are gathered, and computed in one product.
- All is computed in float32, whatever the network that makes the vectors is in.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from ..dosage.modeling_dosage import ranges
from ..enformer.trunk_enformer import in_float32, squared_distance
from .configuration_embedding import EmbeddingConfig, EmbeddingHeadsConfig, EmbeddingNetConfig


@dataclass
class EmbeddingOutput(ModelOutput):
    """Output of a network of vectors.

    Attributes:
        loss: (), mean squared error over the labels that are there, 0 where there is none; None without ``labels``.
        logits: (B, T) float32; NaN of an output that a gene was not fitted in.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None


class EmbeddingForExpression(PreTrainedModel):
    """Vectors of genes -> their expression.

    Args:
        config: the model's configuration.
    """

    config: EmbeddingConfig
    config_class = EmbeddingConfig

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> "EmbeddingForExpression":
        """Moved, and never turned into a type of 16 bits: people of a gene differ in the last digits."""
        super()._apply(in_float32(fn), recurse)
        return self

    @can_return_tuple
    def forward(
        self,
        embedding: torch.Tensor,
        gene: torch.Tensor,
        outputs: torch.Tensor,
        labels: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> EmbeddingOutput:
        """Predict B genes of people in T outputs.

        Args:
            embedding: (B, embedding_size) float32, each gene's vector.
            gene: (B,) int64, number of each gene in the model.
            outputs: (B, T) int64.
            labels: (B, T), NaN where there is none.
        """
        logits = self.values(embedding.float(), gene, outputs)
        loss = None if labels is None else squared_distance(logits, labels)
        return EmbeddingOutput(loss=loss, logits=logits)

    def values(self, embedding: torch.Tensor, gene: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """(B, T) float32; NaN where nothing was fitted."""
        raise NotImplementedError


class LinearOfOutputs(nn.Module):
    """A linear map for each output.

    Args:
        n_outputs: how many.
        n_in, n_out: numbers that come and go.
    """

    def __init__(self, n_outputs: int, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_outputs, n_out, n_in))
        self.bias = nn.Parameter(torch.empty(n_outputs, n_out))

    def forward(self, states: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """(U, M, n_in) of U outputs -> (U, M, n_out)."""
        return torch.baddbmm(self.bias[outputs][:, None], states, self.weight[outputs].transpose(1, 2))


class LayerNormOfOutputs(nn.Module):
    """A layer norm whose scale and shift are each output's own.

    Args:
        n_outputs: how many.
        width: of the states.
        eps: see ``nn.LayerNorm``.
    """

    def __init__(self, n_outputs: int, width: int, eps: float) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(n_outputs, width)), nn.Parameter(torch.zeros(n_outputs, width))
        self.eps = eps

    def forward(self, states: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """(U, M, width) of U outputs -> the same shape."""
        normed = nn.functional.layer_norm(states, states.shape[-1:], eps=self.eps)
        return normed * self.weight[outputs][:, None] + self.bias[outputs][:, None]


class EmbeddingHeadsForExpression(EmbeddingForExpression):
    """A linear map of the vector, and on it a head a tissue: three linear maps, with LayerNorm, GELU and dropout
    between them, to one number (VariantFormer, S1.2).

    Args:
        config: the model's configuration.

    Attributes:
        center, scale: (embedding_size,) of the vectors that it was trained on: what is read is
            ``(embedding - center) / scale``, so that widths and rates do not depend on the network that makes them.
    """

    config: EmbeddingHeadsConfig
    config_class = EmbeddingHeadsConfig
    center: torch.Tensor
    scale: torch.Tensor

    def __init__(self, config: EmbeddingHeadsConfig) -> None:
        super().__init__(config)
        n, (first, second) = config.n_outputs, config.head_sizes or (1, 1)
        self.register_buffer("center", torch.zeros(config.embedding_size))
        self.register_buffer("scale", torch.ones(config.embedding_size))
        self.shared = nn.Linear(config.embedding_size, config.hidden_size)
        self.linear1, self.norm1 = _layer(n, config.hidden_size, first, config.layer_norm_eps)
        self.linear2, self.norm2 = _layer(n, first, second, config.layer_norm_eps)
        self.linear3 = LinearOfOutputs(n, second, 1)
        self.dropout = nn.Dropout(float(config.hidden_dropout))
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """As ``nn.Linear`` draws its own: evenly, up to one over the root of what comes in."""
        if isinstance(module, (nn.Linear, LinearOfOutputs)):
            bound = 1 / math.sqrt(module.weight.shape[-1])
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.uniform_(module.bias, -bound, bound)
        elif isinstance(module, LayerNormOfOutputs):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, EmbeddingHeadsForExpression):
            nn.init.zeros_(module.center)
            nn.init.ones_(module.scale)

    def values(self, embedding: torch.Tensor, gene: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """(B, T) float32: what is asked of one output in the batch goes through its head together."""
        shared = self.shared((embedding - self.center) / self.scale)
        used, group = outputs.flatten().unique(return_inverse=True)
        counts = group.bincount(minlength=len(used))
        order = group.argsort(stable=True)
        within = torch.empty_like(group)
        within[order] = torch.arange(len(group), device=group.device) - (counts.cumsum(0) - counts)[group[order]]
        row = torch.arange(len(shared), device=group.device).repeat_interleave(outputs.shape[1])
        states = shared.new_zeros(len(used), int(counts.max()), shared.shape[-1])
        states = states.index_put((group, within), shared[row])
        for linear, norm in ((self.linear1, self.norm1), (self.linear2, self.norm2)):
            states = self.dropout(nn.functional.gelu(norm(linear(states, used), used)))
        return self.linear3(states, used)[group, within, 0].view(outputs.shape)


def _layer(n_outputs: int, n_in: int, n_out: int, eps: float) -> tuple[LinearOfOutputs, LayerNormOfOutputs]:
    return LinearOfOutputs(n_outputs, n_in, n_out), LayerNormOfOutputs(n_outputs, n_out, eps)


class EmbeddingNetForExpression(EmbeddingForExpression):
    """A weighted sum of a vector's numbers, and an intercept, for each gene and output.

    Args:
        config: the model's configuration.

    Attributes:
        fitted: (genes, outputs) bool, where there were values to be fitted to.
        intercept: (genes, outputs).
        weight: (n_weights,), output by output within a gene, gene by gene.
        first: (genes * outputs + 1,) int64, weights of output t of gene g are ``first[g * T + t]`` to the next.
        number: (n_weights,) int64, which of the vector's numbers each weight is of.
    """

    config: EmbeddingNetConfig
    config_class = EmbeddingNetConfig
    fitted: torch.Tensor
    first: torch.Tensor
    number: torch.Tensor

    def __init__(self, config: EmbeddingNetConfig) -> None:
        super().__init__(config)
        self.register_buffer("fitted", torch.zeros(config.n_genes, config.n_outputs, dtype=torch.bool))
        self.register_buffer("first", torch.zeros(config.n_genes * config.n_outputs + 1, dtype=torch.int64))
        self.register_buffer("number", torch.zeros(config.n_weights, dtype=torch.int64))
        self.intercept = nn.Parameter(torch.zeros(config.n_genes, config.n_outputs))
        self.weight = nn.Parameter(torch.zeros(config.n_weights))
        self.post_init()

    def values(self, embedding: torch.Tensor, gene: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """(B, T) float32: of each gene and output its weights are gathered, and their products added up."""
        pair = (gene[:, None] * self.config.n_outputs + outputs).flatten()
        begin = self.first[pair]
        place, which = ranges(begin, self.first[pair + 1] - begin)
        products = self.weight[which] * embedding[place // outputs.shape[1], self.number[which]]
        found = self.intercept.flatten()[pair].index_add(0, place, products).view(outputs.shape)
        return found.masked_fill(~self.fitted[gene[:, None], outputs], torch.nan)

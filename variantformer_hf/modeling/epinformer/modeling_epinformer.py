"""EPInformer (Lin et al., 2024): a promoter and its elements, by themselves and then together -> expression.

What is unusual here:

- The promoter looks at all elements, and an element at itself and at the promoter: elements know each other only by the
  promoter.
- An element without a base is empty. None of them goes through the convolutions, so that BatchNorm's statistics are of
  elements that are there; public code counts empty ones in while it trains. Predictions do not differ.
- A promoter is always there, whatever its bases.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from ..enformer.trunk_enformer import N_BASES, BatchNorm
from ..variantformer.attention_variantformer import ScoreBias
from .configuration_epinformer import EPInformerConfig
from .layers_epinformer import ElementAttention, ElementEncoder, EPInformerLayer, ExpressionHead, star_bias

# Elements that go through the convolutions at a time where no gradient is kept.
_ELEMENTS_AT_ONCE = 32


@dataclass
class EPInformerOutput(ModelOutput):
    """What is said of genes.

    Attributes:
        loss: () float32, see :func:`smooth_l1`; None without labels.
        logits: (B, T) float32 in the config's unit.
        last_hidden_state: (B, 1 + N, hidden_size), of the promoter and its elements; of an empty one without meaning.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    last_hidden_state: torch.Tensor | None = None


class EPInformerModel(PreTrainedModel):
    """A gene's promoter, its elements, and what is known of them -> its expression.

    Args:
        config: the model's configuration.
    """

    config: EPInformerConfig
    config_class = EPInformerConfig
    base_model_prefix = "model"
    main_input_name = "dna"
    _keep_in_fp32_modules_strict: ClassVar[list[str]] = ["batch_norm", "head"]
    _supports_sdpa = True
    _supports_flash_attn = False
    _supports_flex_attn = False

    def __init__(self, config: EPInformerConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.encoder = ElementEncoder(config)
        self.with_features = nn.Linear(width + config.num_element_features, width)
        self.mixed = nn.Linear(width, width)
        self.layers = nn.ModuleList(EPInformerLayer(config) for _ in range(config.num_hidden_layers))
        self.head = ExpressionHead(config)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        dna: torch.Tensor,
        element_features: torch.Tensor,
        gene_features: torch.Tensor,
        embeddings: torch.Tensor | None = None,
        *,
        gene: torch.Tensor | None = None,
        outputs: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> EPInformerOutput:
        """Read genes.

        Args:
            dna: (R, 1 + N, L, 4), floating point: shares of A, C, G and T at each base of the promoter, then of each
                element; 0 of an empty one. N up to ``num_enhancers``.
            element_features: (R, 1 + N, F), what is known of each, 0 of the promoter and of an empty one; see
                ``ELEMENT_FEATURES``.
            gene_features: (R, G), what is known of the gene.
            embeddings: (R, E), the gene's vector of another model; None where none is read.
            gene: (R,) int64, the row of B that each reading is of, as of two haplotypes, whose numbers are averaged;
                None = one reading a gene.
            outputs: (B, T) int64, ids of the outputs of each; None = all.
            labels: (B, T) in the config's unit, NaN where there is none; None = no loss is wanted.

        Raises:
            ValueError: another shape or type; an embedding where none is read, or none where one is.
        """
        self._check(dna, element_features, gene_features, embeddings)
        present = (dna != 0).flatten(2).any(dim=2)
        present[:, 0] = True
        there = self.encode(dna[present])
        vectors = there.new_zeros(*present.shape, there.shape[-1]).masked_scatter(present[..., None], there)
        states = self.together(vectors, present, element_features)
        logits = self.read(states, gene_features, embeddings, gene=gene, outputs=outputs)
        loss = None if labels is None else smooth_l1(logits, labels)
        return EPInformerOutput(loss=loss, logits=logits, last_hidden_state=states)

    def encode(self, dna: torch.Tensor) -> torch.Tensor:
        """Promoters and elements by themselves: (M, L, 4) -> (M, hidden_size) in the type of the weights."""
        if self.training or torch.is_grad_enabled():
            return self.encoder(dna)
        return torch.cat([self.encoder(part) for part in dna.split(_ELEMENTS_AT_ONCE)])

    def together(self, vectors: torch.Tensor, present: torch.Tensor, element_features: torch.Tensor) -> torch.Tensor:
        """Promoters and elements that have looked at each other.

        Args:
            vectors: (R, 1 + N, hidden_size) of :meth:`encode`; of an empty element any.
            present: (R, 1 + N) bool, which are there; the promoter always is.
            element_features: (R, 1 + N, F).

        Returns:
            (R, 1 + N, hidden_size).
        """
        features = torch.cat([vectors, element_features.to(vectors.dtype)], dim=-1)
        states = self.mixed(self.with_features(features).relu()).relu()
        bias = ScoreBias(lambda: star_bias(present, states.dtype), is_other=True)
        for layer in self.layers:
            states = layer(states, bias)
        return states

    def read(
        self,
        states: torch.Tensor,
        gene_features: torch.Tensor,
        embeddings: torch.Tensor | None,
        *,
        gene: torch.Tensor | None = None,
        outputs: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """What the promoters of :meth:`together` say: (B, T) float32; arguments as of :meth:`forward`."""
        known = [states[:, 0], gene_features] if embeddings is None else [states[:, 0], gene_features, embeddings]
        logits = self.head(torch.cat([each.to(self.head.last.weight.dtype) for each in known], dim=-1))
        if gene is not None:
            count = torch.bincount(gene)[:, None]
            logits = logits.new_zeros(len(count), logits.shape[1]).index_add(0, gene, logits) / count
        return logits if outputs is None else logits.gather(1, outputs)

    def _check(
        self,
        dna: torch.Tensor,
        element_features: torch.Tensor,
        gene_features: torch.Tensor,
        embeddings: torch.Tensor | None,
    ) -> None:
        config = self.config
        if dna.dim() != 4 or dna.shape[2:] != (config.element_length, N_BASES) or not dna.shape[1]:
            raise ValueError(
                f"dna has the shape {tuple(dna.shape)}, (batch, 1 + elements, {config.element_length}, {N_BASES}) is "
                "expected"
            )
        if dna.shape[1] > 1 + config.num_enhancers:
            raise ValueError(
                f"dna has {dna.shape[1] - 1} elements beside the promoter, {config.num_enhancers} are read at the most"
            )
        if not dna.is_floating_point():
            raise ValueError(f"dna is {str(dna.dtype).removeprefix('torch.')}, floating point is expected")
        wanted: dict[str, tuple[torch.Tensor | None, tuple[int, ...]]] = {
            "element_features": (element_features, (*dna.shape[:2], config.num_element_features)),
            "gene_features": (gene_features, (len(dna), len(config.gene_features or ()))),
        }
        if config.embedding_size:
            wanted["embeddings"] = (embeddings, (len(dna), config.embedding_size))
        elif embeddings is not None:
            raise ValueError("the model reads no embeddings: its embedding_size is 0")
        for name, (given, shape) in wanted.items():
            if given is None or given.shape != shape:
                found = "is missing" if given is None else f"has the shape {tuple(given.shape)}"
                raise ValueError(f"{name} {found}, {shape} is expected")

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """As torch begins its own layers, and an attention's projection as ``nn.MultiheadAttention``."""
        if isinstance(module, nn.Linear | nn.Conv1d):
            init.kaiming_uniform_(module.weight, a=math.sqrt(5))
            if module.bias is not None:
                bound = module.weight[0].numel() ** -0.5
                init.uniform_(module.bias, -bound, bound)
        elif isinstance(module, nn.LayerNorm | BatchNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
            if isinstance(module, BatchNorm):
                init.zeros_(module.running_mean)
                init.ones_(module.running_var)
                init.zeros_(module.num_batches_tracked)
        elif isinstance(module, ElementAttention):
            init.xavier_uniform_(module.qkv.weight)
            init.zeros_(module.qkv.bias)
            init.zeros_(module.out.bias)


def smooth_l1(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean of d ** 2 / 2 up to a distance d of 1, then of d - 1 / 2, over labels that are no NaN; 0 without any."""
    known = ~labels.isnan()
    total = F.smooth_l1_loss(logits[known], labels[known].to(logits.dtype), reduction="sum")
    return total / known.sum().clamp(min=1)

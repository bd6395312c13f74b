"""The encoder: tokens of a DNA sequence (a cCRE, or a window of a gene) -> one vector.

Positions are ranks (ALiBi), or sines in encoders that were trained so. Sequences of like length are worked on together,
so that padding costs next to nothing.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from .attention_variantformer import score_bias
from .configuration_variantformer import VariantFormerEncoderConfig
from .layers_variantformer import VariantFormerLayer, residual
from .pretrained_variantformer import VariantFormerPreTrainedModel

# Sequences that an encoder works on at a time, on the CPU and elsewhere: what bounds the memory of its activations.
ENCODER_CHUNK = 128
ENCODER_CHUNK_ON_GPU = 512


@dataclass
class VariantFormerEncoderOutput(ModelOutput):
    """Output of the sequence encoder.

    Attributes:
        pooler_output: (..., hidden_size), one vector per sequence.
    """

    pooler_output: torch.Tensor | None = None


class VariantFormerEncoder(VariantFormerPreTrainedModel):
    """Tokens of a DNA sequence -> one vector.

    Args:
        config: the encoder's configuration.
    """

    config: VariantFormerEncoderConfig
    # What stage 1 calls it, so that an encoder loads from a stage 1 folder.
    base_model_prefix = "encoder"
    main_input_name = "input_ids"

    def __init__(self, config: VariantFormerEncoderConfig) -> None:
        super().__init__(config)
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.context_embedding = nn.Embedding(config.num_contexts, config.hidden_size) if config.use_context else None
        self.layers = nn.ModuleList(
            VariantFormerLayer(config, self_attention=True, cross_attention=config.use_context)
            for _ in range(config.num_hidden_layers)
        )
        self.pooling = nn.Linear(config.token_length, 1) if config.pooling == "linear" else None
        self.post_init()

    @property
    def drops_out(self) -> bool:
        """Whether the same sequence is another vector each time."""
        return self.training and max(self.config.attention_dropout, self.config.hidden_dropout) > 0

    def get_input_embeddings(self) -> nn.Embedding:
        return self.token_embedding

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        self.token_embedding = value

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        context_ids: torch.Tensor | None = None,
    ) -> VariantFormerEncoderOutput:
        """Encode sequences.

        Args:
            input_ids: (..., L), L at most ``token_length``.
            attention_mask: (..., L), 1 = token; None = all.
            context_ids: (...), class of each sequence, for encoders with ``use_context``.

        Returns:
            ``pooler_output`` (..., hidden_size) in the type of the residual stream.
        """
        if input_ids.shape[-1] > self.config.token_length:
            raise ValueError(f"{input_ids.shape[-1]} tokens a sequence, the encoder takes {self.config.token_length}")
        if self.context_embedding is not None and context_ids is None:
            raise ValueError("this encoder has use_context=True and needs context_ids")
        leading = input_ids.shape[:-1]
        ids = input_ids.flatten(0, -2)
        mask = torch.ones_like(ids) if attention_mask is None else attention_mask.flatten(0, -2)
        mask = mask.bool()
        contexts = None if context_ids is None else context_ids.flatten()
        # Sequences of like length together: padding after a chunk's longest one is never worked on.
        used = torch.where(mask.any(-1), mask.shape[-1] - mask.flip(-1).int().argmax(-1), 0)
        order = torch.argsort(used, stable=True)
        pooled = [
            self._encode(ids[rows], mask[rows], used[rows], contexts if contexts is None else contexts[rows])
            for rows in order.split(ENCODER_CHUNK if ids.device.type == "cpu" else ENCODER_CHUNK_ON_GPU)
        ]
        vectors = torch.cat(pooled)[torch.argsort(order)]
        return VariantFormerEncoderOutput(pooler_output=vectors.unflatten(0, leading))

    def _encode(
        self, ids: torch.Tensor, mask: torch.Tensor, used: torch.Tensor, contexts: torch.Tensor | None
    ) -> torch.Tensor:
        length = max(1, int(used.max()))
        ids, mask = ids[:, :length], mask[:, :length]
        ranks = torch.arange(length, device=ids.device)[None]
        hidden_states = self.token_embedding(ids)
        by_rank = self.config.positional_encoding == "alibi"
        if not by_rank:
            hidden_states = hidden_states + sinusoidal_positions(length, self.config.hidden_size, ids.device).to(
                hidden_states.dtype
            )
        context = None
        if self.context_embedding is not None:
            context = self.context_embedding(contexts)[:, None]
            if self.config.expand_context:
                context = context.expand(-1, length, -1)
        bias = score_bias(
            self.dtype,
            n_heads=self.config.num_attention_heads if by_rank else None,
            query_ranks=ranks if by_rank else None,
            key_ranks=ranks if by_rank else None,
            key_mask=None if bool(mask.all()) else mask,
        )
        hidden_states = residual(hidden_states, self.config, self.dtype)
        for layer in self.layers:
            hidden_states = layer(hidden_states, bias, context)
        return self._pool(hidden_states, mask)

    def _pool(self, hidden_states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        present = mask[..., None]
        if self.config.pooling == "max":
            lowest = torch.finfo(hidden_states.dtype).min
            highest = hidden_states.masked_fill(~present, lowest).amax(1)
            return torch.where(present.any(1), highest, torch.zeros_like(highest))
        hidden_states = hidden_states * present
        if self.config.pooling == "mean":
            return hidden_states.sum(1) / present.sum(1).clamp(min=1)
        assert self.pooling is not None
        weight = self.pooling.weight[0, : mask.shape[1]].to(hidden_states.dtype)
        return torch.einsum("bld,l->bd", hidden_states, weight) + self.pooling.bias.to(hidden_states.dtype)


def sinusoidal_positions(length: int, width: int, device: torch.device) -> torch.Tensor:
    """(length, width) sine (even columns) and cosine (odd columns) of positions, float32."""
    positions = torch.arange(length, device=device, dtype=torch.float32)[:, None]
    frequencies = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    angles = positions * frequencies
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]

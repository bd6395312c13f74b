"""The layer that encoders and streams are made of: attention(s), then a gated feed-forward.

In every layer attention reaches the residual stream only through the feed-forward branch. The residual stream stays in
float32 under bfloat16 weights (``residual_dtype``), and so do what enters it and what reads it.
"""

import torch
from torch import nn
from torch.nn import functional as F
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention_variantformer import ScoreBias, VariantFormerCrossAttention, VariantFormerSelfAttention
from .configuration_variantformer import VariantFormerConfig, VariantFormerEncoderConfig


class LayerNorm(nn.LayerNorm):
    """Layer norm in float32, given on in the type of its weights, which is that of the matrix products after it."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        normed = F.layer_norm(
            hidden_states.float(), self.normalized_shape, self.weight.float(), self.bias.float(), self.eps
        )
        return normed.to(self.weight.dtype)


class StreamLinear(nn.Linear):
    """Linear map in the type of its input, so that a float32 stream is not rounded where it is entered or read out."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return F.linear(input, self.weight.to(input.dtype), None if self.bias is None else self.bias.to(input.dtype))


class StreamLayerNorm(nn.LayerNorm):
    """Layer norm in the type of its input."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weight.to(input.dtype), self.bias.to(input.dtype)
        return F.layer_norm(input, self.normalized_shape, weight, bias, self.eps)


class VariantFormerFeedForward(nn.Module):
    """Gated feed-forward: down(value * gelu(gate)), the value being the first half of ``up``."""

    def __init__(self, config: VariantFormerConfig | VariantFormerEncoderConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.hidden_size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size // 2, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        value, gate = self.up(hidden_states).chunk(2, dim=-1)
        return self.down(self.dropout(value * F.gelu(gate)))


class VariantFormerLayer(GradientCheckpointingLayer):
    """One layer of an encoder or of a stream: attention(s), then the feed-forward, which alone reaches the stream.

    Args:
        config: the model's.
        self_attention: attend to the own sequence.
        cross_attention: attend to a context.

    Attributes:
        tokens_at_once: tokens of rows with a shared context (the tissues of a gene) that are worked on at a time: what
            bounds the memory of the activations. It changes nothing else, and may be set.
    """

    tokens_at_once: int = 8_192

    def __init__(
        self,
        config: VariantFormerConfig | VariantFormerEncoderConfig,
        *,
        self_attention: bool,
        cross_attention: bool,
    ) -> None:
        super().__init__()
        self.attention_norm = LayerNorm(config.hidden_size, config.layer_norm_eps) if self_attention else None
        self.attention = VariantFormerSelfAttention(config) if self_attention else None
        self.cross_attention_norm = LayerNorm(config.hidden_size, config.layer_norm_eps) if cross_attention else None
        self.cross_attention = VariantFormerCrossAttention(config) if cross_attention else None
        self.feed_forward_norm = LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.feed_forward = VariantFormerFeedForward(config)

    def forward(
        self,
        hidden_states: torch.Tensor,
        bias: ScoreBias | None = None,
        context: torch.Tensor | tuple[torch.Tensor, torch.Tensor] | None = None,
        context_bias: ScoreBias | None = None,
        first_query_weights: list[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """(B, L, D) -> (B, L, D).

        Args:
            hidden_states: the stream; R rows, one behind the other, for each context: B = B' * R.
            bias: of self-attention, for B' contexts; B' = B without a context.
            context: (B', K, D), or the keys and values that ``cross_attention.project_context`` made of it.
            context_bias: of cross-attention, for B' contexts.
            first_query_weights: the cross-attention weights of each row's first query, (B, H, K), are appended.
        """
        if self.cross_attention is None:
            return self._run(hidden_states, bias, None, None, None)
        if context is None:
            raise ValueError("this layer attends to a context, and none was given")
        key, value = context if isinstance(context, tuple) else self.cross_attention.project_context(context)
        rows = hidden_states.unflatten(0, (len(key), -1))
        outputs: list[torch.Tensor] = []
        weights: list[torch.Tensor] | None = None if first_query_weights is None else []
        for contexts, of_each in _blocks(len(key), rows.shape[1], rows.shape[2], self.tokens_at_once):
            block = rows[contexts, of_each]
            block_bias = None if bias is None else bias.of_contexts(contexts).for_rows(block.shape[1])
            key_value = key[contexts], value[contexts]
            of_context = None if context_bias is None else context_bias.of_contexts(contexts)
            outputs.append(self._run(block.flatten(0, 1), block_bias, key_value, of_context, weights))
        if first_query_weights is not None and weights is not None:
            first_query_weights.append(torch.cat(weights))
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def _run(
        self,
        hidden_states: torch.Tensor,
        bias: ScoreBias | None,
        key_value: tuple[torch.Tensor, torch.Tensor] | None,
        context_bias: ScoreBias | None,
        first_query_weights: list[torch.Tensor] | None,
    ) -> torch.Tensor:
        attended = hidden_states
        if self.attention is not None and self.attention_norm is not None:
            attended = attended + self.attention(self.attention_norm(attended), bias)
        if self.cross_attention is not None and self.cross_attention_norm is not None and key_value is not None:
            queries = self.cross_attention_norm(attended)
            if first_query_weights is not None:
                weights = self.cross_attention.first_query_weights(queries, key_value[0], context_bias)
                first_query_weights.append(weights)
            attended = attended + self.cross_attention(queries, key_value, context_bias)
        return hidden_states + self.feed_forward(self.feed_forward_norm(attended))


def _blocks(n_contexts: int, rows: int, length: int, tokens_at_once: int) -> list[tuple[slice, slice]]:
    """Which contexts, and which rows of each, to work on at a time: whole contexts, or a part of one's rows."""
    if rows == 1:
        return [(slice(0, n_contexts), slice(0, 1))]
    at_once = max(1, tokens_at_once // length)
    if rows <= at_once:
        step = at_once // rows
        return [(slice(first, first + step), slice(0, rows)) for first in range(0, n_contexts, step)]
    parts = [slice(first, first + at_once) for first in range(0, rows, at_once)]
    return [(slice(context, context + 1), part) for context in range(n_contexts) for part in parts]


def residual(
    hidden_states: torch.Tensor, config: VariantFormerConfig | VariantFormerEncoderConfig, model_dtype: torch.dtype
) -> torch.Tensor:
    """The start of a residual stream, in the type in which it is to be kept."""
    return hidden_states.to(torch.float32 if config.residual_dtype == "float32" else model_dtype)

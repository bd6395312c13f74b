"""UKBioBERT's layer: attention with symmetric ALiBi by blocks of queries, a gated feed-forward; norms come after."""

import torch
from torch import nn
from torch.nn import functional as F
from transformers.modeling_layers import GradientCheckpointingLayer

from ..variantformer.attention_variantformer import BIAS_AWARE, attend, score_bias
from .configuration_ukbiobert import UkBioBertConfig

# Scores that are held at a time, of all sequences and heads: a block of queries has as many rows as fit.
SCORES_AT_ONCE = 2**24
# Tokens that go through a feed-forward at a time, whose inner width is eight times that of the stream.
_TOKENS_AT_ONCE = 2048


class UkBioBertSelfAttention(nn.Module):
    """Self-attention with a fused projection (q, k, v; each heads x head_dim).

    Attributes:
        scores_at_once: bounds a block of queries, and so the memory; it changes nothing else, and may be set.
    """

    scores_at_once: int = SCORES_AT_ONCE

    def __init__(self, config: UkBioBertConfig) -> None:
        super().__init__()
        self.config = config
        self.is_causal = False
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, key_mask: torch.Tensor | None) -> torch.Tensor:
        """(B, N, D) -> (B, N, D); ``key_mask`` (B, N), True = present, None = all."""
        heads = self.config.num_attention_heads
        query, key, value = self.qkv(hidden_states).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        ranks = torch.arange(hidden_states.shape[1], device=hidden_states.device)[None]
        # Written into one tensor: small ones that stay between large ones that go leave the memory full of holes.
        attended = torch.empty_like(hidden_states)
        for block in self._blocks(query):
            # A bias of all queries is the same object on both sides, by which kernels see self-attention.
            queries = ranks if block == slice(None) else ranks[:, block]
            bias = score_bias(query.dtype, n_heads=heads, query_ranks=queries, key_ranks=ranks, key_mask=key_mask)
            attended[:, block] = attend(self, query[:, :, block], key, value, bias)
        return self.out(attended)

    def _blocks(self, query: torch.Tensor) -> list[slice]:
        """Which queries to ask at a time: all, for kernels that never hold the scores."""
        batch, heads, length, _ = query.shape
        rows = max(1, self.scores_at_once // (batch * heads * length))
        if rows >= length or self.config._attn_implementation in BIAS_AWARE:
            return [slice(None)]
        return [slice(first, first + rows) for first in range(0, length, rows)]


class UkBioBertFeedForward(nn.Module):
    """Gated feed-forward: down(gelu(first half of up) * second half)."""

    def __init__(self, config: UkBioBertConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        if hidden_states.shape[1] <= _TOKENS_AT_ONCE:
            return self._run(hidden_states)
        output = torch.empty_like(hidden_states)
        for first in range(0, hidden_states.shape[1], _TOKENS_AT_ONCE):
            part = slice(first, first + _TOKENS_AT_ONCE)
            output[:, part] = self._run(hidden_states[:, part])
        return output

    def _run(self, hidden_states: torch.Tensor) -> torch.Tensor:
        gate, value = self.up(hidden_states).chunk(2, dim=-1)
        return self.down(self.dropout(F.gelu(gate) * value))


class UkBioBertLayer(GradientCheckpointingLayer):
    """Attention and feed-forward, each added to the stream and normed."""

    def __init__(self, config: UkBioBertConfig) -> None:
        super().__init__()
        self.attention = UkBioBertSelfAttention(config)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.feed_forward = UkBioBertFeedForward(config)
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden_states: torch.Tensor, key_mask: torch.Tensor | None) -> torch.Tensor:
        """(B, N, D) -> (B, N, D)."""
        attended = self.dropout(self.attention(hidden_states, key_mask))
        hidden_states = self.attention_norm(hidden_states + attended)
        return self.feed_forward_norm(hidden_states + self.feed_forward(hidden_states))

"""Attention with relative positions, of Enformer and Borzoi: a query is also held against features of the distance."""

from typing import Protocol

import torch
from torch import nn

from ..variantformer.attention_variantformer import ScoreBias, attend


class RelativeAttentionConfig(Protocol):
    """What the layer reads of a config."""

    hidden_size: int
    num_attention_heads: int
    key_size: int
    attention_dropout: float | int
    position_dropout: float | int

    @property
    def value_size(self) -> int:
        """Width of a head's values."""

    @property
    def num_position_features(self) -> int:
        """Width of the features of a distance."""


class RelativeAttention(nn.Module):
    """Self-attention whose scores are ((q + c) k + (q + p) r) / sqrt(key size).

    r is made of the features of the distance, c and p are learned, one of each a head. The second product goes to the
    attention as what is added to its scores, so that every implementation can run it.
    """

    def __init__(self, config: RelativeAttentionConfig) -> None:
        super().__init__()
        self.config = config
        self.is_causal = False
        keys = config.num_attention_heads * config.key_size
        self.query = nn.Linear(config.hidden_size, keys, bias=False)
        self.key = nn.Linear(config.hidden_size, keys, bias=False)
        self.value = nn.Linear(config.hidden_size, config.num_attention_heads * config.value_size, bias=False)
        self.position_key = nn.Linear(config.num_position_features, keys, bias=False)
        self.content_bias = nn.Parameter(torch.zeros(config.num_attention_heads, 1, config.key_size))
        self.position_bias = nn.Parameter(torch.zeros(config.num_attention_heads, 1, config.key_size))
        self.out = nn.Linear(config.num_attention_heads * config.value_size, config.hidden_size)
        self.position_dropout = nn.Dropout(config.position_dropout)

    def forward(self, hidden_states: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """(B, N, D) -> (B, N, D).

        Args:
            hidden_states: the bins.
            positions: (2 N - 1, F), features of the distances key - query from -(N - 1) to N - 1.
        """
        heads = self.config.num_attention_heads
        query, key, value = (
            projection(hidden_states).unflatten(-1, (heads, -1)).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        # The biases stand beside a query that is already divided by the root.
        root = self.config.key_size**0.5
        features = self.position_dropout(positions.to(query.dtype))
        position_keys = self.position_key(features).unflatten(-1, (heads, -1)).permute(1, 2, 0)
        by_distance = (query / root + self.position_bias) @ position_keys
        bias = ScoreBias(lambda: by_key(by_distance), is_other=True)
        return self.out(attend(self, query + self.content_bias * root, key, value, bias))


def by_key(by_distance: torch.Tensor) -> torch.Tensor:
    """(..., N, 2 N - 1), a column a distance key - query -> (..., N, N), a column a key.

    Row i begins N - 1 - i columns later: with one more column of padding the rows lie one behind the other so that each
    begins 2 N - 1 after the one before.
    """
    rows = by_distance.shape[-2]
    step = 2 * rows - 1
    flat = nn.functional.pad(by_distance, (0, 1)).flatten(-2)
    return flat[..., rows - 1 : rows - 1 + rows * step].unflatten(-1, (rows, step))[..., :rows]

"""The attention layers of the VariantFormer models, their one attention function, and ALiBi's biases.

Every attention goes through :func:`attend`, which hands over to the implementation chosen in the config. Position bias
and absent keys travel as a :class:`ScoreBias`: eager and sdpa add them to the scores as one tensor, made once for all
layers; kernels that know ALiBi by itself (``attention_backends_variantformer``) never have that tensor made.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration_variantformer import VariantFormerConfig, VariantFormerEncoderConfig


@lru_cache
def alibi_slopes(n_heads: int) -> tuple[float, ...]:
    """Slopes of ALiBi, a head each: a geometric sequence for powers of two, interleaved with the next one's else."""
    power = 2 ** math.floor(math.log2(n_heads))
    base = 2.0 ** (-8.0 / power)
    slopes = tuple(base ** (index + 1) for index in range(power))
    return slopes + alibi_slopes(2 * power)[0::2][: n_heads - power] if power < n_heads else slopes


def alibi_bias(
    n_heads: int, query_ranks: torch.Tensor, key_ranks: torch.Tensor, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Symmetric ALiBi: -slope * |query rank - key rank|, computed in float32.

    Args:
        n_heads: H.
        query_ranks, key_ranks: (B, Q) and (B, K) ranks.
        dtype: of the result.

    Returns:
        (B, H, Q, K).
    """
    distance = (query_ranks[:, :, None] - key_ranks[:, None, :]).abs().float()
    bias = distance.new_empty(len(distance), n_heads, *distance.shape[1:], dtype=dtype)
    # Head by head: a float32 copy of all heads would be the largest tensor of a prediction.
    for head, slope in enumerate(alibi_slopes(n_heads)):
        bias[:, head] = distance * -slope
    return bias


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs: object,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention written out: the reference for every other implementation."""
    scores = query @ key.transpose(-1, -2) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = nn.functional.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


@dataclass(eq=False)
class ScoreBias:
    """What is added to the scores of an attention.

    Attributes:
        make: makes the tensor to add, (B or 1, H or 1, Q or 1, K), in the type of the matrix products.
        n_heads: heads, where there is a position bias; None where there is none.
        query_ranks, key_ranks: (B or 1, Q) and (B or 1, K), what ALiBi counts; None without position bias.
        key_mask: (B, K), True = present; None = all.
        aligned: the same ranks stand on both sides, as in self-attention, or there are none.
        is_other: it holds more than position bias and absent keys, so that only the tensor has it all.
    """

    make: Callable[[], torch.Tensor]
    n_heads: int | None = None
    query_ranks: torch.Tensor | None = None
    key_ranks: torch.Tensor | None = None
    key_mask: torch.Tensor | None = None
    aligned: bool = True
    is_other: bool = False
    _dense: torch.Tensor | None = field(default=None, repr=False)

    @property
    def dense(self) -> torch.Tensor:
        """The tensor, made once."""
        if self._dense is None:
            self._dense = self.make()
        return self._dense

    @property
    def is_right_padded(self) -> bool:
        """Whether absent keys are those behind the present ones."""
        return self.key_mask is None or bool((self.key_mask[:, 1:] <= self.key_mask[:, :-1]).all())

    def of_contexts(self, contexts: slice) -> "ScoreBias":
        """Of some of the contexts."""

        def part(tensor: torch.Tensor | None) -> torch.Tensor | None:
            return tensor if tensor is None or len(tensor) == 1 else tensor[contexts]

        return self._changed(part)

    def for_rows(self, rows: int) -> "ScoreBias":
        """For as many rows of each context, one behind the other as further contexts."""

        def repeated(tensor: torch.Tensor | None) -> torch.Tensor | None:
            return tensor if tensor is None or len(tensor) == 1 else tensor.repeat_interleave(rows, 0)

        return self if rows == 1 else self._changed(repeated)

    def for_folded_queries(self, rows: int) -> "ScoreBias":
        """For as many rows of queries, one behind the other as one long query."""
        if rows == 1:
            return self

        def folded() -> torch.Tensor:
            dense = self.dense
            return dense if dense.shape[2] == 1 else dense.repeat(1, 1, rows, 1)

        ranks = None if self.query_ranks is None else self.query_ranks.repeat(1, rows)
        aligned = self.n_heads is None
        return ScoreBias(folded, self.n_heads, ranks, self.key_ranks, self.key_mask, aligned, self.is_other)

    def _changed(self, change: Callable[[torch.Tensor | None], torch.Tensor | None]) -> "ScoreBias":
        def dense() -> torch.Tensor:
            changed = change(self.dense)
            assert changed is not None
            return changed

        return ScoreBias(
            dense,
            self.n_heads,
            change(self.query_ranks),
            change(self.key_ranks),
            change(self.key_mask),
            self.aligned,
            self.is_other,
        )


def score_bias(
    dtype: torch.dtype,
    *,
    n_heads: int | None = None,
    query_ranks: torch.Tensor | None = None,
    key_ranks: torch.Tensor | None = None,
    key_mask: torch.Tensor | None = None,
) -> ScoreBias | None:
    """Position bias and absent keys of an attention; None where there is neither.

    Args:
        dtype: of the attention's matrix products.
        n_heads: heads of the position bias; None = no position bias.
        query_ranks, key_ranks: (B or 1, Q) and (B or 1, K), for the position bias.
        key_mask: (B, K), True = present; None = all present.
    """
    if n_heads is None and key_mask is None:
        return None

    def dense() -> torch.Tensor:
        bias = None
        if n_heads is not None and query_ranks is not None and key_ranks is not None:
            bias = alibi_bias(n_heads, query_ranks, key_ranks, dtype)
        mask = additive_mask(key_mask, bias, dtype)
        assert mask is not None
        return mask

    return ScoreBias(dense, n_heads, query_ranks, key_ranks, key_mask, aligned=query_ranks is key_ranks)


# Implementations that take a ScoreBias instead of the tensor.
BIAS_AWARE: set[str] = set()


def attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bias: ScoreBias | None,
) -> torch.Tensor:
    """Attention by the implementation that ``module.config`` names.

    Args:
        module: the attention layer (its ``config`` and ``training`` are read).
        query: (B, H, Q, d).
        key, value: (B, H, K, d).
        bias: position bias and absent keys; None = neither.

    Returns:
        (B, Q, H * d).
    """
    config: Any = module.config
    name = config._attn_implementation
    interface = ALL_ATTENTION_FUNCTIONS.get_interface(name, eager_attention_forward)
    own = {"score_bias": bias} if name in BIAS_AWARE else {}
    output, _ = interface(
        module,
        query,
        key,
        value,
        None if bias is None or own else bias.dense.to(query.dtype),
        scaling=query.shape[-1] ** -0.5,
        dropout=config.attention_dropout if module.training else 0.0,
        is_causal=False,
        **own,
    )
    return output.flatten(2)


def additive_mask(key_mask: torch.Tensor | None, bias: torch.Tensor | None, dtype: torch.dtype) -> torch.Tensor | None:
    """Position bias and absent keys as one tensor to add to the scores, made once for all layers.

    Args:
        key_mask: (B, K), True = present; None = all present.
        bias: (B or 1, H, Q, K), or None.
        dtype: of the attention's matrix products.

    Returns:
        (B or 1, H or 1, Q or 1, K), or None when there is neither.
    """
    if key_mask is None:
        return None if bias is None else bias.to(dtype)
    absent = ~key_mask[:, None, None, :]
    if bias is None:
        bias = torch.zeros_like(absent, dtype=dtype)
    return bias.to(dtype).masked_fill(absent, torch.finfo(dtype).min)


class VariantFormerSelfAttention(nn.Module):
    """Self-attention with a fused projection (q, k, v; each heads x head_dim)."""

    def __init__(self, config: VariantFormerConfig | VariantFormerEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.is_causal = False
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, bias: ScoreBias | None) -> torch.Tensor:
        heads = self.config.num_attention_heads
        query, key, value = self.qkv(hidden_states).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        return self.out(attend(self, query, key, value, bias))


class VariantFormerCrossAttention(nn.Module):
    """Attention to a context; its keys and values are made apart, so that many queries can share them."""

    def __init__(self, config: VariantFormerConfig | VariantFormerEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.is_causal = False
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key_value = nn.Linear(config.hidden_size, 2 * config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)

    def project_context(self, context: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values, (B, H, K, d) each, of a context (B, K, D)."""
        projected = self.key_value(context.to(self.key_value.weight.dtype))
        key, value = projected.unflatten(-1, (2, self.config.num_attention_heads, -1)).permute(2, 0, 3, 1, 4)
        return key, value

    def project_query(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """(B, Q, D) -> (B, H, Q, d)."""
        return self.query(hidden_states).unflatten(-1, (self.config.num_attention_heads, -1)).transpose(1, 2)

    def first_query_weights(
        self, hidden_states: torch.Tensor, key: torch.Tensor, bias: ScoreBias | None
    ) -> torch.Tensor:
        """Attention weights of the first query of each row, (B * R, H, K) float32; arguments as in :meth:`forward`.

        Computed on the side, whatever implementation the layer runs, because the fast ones give none.
        """
        first = hidden_states[:, 0].unflatten(0, (key.shape[0], -1))
        scores = (self.project_query(first) @ key.transpose(-1, -2)).float() * key.shape[-1] ** -0.5
        scores = scores if bias is None else scores + bias.dense[:, :, :1].float()
        return scores.softmax(-1).transpose(1, 2).flatten(0, 1)

    def forward(
        self,
        hidden_states: torch.Tensor,
        key_value: tuple[torch.Tensor, torch.Tensor],
        bias: ScoreBias | None,
    ) -> torch.Tensor:
        """Attend from R rows of queries per context, (B * R, Q, D), to B contexts.

        The rows are laid out one behind the other as one long query, so that the keys are not repeated for each row.
        """
        key, value = key_value
        rows = hidden_states.shape[0] // key.shape[0]
        query_length = hidden_states.shape[1]
        bias = None if bias is None else bias.for_folded_queries(rows)
        query = self.project_query(hidden_states.reshape(key.shape[0], rows * query_length, -1))
        return self.out(attend(self, query, key, value, bias)).reshape(hidden_states.shape)

"""Attention kernels that know ALiBi by themselves: flex attention, and flash-attn on unpadded rows.

Importing this module registers them with transformers under names of their own: transformers hands what is called
flash, sdpa or flex attention to code that would drop the slopes. Where a kernel cannot do what is asked, sdpa does it,
and the reason stands in the log, once.
"""

import importlib.util
import logging
from functools import cache
from typing import Any

import torch
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .attention_variantformer import BIAS_AWARE, ScoreBias, alibi_slopes

logger = logging.getLogger(__name__)

VARLEN, FLEX = "variantformer_varlen", "variantformer_flex"
_MOST_HEAD_WIDTH = 256


def choose_attention(device: torch.device, dtype: torch.dtype) -> tuple[str, str]:
    """The fastest implementation that works here, and why it was chosen.

    Args:
        device: where the model computes.
        dtype: of its weights.
    """
    if device.type != "cuda":
        return "sdpa", f"flash-attn needs CUDA, the model is on {device.type}"
    if dtype not in (torch.float16, torch.bfloat16):
        return "sdpa", f"flash-attn needs 16-bit weights, the model has {str(dtype).removeprefix('torch.')}"
    if importlib.util.find_spec("flash_attn") is None:
        return "sdpa", "flash-attn is not installed"
    return VARLEN, "flash-attn is installed: rows are attended to unpadded, with ALiBi in the kernel"


def varlen_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    score_bias: ScoreBias | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """flash-attn on the present tokens of each row, one row behind the other; arguments as every implementation's.

    Its ALiBi is -slope * |query - key|, both counted from their ends, which is ours where a row attends to itself.
    """
    reason = _not_for_varlen(query, score_bias)
    if reason is not None:
        _say(f"attention by sdpa: {reason}")
        return _by_sdpa(module, query, key, value, scaling, dropout, score_bias)
    from flash_attn import flash_attn_varlen_func

    batch, heads, n_queries, _ = query.shape
    mask = None if score_bias is None else score_bias.key_mask
    by_rank = score_bias is not None and score_bias.n_heads is not None
    # By rank a row attends to itself, and what is absent asks nothing; the queries to a context are all there.
    query_mask = mask if by_rank else None
    queries, query_first, most_queries = _unpadded(query, query_mask)
    keys, key_first, most_keys = _unpadded(key, mask)
    values, _, _ = _unpadded(value, mask)
    slopes = torch.tensor(alibi_slopes(heads), dtype=torch.float32, device=query.device) if by_rank else None
    found = flash_attn_varlen_func(
        queries,
        keys,
        values,
        query_first,
        key_first,
        most_queries,
        most_keys,
        dropout_p=dropout,
        softmax_scale=scaling,
        causal=False,
        alibi_slopes=slopes,
    )
    if query_mask is None:
        return found.unflatten(0, (batch, n_queries)), None
    output = found.new_zeros(batch, n_queries, *found.shape[1:])
    output[query_mask.expand(batch, -1)] = found
    return output, None


def flex_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    score_bias: ScoreBias | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """torch's flex attention, the bias computed in the kernel; compiled on CUDA."""
    if dropout > 0 or (score_bias is not None and score_bias.is_other):
        if dropout > 0:
            _say("attention by sdpa: flex attention has no dropout")
        return _by_sdpa(module, query, key, value, scaling, dropout, score_bias)
    found = _flex(query.device.type)(query, key, value, score_mod=_score_mod(score_bias, query), scale=scaling)
    return found.transpose(1, 2).contiguous(), None


def _score_mod(bias: ScoreBias | None, query: torch.Tensor) -> Any:
    """The function that changes each score."""
    if bias is None:
        return None
    mask, query_ranks, key_ranks = bias.key_mask, bias.query_ranks, bias.key_ranks
    slopes = torch.tensor(alibi_slopes(query.shape[1]), dtype=torch.float32, device=query.device)
    by_rank = bias.n_heads is not None and query_ranks is not None and key_ranks is not None

    def change(score: torch.Tensor, b: Any, h: Any, q: Any, k: Any) -> torch.Tensor:
        if by_rank:
            assert query_ranks is not None and key_ranks is not None
            left = query_ranks[b if len(query_ranks) > 1 else 0, q]
            right = key_ranks[b if len(key_ranks) > 1 else 0, k]
            score = score - slopes[h] * (left - right).abs().to(torch.float32)
        if mask is not None:
            score = torch.where(mask[b, k], score, torch.finfo(score.dtype).min)
        return score

    return change


@cache
def _flex(device: str) -> Any:
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention, dynamic=True) if device == "cuda" else flex_attention


def _not_for_varlen(query: torch.Tensor, bias: ScoreBias | None) -> str | None:
    """Why flash-attn cannot do an attention; None where it can."""
    if query.dtype not in (torch.float16, torch.bfloat16):
        return f"flash-attn needs 16-bit numbers, not {str(query.dtype).removeprefix('torch.')}"
    if query.shape[-1] > _MOST_HEAD_WIDTH or query.shape[-1] % 8:
        return f"flash-attn has no kernel for heads of width {query.shape[-1]}"
    if bias is None:
        return None
    if bias.is_other:
        return "annotation keys are weighed by how often they occur"
    if not bias.aligned:
        return "ALiBi between different sequences (cross_alibi)"
    if not bias.is_right_padded:
        return "absent rows stand between present ones"
    return None


def _unpadded(tensor: torch.Tensor, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor, int]:
    """(B, H, L, d) as (tokens, H, d), where each row begins, and the longest row."""
    rows = tensor.transpose(1, 2)
    batch, length = rows.shape[:2]
    if mask is None:
        first = torch.arange(0, (batch + 1) * length, length, dtype=torch.int32, device=tensor.device)
        return rows.flatten(0, 1), first, length
    mask = mask.expand(batch, -1)
    lengths = mask.sum(-1)
    first = nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32)
    return rows[mask], first, int(lengths.max())


def _by_sdpa(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scaling: float,
    dropout: float,
    bias: ScoreBias | None,
) -> tuple[torch.Tensor, None]:
    mask = None if bias is None else bias.dense.to(query.dtype)
    output, _ = ALL_ATTENTION_FUNCTIONS["sdpa"](
        module, query, key, value, mask, scaling=scaling, dropout=dropout, is_causal=False
    )
    return output, None


@cache
def _say(message: str) -> None:
    logger.info(message)


for _name, _function in ((VARLEN, varlen_attention_forward), (FLEX, flex_attention_forward)):
    ALL_ATTENTION_FUNCTIONS.register(_name, _function)
    BIAS_AWARE.add(_name)

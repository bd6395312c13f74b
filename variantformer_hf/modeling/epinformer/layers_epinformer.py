"""EPInformer's parts: convolutions over an element, attention between the promoter and its elements, the head."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from ..enformer.trunk_enformer import N_BASES, BatchNorm, Float32Linear
from ..variantformer.attention_variantformer import ScoreBias, attend
from .configuration_epinformer import DILATIONS, EPInformerConfig

_STEM_KERNEL, _KERNEL = 8, 3
# Bases that are added before and behind an element, so that the convolution of an even width gives as many.
_STEM_PADDING = (3, 4)


class HalvingBlock(nn.Module):
    """(M, C, L) -> (M, C', L // 2): a convolution, the greater of each two, and a residual product."""

    def __init__(self, channels_in: int, channels_out: int, eps: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, _KERNEL, padding="same")
        self.batch_norm = BatchNorm(channels_out, eps=eps)
        self.residual = nn.Conv1d(channels_out, channels_out, 1)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        states = F.max_pool1d(F.elu(self.batch_norm(self.conv(states))), 2)
        return F.elu(self.residual(states)) + states


class NormedConv(nn.Module):
    """A convolution without padding, BatchNorm, ELU."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, dilation: int, eps: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_out, kernel, dilation=dilation)
        self.batch_norm = BatchNorm(channels_out, eps=eps)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return F.elu(self.batch_norm(self.conv(states)))


class ElementEncoder(nn.Module):
    """Bases of a promoter or an element -> its vector, whatever else is there: (M, L, 4) -> (M, hidden_size)."""

    def __init__(self, config: EPInformerConfig) -> None:
        super().__init__()
        widths, eps, dilated = config.conv_channels or [], config.batch_norm_eps, config.dilated_channels
        self.stem = nn.Conv1d(N_BASES, widths[0], _STEM_KERNEL)
        self.blocks = nn.ModuleList(HalvingBlock(before, width, eps) for before, width in pairwise(widths))
        inputs = [widths[-1], *[dilated] * (len(DILATIONS) - 1)]
        convs = [NormedConv(width, dilated, _KERNEL, each, eps) for width, each in zip(inputs, DILATIONS, strict=True)]
        self.dilated = nn.ModuleList([*convs, NormedConv(dilated, config.element_channels, 1, 1, eps)])
        self.positions = nn.Linear(config.num_positions, config.hidden_size // config.element_channels)

    def forward(self, dna: torch.Tensor) -> torch.Tensor:
        bases = F.pad(dna.transpose(1, 2).to(self.stem.weight.dtype), _STEM_PADDING)
        states = F.elu(self.stem(bases))
        for block in (*self.blocks, *self.dilated):
            states = block(states)
        return F.elu(self.positions(states)).flatten(1)


class ElementAttention(nn.Module):
    """Self-attention with a fused projection (q, k, v; each heads x head width)."""

    def __init__(self, config: EPInformerConfig) -> None:
        super().__init__()
        self.config = config
        self.is_causal = False
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states: torch.Tensor, bias: ScoreBias) -> torch.Tensor:
        heads = self.config.num_attention_heads
        query, key, value = self.qkv(states).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        return self.out(attend(self, query, key, value, bias))


class EPInformerLayer(nn.Module):
    """Pre-norm attention and a feed-forward with ReLU: (B, 1 + N, D) -> (B, 1 + N, D)."""

    def __init__(self, config: EPInformerConfig) -> None:
        super().__init__()
        width, eps = config.hidden_size, config.layer_norm_eps
        self.attention_norm = nn.LayerNorm(width, eps=eps)
        self.attention = ElementAttention(config)
        self.feed_forward_norm = nn.LayerNorm(width, eps=eps)
        self.up = nn.Linear(width, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, width)

    def forward(self, states: torch.Tensor, bias: ScoreBias) -> torch.Tensor:
        states = states + self.attention(self.attention_norm(states), bias)
        return states + self.down(self.up(self.feed_forward_norm(states)).relu())


class ExpressionHead(nn.Module):
    """Three linear maps with ReLU between, in float32 whatever the network around them is in."""

    def __init__(self, config: EPInformerConfig) -> None:
        super().__init__()
        width = config.hidden_size + len(config.gene_features or ()) + config.embedding_size
        self.first = Float32Linear(width, config.head_size)
        self.second = Float32Linear(config.head_size, config.head_size)
        self.last = Float32Linear(config.head_size, config.num_outputs)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.last(self.second(self.first(states).relu()).relu())


def star_bias(present: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What is added to scores so that the promoter sees all that is there, and an element itself and the promoter.

    Args:
        present: (B, 1 + N) bool, the promoter first, which is there.
        dtype: of the scores.

    Returns:
        (B, 1, 1 + N, 1 + N), 0 or the least number of the type.
    """
    count = present.shape[1]
    star = torch.eye(count, dtype=torch.bool, device=present.device)
    star[0] = star[:, 0] = True
    seen = star & present[:, None, :]
    bias = torch.zeros(seen.shape, dtype=dtype, device=present.device)
    return bias.masked_fill(~seen, torch.finfo(dtype).min)[:, None]

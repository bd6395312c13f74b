"""Enformer (Avsec et al., Nature Methods 2021): one-hot DNA -> an embedding a bin of 128 bases -> tracks.

What is unusual here:

- Any length is read: each pool keeps a last position that has no partner, so that 49,000 bases give 383 bins.
- No bins are cropped: what is published of 196,608 bases are bins 320 to 1,216 of the 1,536 that are given here.
- A pool's two weights are a sigmoid of one product with the difference of both positions, which is half the work.
- Position features are made when a length is first seen; there is a choice of two (``gamma_norm``).
"""

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from .configuration_enformer import EnformerConfig, EnformerTrunkConfig
from .positions_enformer import PositionFeatures, enformer_positions
from .trunk_enformer import (
    N_BASES,
    ConvBlock,
    PlainConvBlock,
    Recomputed,
    TrackHeads,
    TransformerLayer,
    TrunkPreTrainedModel,
    checked_dna,
)

_STEM_KERNEL, _KERNEL = 15, 5
_GELU_SLOPE = 1.702
# Positions that are computed again at a time; an even number.
_POSITIONS_AT_ONCE = 2048


@dataclass
class EnformerTracksOutput(ModelOutput):
    """Output of the heads.

    Attributes:
        loss, logits: of genes, () and (genes, outputs) float32, see ``TrackHeads.of_genes``; else None.
        tracks: name of a head -> (B, bins, tracks), not negative where the activation is softplus.
        last_hidden_state: (B, bins, 2 * hidden_size), what the heads read.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    tracks: dict[str, torch.Tensor] | None = None
    last_hidden_state: torch.Tensor | None = None


class EnformerGelu(nn.Module):
    """x * sigmoid(1.702 x), Enformer's approximation of GELU."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        # silu(a x) / a, for which training keeps one tensor instead of two.
        return F.silu(_GELU_SLOPE * states).div_(_GELU_SLOPE)


class EnformerPool(nn.Module):
    """(B, C, L) -> (B, C, ceil(L / 2)): each two positions, weighed channel by channel with a softmax of W x."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.logits = nn.Conv1d(channels, channels, 1, bias=False)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        if states.shape[-1] == 1:
            return states
        paired = states[..., : states.shape[-1] // 2 * 2].unflatten(-1, (-1, 2))
        difference = paired[..., 0] - paired[..., 1]
        pooled = paired[..., 1] + torch.sigmoid(self.logits(difference)) * difference
        return torch.cat([pooled, states[..., -1:]], dim=-1) if states.shape[-1] % 2 else pooled


class EnformerStage(Recomputed):
    """Half the length: a convolution, a residual block, a pool.

    What is behind the convolution looks at two positions at a time. Where it is computed again in the backward pass, so
    it is piece by piece: of a window's bases nothing is held at its full length but what the convolutions give.

    Args:
        first: the convolution; the stem's reads bases.
        config: the model's.
        channels: what ``first`` gives.
    """

    def __init__(self, first: nn.Module, config: EnformerTrunkConfig, channels: int) -> None:
        super().__init__()
        self.first = first
        self.residual = PlainConvBlock(channels, channels, 1, config.batch_norm_eps, EnformerGelu())
        self.pool = EnformerPool(channels)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        states = self.first(states)
        if not (self.gradient_checkpointing and self.training):
            return self._pooled(states)
        pieces = states.split(_POSITIONS_AT_ONCE, dim=-1)
        pooled = [self._gradient_checkpointing_func(self._pooled, piece) for piece in pieces]
        return torch.cat(pooled, dim=-1) if len(pooled) > 1 else pooled[0]

    def _pooled(self, states: torch.Tensor) -> torch.Tensor:
        return self.pool(states + self.residual(states))


class EnformerModel(TrunkPreTrainedModel):
    """DNA -> an embedding a bin.

    Args:
        config: the model's configuration, or that of a model whose trunk it is.
    """

    config: EnformerTrunkConfig
    config_class = EnformerConfig
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"^heads\."]

    def __init__(self, config: EnformerTrunkConfig) -> None:
        super().__init__(config)
        widths = channels(config)
        eps = config.batch_norm_eps
        stem = nn.Conv1d(N_BASES, widths[0], _STEM_KERNEL, padding="same")
        convs = [ConvBlock(before, width, _KERNEL, eps, EnformerGelu()) for before, width in pairwise(widths)]
        firsts: list[nn.Module] = [stem, *convs]
        self.stages = nn.ModuleList(
            EnformerStage(first, config, width) for first, width in zip(firsts, widths, strict=True)
        )
        self.layers = nn.ModuleList(
            TransformerLayer(config, config.layer_norm_eps) for _ in range(config.num_hidden_layers)
        )
        self.final = ConvBlock(config.hidden_size, config.embedding_size, 1, eps, EnformerGelu())
        self.final_activation = EnformerGelu()
        self.final_dropout = nn.Dropout(config.final_dropout)
        self.positions = PositionFeatures(
            partial(enformer_positions, n_features=config.num_position_features, gamma_norm=config.gamma_norm)
        )
        self.post_init()

    @can_return_tuple
    def forward(self, dna: torch.Tensor, **kwargs: Any) -> BaseModelOutput:
        """Read DNA.

        Args:
            dna: (B, L, 4), floating point: shares of A, C, G and T at each base; any length.

        Returns:
            ``last_hidden_state`` (B, ceil(L / bin_size), 2 * hidden_size), in the type of the weights.

        Raises:
            ValueError: another shape or type.
        """
        states = checked_dna(dna, self.dtype)
        for stage in self.stages:
            states = stage(states)
        hidden_states = states.transpose(1, 2)
        positions = self.positions.of(hidden_states.shape[1], hidden_states.device)
        for layer in self.layers:
            hidden_states = layer(hidden_states, positions)
        embeddings = self.final_dropout(self.final(hidden_states.transpose(1, 2)))
        return BaseModelOutput(last_hidden_state=self.final_activation(embeddings).transpose(1, 2))


class EnformerForTracks(TrunkPreTrainedModel):
    """DNA -> tracks of each bin: the trunk and its heads.

    Args:
        config: the model's configuration.
    """

    config: EnformerConfig
    config_class = EnformerConfig

    def __init__(self, config: EnformerConfig) -> None:
        super().__init__(config)
        self.trunk = EnformerModel(config)
        self.heads = TrackHeads(config.embedding_size, config.tracks or {}, config.track_activation)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        dna: torch.Tensor,
        heads: list[str] | None = None,
        *,
        gene: torch.Tensor | None = None,
        bins: torch.Tensor | None = None,
        outputs: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> EnformerTracksOutput:
        """Read DNA, and the tracks of its bins; or, with ``outputs``, what they say of genes.

        Args:
            dna: (B, L, 4), see :class:`EnformerModel`.
            heads: names of the heads to be read; None = all.
            gene, bins, outputs, labels: see :meth:`TrackHeads.of_genes`; of the head ``config.gene_head``.

        Raises:
            ValueError: as of the trunk, or there is no such head.
        """
        embeddings = self.trunk(dna, return_dict=True).last_hidden_state
        if outputs is None:
            return EnformerTracksOutput(tracks=self.heads(embeddings, heads), last_hidden_state=embeddings)
        logits, loss = self.heads.of_genes(embeddings, self.config.gene_head, gene, bins, outputs, labels)
        return EnformerTracksOutput(loss=loss, logits=logits, last_hidden_state=embeddings)


def channels(config: EnformerTrunkConfig) -> list[int]:
    """Channels that each stage gives: from half the width to all of it, evenly spaced in their logarithm, rounded."""
    first, steps = config.hidden_size // 2, config.num_downsamples - 1
    ratio = math.exp(math.log(config.hidden_size / first) / (steps - 1))
    multiple = config.channel_multiple
    return [first, *(round(first * ratio**step / multiple) * multiple for step in range(steps))]

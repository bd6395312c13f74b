"""Borzoi (Linder et al., Nature Genetics 2025): one-hot DNA -> an embedding a bin of 32 bases -> tracks.

What is unusual here:

- The transformer works on bins of 128 bases, and a U-net takes what it found back to bins of 32.
- No bins are cropped; a length must be whole bins of the transformer.
- Three settings in which public implementations differ are fields: ``norm_eps``, ``gelu``, ``position_length``.
"""

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import nn
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from ..enformer.positions_enformer import PositionFeatures, distances, signed
from ..enformer.trunk_enformer import (
    N_BASES,
    ConvBlock,
    PlainConvBlock,
    Stage,
    TrackHeads,
    TransformerLayer,
    TrunkPreTrainedModel,
    checked_dna,
)
from .configuration_borzoi import BorzoiConfig

_STEM_KERNEL, _KERNEL, _SMOOTHING_KERNEL = 15, 5, 3


@dataclass
class BorzoiModelOutput(ModelOutput):
    """Output of the trunk.

    Attributes:
        last_hidden_state: (B, L / bin_size, embedding_size), what the heads read.
        unet_output: (B, L / bin_size, hidden_size), what that is made of.
    """

    last_hidden_state: torch.Tensor | None = None
    unet_output: torch.Tensor | None = None


@dataclass
class BorzoiTracksOutput(ModelOutput):
    """Output of the heads.

    Attributes:
        loss, logits: of genes, () and (genes, outputs) float32, see ``TrackHeads.of_genes``; else None.
        tracks: name of a head -> (B, L / bin_size, tracks), not negative where the activation is softplus.
        last_hidden_state, unet_output: as of the trunk.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    tracks: dict[str, torch.Tensor] | None = None
    last_hidden_state: torch.Tensor | None = None
    unet_output: torch.Tensor | None = None


class BorzoiGelu(nn.GELU):
    """GELU of a tensor that nobody else reads: without gradients it is overwritten, which takes half the time."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            return super().forward(states)
        return torch.ops.aten.gelu_(states, approximate=self.approximate)


class BorzoiDownStage(Stage):
    """Half the length by the larger of each two, then a block; computed again as a whole."""

    def __init__(self, config: BorzoiConfig, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.block = PlainConvBlock(channels_in, channels_out, _KERNEL, config.norm_eps, _gelu(config))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.block(larger_of_pairs(states))


class BorzoiUpStage(nn.Module):
    """Twice the length: what comes from below and what was there on the way down are added, and smoothed."""

    def __init__(self, config: BorzoiConfig, skip_channels: int) -> None:
        super().__init__()
        width = config.hidden_size
        self.up = _block(config, width, width, 1)
        self.skip = _block(config, skip_channels, width, 1)
        self.depthwise = nn.Conv1d(width, width, _SMOOTHING_KERNEL, padding="same", groups=width, bias=False)
        self.pointwise = nn.Conv1d(width, width, 1)

    def forward(self, below: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
        """(B, C, N) and (B, C', 2 N) -> (B, C, 2 N)."""
        joined = self.up(below).repeat_interleave(2, dim=-1) + self.skip(beside)
        return self.pointwise(self.depthwise(joined))


class BorzoiModel(TrunkPreTrainedModel):
    """DNA -> an embedding a bin.

    Args:
        config: the model's configuration.
    """

    config: BorzoiConfig
    config_class = BorzoiConfig
    _no_split_modules: ClassVar[list[str]] = ["BorzoiDownStage", "BorzoiUpStage", "TransformerLayer"]
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"^heads\."]

    def __init__(self, config: BorzoiConfig) -> None:
        super().__init__(config)
        sizes = [*(config.tower_sizes or ()), config.hidden_size]
        self.stem = nn.Conv1d(N_BASES, sizes[0], _STEM_KERNEL, padding="same")
        self.down = nn.ModuleList(BorzoiDownStage(config, before, after) for before, after in pairwise(sizes))
        self.layers = nn.ModuleList(TransformerLayer(config, config.norm_eps) for _ in range(config.num_hidden_layers))
        # From the bottom up.
        self.up = nn.ModuleList(BorzoiUpStage(config, skipped) for skipped in (sizes[-1], sizes[-2]))
        self.final = _block(config, config.hidden_size, config.embedding_size, 1)
        self.final_dropout = nn.Dropout(config.final_dropout)
        self.final_activation = _gelu(config)
        self.positions = PositionFeatures(
            partial(borzoi_positions, n_features=config.num_position_features, spread_over=config.position_length)
        )
        self.post_init()

    @can_return_tuple
    def forward(self, dna: torch.Tensor, **kwargs: Any) -> BorzoiModelOutput:
        """Read DNA.

        Args:
            dna: (B, L, 4), floating point: shares of A, C, G and T at each base; L a multiple of ``length_multiple``.

        Raises:
            ValueError: another shape, type or length.
        """
        states = checked_dna(dna, self.dtype)
        self.config.check_length(states.shape[-1])
        states = self.stem(states)
        beside: list[torch.Tensor] = []
        for stage in self.down:
            states = stage(states)
            beside = [*beside, states][-len(self.up) :]
        hidden_states = larger_of_pairs(states).transpose(1, 2)
        positions = self.positions.of(hidden_states.shape[1], hidden_states.device)
        for layer in self.layers:
            hidden_states = layer(hidden_states, positions)
        states = hidden_states.transpose(1, 2)
        for stage in self.up:
            states = stage(states, beside.pop())
        embeddings = self.final_activation(self.final_dropout(self.final(states)))
        return BorzoiModelOutput(last_hidden_state=embeddings.transpose(1, 2), unet_output=states.transpose(1, 2))


class BorzoiForTracks(TrunkPreTrainedModel):
    """DNA -> tracks of each bin: the trunk and its heads.

    Args:
        config: the model's configuration.
    """

    config: BorzoiConfig
    config_class = BorzoiConfig
    _no_split_modules = BorzoiModel._no_split_modules

    def __init__(self, config: BorzoiConfig) -> None:
        super().__init__(config)
        self.trunk = BorzoiModel(config)
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
    ) -> BorzoiTracksOutput:
        """Read DNA, and the tracks of its bins; or, with ``outputs``, what they say of genes.

        Args:
            dna: (B, L, 4), see :class:`BorzoiModel`.
            heads: names of the heads to be read; None = all.
            gene, bins, outputs, labels: see :meth:`TrackHeads.of_genes`; of the head ``config.gene_head``.

        Raises:
            ValueError: as of the trunk, or there is no such head.
        """
        found = self.trunk(dna, return_dict=True)
        read = {"last_hidden_state": found.last_hidden_state, "unet_output": found.unet_output}
        if outputs is None:
            return BorzoiTracksOutput(tracks=self.heads(found.last_hidden_state, heads), **read)
        name = self.config.gene_head
        logits, loss = self.heads.of_genes(found.last_hidden_state, name, gene, bins, outputs, labels)
        return BorzoiTracksOutput(loss=loss, logits=logits, **read)


def larger_of_pairs(states: torch.Tensor) -> torch.Tensor:
    """(B, C, L) -> (B, C, L / 2): max-pooling of two, whose gradient goes to the first of equals.

    As ``max_pool1d``, which in training takes 3 times as long and keeps 8 bytes a value.
    """
    first, second = states.unflatten(-1, (-1, 2)).unbind(-1)
    if not torch.is_grad_enabled():
        return torch.maximum(first, second)
    return torch.where((second > first) | second.isnan(), second, first)


def borzoi_positions(length: int, device: torch.device, *, n_features: int, spread_over: int | None) -> torch.Tensor:
    """Features of all distances between ``length`` bins: is one nearer than widths that grow to ``spread_over``.

    Args:
        length: bins, n.
        device: where they are made.
        n_features: even.
        spread_over: the largest width; None = ``length``.

    Returns:
        (2 n - 1, n_features), a half of them signed.
    """
    n_basis = n_features // 2
    growth = math.exp(math.log((spread_over or length) + 1) / n_basis)
    widths = growth ** torch.arange(1, n_basis + 1, dtype=torch.float32, device=device) - 1
    return signed((widths > distances(2 * length - 1, device).abs()[:, None]).float())


def _block(config: BorzoiConfig, channels_in: int, channels_out: int, kernel_size: int) -> ConvBlock:
    return ConvBlock(channels_in, channels_out, kernel_size, config.norm_eps, _gelu(config))


def _gelu(config: BorzoiConfig) -> "BorzoiGelu":
    return BorzoiGelu("tanh" if config.gelu == "tanh" else "none")

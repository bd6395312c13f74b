"""What Enformer's and Borzoi's networks are made of, attention apart, and what both models can do."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer

from .attention_enformer import RelativeAttention

N_BASES = 4
# Values of bins and tracks that are held at a time where they are added up.
_VALUES_AT_ONCE = 2**24


class BatchNorm(nn.BatchNorm1d):
    """BatchNorm over (B, C, L) whose weights and statistics are float32, whatever the type of its input."""

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> "BatchNorm":
        """Moved or turned into another type with the network, but into none of 16 bits."""
        super()._apply(in_float32(fn), recurse)
        return self


class Float32Linear(nn.Linear):
    """A linear map whose weights are float32, and which is computed in it, whatever the network around it is in."""

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> "Float32Linear":
        """Moved or turned into another type with the network, but into none of 16 bits."""
        super()._apply(in_float32(fn), recurse)
        return self

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        # Copied: in what order a product with one row of weights is summed up depends on where they lie in memory,
        # which is not the same in a model that was loaded.
        weight, bias = self.weight.clone(), self.bias.clone()
        with no_autocast(states.device):
            return nn.functional.linear(states.to(weight.dtype), weight, bias)


def no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Where products are computed in the type of what goes into them; a device without autocast does so anyhow."""
    kind = device.type
    return torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext()


def in_float32(fn: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """The same move of a module's tensors, which turns none into a type of 16 bits."""

    def kept(tensor: torch.Tensor) -> torch.Tensor:
        moved = fn(tensor)
        return tensor.to(moved.device) if moved.dtype in (torch.bfloat16, torch.float16) else moved

    return kept


class Recomputed(nn.Module):
    """A part of the network of which activations can be computed again in the backward pass.

    One with a BatchNorm that moves is never computed again: it would count a batch twice.
    """

    _gradient_checkpointing_func: Callable[..., Any]
    _is_to_be_recomputed = False

    @property
    def gradient_checkpointing(self) -> bool:
        """Whether it is computed again; set by transformers, with ``_gradient_checkpointing_func``."""
        moves = any(isinstance(module, BatchNorm) and module.training for module in self.modules())
        return self._is_to_be_recomputed and not moves

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, value: bool) -> None:
        self._is_to_be_recomputed = value


class Stage(Recomputed, GradientCheckpointingLayer):
    """One of which all activations are computed again, of its whole input at once."""


class PlainConvBlock(nn.Module):
    """BatchNorm, activation, convolution: (B, C, L) -> (B, C', L).

    Args:
        channels_in, channels_out: C and C'.
        kernel_size: bases or bins that the convolution reads.
        eps: of BatchNorm.
        activation: between the two.
    """

    def __init__(
        self, channels_in: int, channels_out: int, kernel_size: int, eps: float, activation: nn.Module
    ) -> None:
        super().__init__()
        self.batch_norm = BatchNorm(channels_in, eps=eps)
        self.activation = activation
        self.conv = nn.Conv1d(channels_in, channels_out, kernel_size, padding="same")

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.conv(self.activation(self.batch_norm(states)))


class ConvBlock(PlainConvBlock, Stage):
    """The same, computed again in the backward pass where that is asked for."""


class TransformerLayer(Stage):
    """Pre-norm attention and a feed-forward of twice the width with ReLU."""

    def __init__(self, config: Any, norm_eps: float) -> None:
        super().__init__()
        width = config.hidden_size
        self.attention_norm = nn.LayerNorm(width, eps=norm_eps)
        self.attention = RelativeAttention(config)
        self.feed_forward_norm = nn.LayerNorm(width, eps=norm_eps)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden_states: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """(B, N, D) and (2 N - 1, F) features of distances -> (B, N, D)."""
        attended = self.attention(self.attention_norm(hidden_states), positions)
        hidden_states = hidden_states + self.dropout(attended)
        wide = self.dropout(self.up(self.feed_forward_norm(hidden_states))).relu()
        return hidden_states + self.dropout(self.down(wide))


class TrunkPreTrainedModel(PreTrainedModel):
    """Weights' initialisation, BatchNorm that stays as it is, and the check of what is given."""

    base_model_prefix = "trunk"
    main_input_name = "dna"
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["EnformerStage", "TransformerLayer"]
    _keep_in_fp32_modules_strict: ClassVar[list[str]] = ["batch_norm"]
    _supports_sdpa = True
    _supports_flash_attn = False
    _supports_flex_attn = False

    def train(self, mode: bool = True) -> "TrunkPreTrainedModel":
        """Training or evaluation; a frozen BatchNorm stays in evaluation, and its weights are not trained."""
        super().train(mode)
        if self.config.freeze_batchnorm:
            for module in self.modules():
                if isinstance(module, BatchNorm):
                    module.eval().requires_grad_(False)
        return self

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Conv1d):
            init.normal_(module.weight, mean=0.0, std=self.config.initializer_range)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm | BatchNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
            if isinstance(module, BatchNorm):
                init.zeros_(module.running_mean)
                init.ones_(module.running_var)
                init.zeros_(module.num_batches_tracked)
        elif isinstance(module, RelativeAttention):
            init.normal_(module.content_bias, mean=0.0, std=self.config.initializer_range)
            init.normal_(module.position_bias, mean=0.0, std=self.config.initializer_range)


class TrackHeads(nn.ModuleDict):
    """A linear map of a bin's embedding a head, and softplus: computed in float32 whatever the weights are.

    Args:
        width: of the embedding.
        tracks: name of a head -> its tracks.
        activation: ``softplus`` or ``none``.
    """

    def __init__(self, width: int, tracks: dict[str, int], activation: str) -> None:
        super().__init__({name: nn.Linear(width, count) for name, count in tracks.items()})
        self._is_positive = activation == "softplus"

    def forward(self, embeddings: torch.Tensor, names: list[str] | None) -> dict[str, torch.Tensor]:
        """(B, bins, width) -> name -> (B, bins, tracks) float32; of all heads, or of those that are named.

        Raises:
            ValueError: there is no such head.
        """
        return {name: self._read(embeddings, *self._parameters_of(name)) for name in (self if names is None else names)}

    def of_genes(
        self,
        embeddings: torch.Tensor,
        name: str,
        gene: torch.Tensor | None,
        bins: torch.Tensor | None,
        outputs: torch.Tensor,
        labels: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What tracks say of genes: sums over bins of a window, and means over a gene's windows.

        Only the bins and tracks that are asked for are computed, some at a time.

        Args:
            embeddings: (W, bins, width).
            name: of the head.
            gene: (W,) int64, the row in ``outputs`` that each window is of; None = one window a gene.
            bins: (W, bins) bool, which are added up; None = all.
            outputs: (B, T) int64, tracks.
            labels: (B, T), NaN where there is none.

        Returns:
            logits (B, T) float32; their mean squared distance from the labels that are there, 0 without any, or None
            without ``labels``.

        Raises:
            ValueError: there is no such head.
        """
        weight, bias = self._parameters_of(name)
        gene = torch.arange(len(embeddings), device=embeddings.device) if gene is None else gene
        rows, which = torch.unique(outputs, dim=0, return_inverse=True)
        of_rows = [(weight[row].float(), bias[row].float()) for row in rows]
        sums = []
        for window, states in enumerate(embeddings):
            chosen = states if bins is None else states[bins[window]]
            part = of_rows[int(which[gene[window]])]
            pieces = chosen.split(max(1, _VALUES_AT_ONCE // len(part[1])))
            sums.append(torch.stack([self._read(piece, *part).sum(dim=0) for piece in pieces]).sum(dim=0))
        counts = torch.bincount(gene, minlength=len(outputs))[:, None]
        logits = torch.stack(sums).new_zeros(outputs.shape).index_add(0, gene, torch.stack(sums)) / counts
        if labels is None:
            return logits, None
        return logits, squared_distance(logits, labels)

    def _parameters_of(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        if name not in self:
            raise ValueError(f"the model has no head {name!r}, it has {', '.join(self) or 'none'}")
        return self[name].get_parameter("weight"), self[name].get_parameter("bias")

    def _read(self, embeddings: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        values = nn.functional.linear(embeddings.float(), weight.float(), bias.float())
        return nn.functional.softplus(values) if self._is_positive else values


def squared_distance(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """(), the mean squared distance of values from the labels that are no NaN; 0 without any."""
    away = (logits - labels)[~labels.isnan()]
    return away.square().sum() / max(1, len(away))


def checked_dna(dna: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """(B, L, 4) bases -> (B, 4, L) in the type of the weights.

    Raises:
        ValueError: another shape, or no numbers with a fraction.
    """
    if dna.dim() != 3 or dna.shape[-1] != N_BASES:
        raise ValueError(f"dna has the shape {tuple(dna.shape)}, (batch, bases, {N_BASES}) is expected")
    if not dna.shape[1]:
        raise ValueError("dna has no base")
    if not dna.is_floating_point():
        raise ValueError(f"dna is {str(dna.dtype).removeprefix('torch.')}, floating point is expected")
    return dna.transpose(1, 2).to(dtype)


def centre(states: torch.Tensor, bins: int) -> torch.Tensor:
    """(B, N, ...) -> (B, bins, ...): the bins in the middle; of an even number of them the one more before bin N // 2.

    So the first base of bin N // 2, in the middle of a window of whole bins, is in the result's bin ``bins // 2``; what
    is published of Enformer are 896 of 1,536.

    Raises:
        ValueError: there are not as many.
    """
    if not 0 < bins <= states.shape[1]:
        raise ValueError(f"{bins} bins in the middle are asked for, there are {states.shape[1]}")
    first = states.shape[1] // 2 - bins // 2
    return states[:, first : first + bins]

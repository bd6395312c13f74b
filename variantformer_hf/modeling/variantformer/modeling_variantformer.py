"""VariantFormer: personal DNA -> tissue-specific expression.

What is unusual here, read top to bottom:

- In every layer attention reaches the residual stream only through the gated feed-forward branch.
- Two encoders (one for cCREs, one for windows of the gene) turn 200 tokens each into one vector.
- A cCRE stream and a gene stream run side by side; gene layer i+1 attends to the output of cCRE layer i, gene layer 0
  to the projected cCREs. The cCRE stream knows no tissue, so it runs once for all tissues of a gene.
- Positions are ranks (ALiBi), never genomic distances; class annotations enter as a bag of keys.
- The residual stream stays in float32 under bfloat16 weights (``residual_dtype``), and so do what enters it (pooling,
  projections) and what reads it (the head).
"""

import math
from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from stat import S_IMODE
from typing import Any, ClassVar, cast

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from .attention_variantformer import (
    ScoreBias,
    VariantFormerCrossAttention,
    VariantFormerSelfAttention,
    score_bias,
)
from .configuration_variantformer import VariantFormerConfig, VariantFormerEncoderConfig, record_written

# Sequences that an encoder works on at a time, on the CPU and elsewhere: what bounds the memory of its activations.
ENCODER_CHUNK = 128
ENCODER_CHUNK_ON_GPU = 512
# Tokens of rows with a shared context (the tissues of a gene) that a layer works on at a time, for the same reason.
SHARED_CONTEXT_TOKENS = 8_192


@dataclass
class VariantFormerEncoderOutput(ModelOutput):
    """Output of the sequence encoder.

    Attributes:
        pooler_output: (..., hidden_size), one vector per sequence.
    """

    pooler_output: torch.Tensor | None = None


@dataclass
class VariantFormerChromatinActivityOutput(ModelOutput):
    """Output of stage 1.

    Attributes:
        loss: classification loss plus weighted contrastive loss; None without labels.
        logits: (B, num_classes) of each sequence's tissue.
        embeddings: (B, 2, hidden_size), one vector per strand.
        classification_loss, contrastive_loss, contrastive_weight: the parts of the loss.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    classification_loss: torch.Tensor | None = None
    contrastive_loss: torch.Tensor | None = None
    contrastive_weight: torch.Tensor | None = None


@dataclass
class VariantFormerModelOutput(ModelOutput):
    """Output of the expression model without its head.

    Attributes:
        embeddings: (B, T, D), what the head reads for each tissue.
        cre_token_embeddings: (B, K, D) of the asked cCREs; NaN where none was asked.
        gene_token_embeddings: (B, T, K, D) of the asked gene windows; NaN where none was asked.
        tissue_attentions: (B, T, layers, heads, N), the tissue token's attention over the cCREs.
    """

    embeddings: torch.Tensor | None = None
    cre_token_embeddings: torch.Tensor | None = None
    gene_token_embeddings: torch.Tensor | None = None
    tissue_attentions: torch.Tensor | None = None


@dataclass
class CreContexts:
    """What the gene stream reads of one gene's cCREs: for all variants of the gene that leave its cCREs as they are.

    Attributes:
        keys_values: of each gene layer, (1, H, N, d) each.
        hidden_states: (1, N, D), the end of the cCRE stream.
        mask: (1, N), True = present; None = all.
    """

    keys_values: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    hidden_states: torch.Tensor
    mask: torch.Tensor | None


@dataclass
class VariantFormerExpressionOutput(ModelOutput):
    """Output of the expression model.

    Attributes:
        loss: mean over the labels that are not NaN; None without labels.
        logits: (B, T) log1p TPM.
        embeddings, cre_token_embeddings, gene_token_embeddings, tissue_attentions: see VariantFormerModelOutput.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    embeddings: torch.Tensor | None = None
    cre_token_embeddings: torch.Tensor | None = None
    gene_token_embeddings: torch.Tensor | None = None
    tissue_attentions: torch.Tensor | None = None


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
    """

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
        for contexts, of_each in _blocks(len(key), rows.shape[1], rows.shape[2]):
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


def _blocks(n_contexts: int, rows: int, length: int) -> list[tuple[slice, slice]]:
    """Which contexts, and which rows of each, to work on at a time: whole contexts, or a part of one's rows."""
    if rows == 1:
        return [(slice(0, n_contexts), slice(0, 1))]
    at_once = max(1, SHARED_CONTEXT_TOKENS // length)
    if rows <= at_once:
        step = at_once // rows
        return [(slice(first, first + step), slice(0, rows)) for first in range(0, n_contexts, step)]
    parts = [slice(first, first + at_once) for first in range(0, rows, at_once)]
    return [(slice(context, context + 1), part) for context in range(n_contexts) for part in parts]


class VariantFormerPreTrainedModel(PreTrainedModel):
    """Weights' initialisation, and what the models can do."""

    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["VariantFormerLayer"]
    _supports_sdpa = True
    _supports_flash_attn = False
    _supports_flex_attn = False

    def save_pretrained(self, save_directory: str | PathLike[str], **options: Any) -> None:
        """Write config, code and weights into a folder; options as of ``PreTrainedModel``.

        Weights get the mode of the config beside them: safetensors writes for the file's owner alone.
        """
        super().save_pretrained(save_directory, **options)
        folder = Path(save_directory)
        for weights in folder.glob("model*.safetensors"):
            weights.chmod(S_IMODE((folder / "config.json").stat().st_mode))
        if (folder / "config.json").is_file():  # which one process of several writes
            record_written(folder)

    def compile_layers(self, **options: Any) -> None:
        """Compile every layer in place with ``torch.compile``; the first batches are slow, and shapes may change after.

        Args:
            **options: of ``torch.compile``, e.g. ``backend``, ``mode``.
        """
        for module in self.modules():
            if isinstance(module, VariantFormerLayer):
                module.compile(**{"dynamic": True, **options})

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        std = self.config.initializer_range
        if isinstance(module, nn.Linear):
            init.normal_(module.weight, mean=0.0, std=std)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, mean=0.0, std=std)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, VariantFormerForChromatinActivity) and module.logit_scale is not None:
            init.constant_(module.logit_scale, math.log(1 / 0.07))


def residual(
    hidden_states: torch.Tensor, config: VariantFormerConfig | VariantFormerEncoderConfig, model_dtype: torch.dtype
) -> torch.Tensor:
    """The start of a residual stream, in the type in which it is to be kept."""
    return hidden_states.to(torch.float32 if config.residual_dtype == "float32" else model_dtype)


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


class VariantFormerForChromatinActivity(VariantFormerPreTrainedModel):
    """Stage 1: is this element active in this tissue?

    Args:
        config: the encoder's configuration.
    """

    config: VariantFormerEncoderConfig
    base_model_prefix = "encoder"

    def __init__(self, config: VariantFormerEncoderConfig) -> None:
        super().__init__(config)
        self.encoder = VariantFormerEncoder(config)
        width = config.hidden_size * (2 if config.strand_aggregation == "concat" else 1)
        self.classifiers = nn.ModuleList(nn.Linear(width, config.num_classes) for _ in range(config.num_tissues))
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07))) if config.use_temperature else None
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        tissue_ids: torch.Tensor,
        labels: torch.Tensor | None = None,
        context_ids: torch.Tensor | None = None,
        majority_labels: torch.Tensor | None = None,
    ) -> VariantFormerChromatinActivityOutput:
        """Classify elements.

        Args:
            input_ids, attention_mask: (B, 2, L), forward strand and reverse complement.
            tissue_ids: (B,), the tissue of each element.
            labels: (B,), class; None = no loss.
            context_ids: (B,), class of the element, for encoders with ``use_context``.
            majority_labels: (B,), the class that most tissues have there, for ``majority_weight``.
        """
        contexts = None if context_ids is None else context_ids[:, None].expand(-1, 2)
        strands = self.encoder(input_ids, attention_mask, contexts, return_dict=True).pooler_output
        joined = strands.flatten(1) if self.config.strand_aggregation == "concat" else strands.mean(1)
        heads = [cast(nn.Linear, head) for head in self.classifiers]
        weight = torch.stack([head.weight for head in heads])[tissue_ids]
        bias = torch.stack([head.bias for head in heads])[tissue_ids]
        logits = torch.einsum("bd,bcd->bc", joined, weight.to(joined.dtype)) + bias.to(joined.dtype)
        if labels is None:
            return VariantFormerChromatinActivityOutput(logits=logits, embeddings=strands)
        classification = self._classification_loss(logits.float(), labels, majority_labels)
        if not self.config.use_contrastive_loss or len(labels) == 1:  # one element has no other to be told from
            return VariantFormerChromatinActivityOutput(
                loss=classification, logits=logits, embeddings=strands, classification_loss=classification
            )
        contrastive = self._contrastive_loss(strands.flatten(1).float())
        if self.config.contrastive_fraction is None:
            fraction = (classification.detach() / contrastive.detach()).clamp(0.01, 100.0)
        else:
            fraction = torch.full_like(classification, self.config.contrastive_fraction)
        return VariantFormerChromatinActivityOutput(
            loss=classification + fraction * contrastive,
            logits=logits,
            embeddings=strands,
            classification_loss=classification,
            contrastive_loss=contrastive,
            contrastive_weight=fraction,
        )

    def _classification_loss(
        self, logits: torch.Tensor, labels: torch.Tensor, majority_labels: torch.Tensor | None
    ) -> torch.Tensor:
        weights = None
        if self.config.loss_function == "weighted_cross_entropy":
            if self.config.class_weights is None:
                raise ValueError("loss_function='weighted_cross_entropy' needs class_weights in the config")
            weights = logits.new_tensor(self.config.class_weights)
        losses = F.cross_entropy(logits, labels, weight=weights, reduction="none")
        if self.config.loss_function == "focal":
            losses = (1 - torch.exp(-losses)) ** self.config.focal_gamma * losses
        if self.config.majority_weight is not None:
            if majority_labels is None:
                raise ValueError("majority_weight is set: give majority_labels")
            losses = torch.where(labels == majority_labels, losses * self.config.majority_weight, losses)
        return losses.sum() if self.config.loss_reduction == "sum" else losses.mean()

    def _contrastive_loss(self, vectors: torch.Tensor) -> torch.Tensor:
        normed = F.normalize(vectors, dim=-1)
        gram = normed @ normed.T
        if self.logit_scale is not None:
            gram = gram * self.logit_scale.exp().float()
        own = torch.arange(len(gram), device=gram.device)
        reduction = self.config.loss_reduction
        if self.config.contrastive_form == "paper":
            others = gram.masked_fill(torch.eye(len(gram), dtype=torch.bool, device=gram.device), -math.inf)
            losses = others.logsumexp(-1) - gram[own, own]
            return losses.sum() if reduction == "sum" else losses.mean()
        return (F.cross_entropy(gram, own, reduction=reduction) + F.cross_entropy(gram.T, own, reduction=reduction)) / 2


class VariantFormerModel(VariantFormerPreTrainedModel):
    """cCREs and gene windows of one person -> an embedding per tissue.

    Args:
        config: the model's configuration.
    """

    config: VariantFormerConfig
    main_input_name = "cre_input_ids"

    def __init__(self, config: VariantFormerConfig) -> None:
        super().__init__(config)
        encoder_config = cast(VariantFormerEncoderConfig, config.encoder_config)
        widths_differ = encoder_config.hidden_size != config.hidden_size
        self.cre_encoder = VariantFormerEncoder(encoder_config)
        self.gene_encoder = VariantFormerEncoder(encoder_config)
        self.cre_projection = StreamLinear(encoder_config.hidden_size, config.hidden_size) if widths_differ else None
        self.gene_projection = StreamLinear(encoder_config.hidden_size, config.hidden_size) if widths_differ else None
        by_tissue = config.gene_pooling == "multi_registry" or config.add_context_to_cres
        self.tissue_embedding = nn.Embedding(config.num_tissues, config.hidden_size) if by_tissue else None
        self.start_embedding = nn.Embedding(1, config.hidden_size) if config.gene_pooling == "start_token" else None
        self.cre_class_embedding = (
            nn.Embedding(len(config.cre_classes or ()), config.hidden_size) if config.use_context else None
        )
        self.cre_layers = nn.ModuleList(
            VariantFormerLayer(
                config,
                self_attention=not (config.only_cross_attention and config.use_context),
                cross_attention=config.use_context,
            )
            for _ in range(config.num_hidden_layers - 1)
        )
        self.gene_layers = nn.ModuleList(
            VariantFormerLayer(config, self_attention=not config.only_cross_attention, cross_attention=True)
            for _ in range(config.num_hidden_layers)
        )
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.cre_encoder.token_embedding

    @can_return_tuple
    def forward(
        self,
        cre_input_ids: torch.Tensor | None = None,
        cre_attention_mask: torch.Tensor | None = None,
        cre_class_ids: torch.Tensor | None = None,
        gene_input_ids: torch.Tensor | None = None,
        gene_attention_mask: torch.Tensor | None = None,
        tissue_ids: torch.Tensor | None = None,
        cre_mask: torch.Tensor | None = None,
        gene_mask: torch.Tensor | None = None,
        output_attentions: bool = False,
        cre_positions: torch.Tensor | None = None,
        gene_positions: torch.Tensor | None = None,
        cre_embeds: torch.Tensor | None = None,
        gene_embeds: torch.Tensor | None = None,
        cre_contexts: CreContexts | None = None,
    ) -> VariantFormerModelOutput:
        """Run both streams for B genes in T tissues each.

        Args:
            cre_input_ids, cre_attention_mask: (B, N, L), 1 = token. A present cCRE without tokens takes part.
            cre_class_ids: (B, N), needed.
            gene_input_ids, gene_attention_mask: (B, M, L).
            tissue_ids: (B, T), needed.
            cre_mask, gene_mask: (B, N) and (B, M), 1 = present; None = all. Absent rows take no part.
            output_attentions: also return ``tissue_attentions``.
            cre_positions, gene_positions: (B, K), cCREs and windows whose final vectors are returned; -1 = none.
            cre_embeds, gene_embeds: (B, N, E) and (B, M, E), what ``cre_encoder`` and ``gene_encoder`` made of the
                tokens, in place of the tokens.
            cre_contexts: from :meth:`cre_contexts`, in place of everything about cCREs: the B "genes" are then one gene
                with other windows, all of them present.

        Raises:
            ValueError: a gene without any present cCRE or window; shapes that do not fit each other; neither tokens
                nor embeddings, or both; cCRE embeddings asked for where ``add_context_to_cres`` makes them differ by
                tissue and there are several.
        """
        gene_rows = _rows_given("gene", gene_input_ids, gene_attention_mask, gene_embeds)
        if cre_contexts is not None and tissue_ids is not None:
            _check_shape("tissue_ids", tissue_ids, (gene_rows[0], tissue_ids.shape[-1]))
            if gene_mask is not None and not bool(gene_mask.all()):
                raise ValueError("with cre_contexts no window may be absent: give genes of like number together")
            windows = self._enter(
                self.gene_encoder, self.gene_projection, gene_input_ids, gene_attention_mask, gene_embeds, None
            )
            return self._gene_stream(
                windows,
                tissue_ids,
                cre_contexts.keys_values,
                cre_contexts.hidden_states,
                cre_mask=cre_contexts.mask,
                gene_mask=None,
                output_attentions=output_attentions,
                cre_positions=cre_positions,
                gene_positions=gene_positions,
            )
        if cre_class_ids is None or tissue_ids is None:
            raise ValueError("cre_class_ids and tissue_ids are needed")
        cre_rows = _rows_given("cre", cre_input_ids, cre_attention_mask, cre_embeds)
        _check_shape("cre_class_ids", cre_class_ids, cre_rows)
        _check_shape("cre_mask", cre_mask, cre_rows)
        _check_shape("gene_mask", gene_mask, gene_rows)
        _check_shape("tissue_ids", tissue_ids, (cre_rows[0], tissue_ids.shape[-1]))
        if gene_rows[0] != cre_rows[0]:
            raise ValueError(f"the windows of {gene_rows[0]} genes were given with the cCREs of {cre_rows[0]}")
        cre_mask = _presence(cre_mask, "cre_mask")
        gene_mask = _presence(gene_mask, "gene_mask")
        cres = self._enter(
            self.cre_encoder, self.cre_projection, cre_input_ids, cre_attention_mask, cre_embeds, cre_mask
        )
        windows = self._enter(
            self.gene_encoder, self.gene_projection, gene_input_ids, gene_attention_mask, gene_embeds, gene_mask
        )
        return self.run_streams(
            cres,
            windows,
            cre_class_ids,
            tissue_ids,
            cre_mask=cre_mask,
            gene_mask=gene_mask,
            output_attentions=output_attentions,
            cre_positions=cre_positions,
            gene_positions=gene_positions,
        )

    def _enter(
        self,
        encoder: VariantFormerEncoder,
        projection: nn.Linear | None,
        input_ids: torch.Tensor | None,
        attention_mask: torch.Tensor | None,
        vectors: torch.Tensor | None,
        presence: torch.Tensor | None,
    ) -> torch.Tensor:
        """(B, R, L) tokens, or the encoder's (B, R, E) vectors of them -> (B, R, D), where a stream begins.

        Absent rows are not encoded.
        """
        if vectors is not None:
            vectors = residual(vectors, encoder.config, encoder.dtype)
        elif presence is None:
            vectors = encoder(input_ids, attention_mask, return_dict=True).pooler_output
        else:
            assert input_ids is not None and attention_mask is not None
            found = encoder(input_ids[presence], attention_mask[presence], return_dict=True).pooler_output
            vectors = found.new_zeros(*presence.shape, found.shape[-1]).masked_scatter(presence[..., None], found)
        if projection is not None:
            vectors = projection(vectors)
        return residual(vectors, self.config, self.dtype)

    def cre_contexts(
        self, cre_embeds: torch.Tensor, cre_class_ids: torch.Tensor, cre_mask: torch.Tensor | None = None
    ) -> CreContexts:
        """Run the cCRE stream of one gene, and keep what its gene stream reads of it.

        Args:
            cre_embeds: (1, N, E), what ``cre_encoder`` made of the cCREs.
            cre_class_ids: (1, N).
            cre_mask: (1, N), 1 = present; None = all.

        Raises:
            ValueError: ``add_context_to_cres``, with which the stream is another one in each tissue; several genes.
        """
        if self.config.add_context_to_cres:
            raise ValueError("add_context_to_cres=True: the cCRE stream is another one in each tissue")
        if len(cre_embeds) != 1:
            raise ValueError(f"{len(cre_embeds)} genes were given: their contexts are made one by one")
        _check_shape("cre_class_ids", cre_class_ids, tuple(cre_embeds.shape[:2]))
        _check_shape("cre_mask", cre_mask, tuple(cre_embeds.shape[:2]))
        cre_mask = _presence(cre_mask, "cre_mask")
        cres = self._enter(self.cre_encoder, self.cre_projection, None, None, cre_embeds, cre_mask)
        keys_values = []
        for layer, context in zip(self.gene_layers, self._cre_stream(cres, cre_class_ids, cre_mask), strict=True):
            attention = cast(VariantFormerCrossAttention, layer.cross_attention)
            keys_values.append(attention.project_context(context))
            cres = context
        return CreContexts(tuple(keys_values), cres, cre_mask)

    def run_streams(
        self,
        cres: torch.Tensor,
        windows: torch.Tensor,
        cre_class_ids: torch.Tensor,
        tissue_ids: torch.Tensor,
        *,
        cre_mask: torch.Tensor | None = None,
        gene_mask: torch.Tensor | None = None,
        output_attentions: bool = False,
        cre_positions: torch.Tensor | None = None,
        gene_positions: torch.Tensor | None = None,
    ) -> VariantFormerModelOutput:
        """Run both streams on encoded cCREs (B, N, D) and windows (B, M, D); other arguments as in :meth:`forward`."""
        n_tissues = tissue_ids.shape[1]
        if cre_positions is not None and self.config.add_context_to_cres and n_tissues > 1:
            raise ValueError("add_context_to_cres=True: cCRE embeddings differ by tissue, ask for one tissue at a time")
        if self.config.add_context_to_cres:
            assert self.tissue_embedding is not None
            cres = (cres[:, None] + self.tissue_embedding(tissue_ids)[:, :, None]).flatten(0, 1)
            cre_class_ids = cre_class_ids.repeat_interleave(n_tissues, 0)
            cre_mask = None if cre_mask is None else cre_mask.repeat_interleave(n_tissues, 0)
        return self._gene_stream(
            windows,
            tissue_ids,
            self._cre_stream(cres, cre_class_ids, cre_mask),
            cres,
            cre_mask=cre_mask,
            gene_mask=gene_mask,
            output_attentions=output_attentions,
            cre_positions=cre_positions,
            gene_positions=gene_positions,
        )

    def _cre_stream(
        self, cres: torch.Tensor, cre_class_ids: torch.Tensor, cre_mask: torch.Tensor | None
    ) -> Iterator[torch.Tensor]:
        """What each gene layer attends to, (B, N, D), one after the other; the last is the end of the stream."""
        ranks = _ranks(cres, cre_mask) if self.config.use_alibi else None
        heads = self.config.num_attention_heads if self.config.use_alibi else None
        scores = score_bias(self.dtype, n_heads=heads, query_ranks=ranks, key_ranks=ranks, key_mask=cre_mask)
        annotations, annotation_scores = self._annotations(cre_class_ids, cre_mask)
        yield cres
        for layer in self.cre_layers:
            cres = layer(cres, scores, annotations, annotation_scores)
            yield cres

    def _gene_stream(
        self,
        windows: torch.Tensor,
        tissue_ids: torch.Tensor,
        contexts: Iterable[torch.Tensor | tuple[torch.Tensor, torch.Tensor]],
        cres: torch.Tensor,
        *,
        cre_mask: torch.Tensor | None,
        gene_mask: torch.Tensor | None,
        output_attentions: bool,
        cre_positions: torch.Tensor | None,
        gene_positions: torch.Tensor | None,
    ) -> VariantFormerModelOutput:
        """The gene stream, each layer attending to its context; ``cres`` is any stage of the cCRE stream's rows.

        With one context for all genes their windows must all be present.
        """
        if output_attentions and self.config.gene_pooling in ("max", "mean"):
            raise ValueError(f"gene_pooling={self.config.gene_pooling!r} has no tissue token whose attention to return")
        n_genes, n_tissues = tissue_ids.shape
        tissues = self.tissue_embedding(tissue_ids) if self.tissue_embedding is not None else None
        genes, n_tokens = self._gene_stream_start(windows, tissues)
        rows = len(genes) // n_genes
        if gene_mask is not None:
            gene_mask = F.pad(gene_mask, (n_tokens, 0), value=True).repeat_interleave(len(cres) // n_genes, 0)
        gene_scores, cross_scores = self._score_masks(cres, cre_mask, genes, gene_mask)
        attentions: list[torch.Tensor] = []
        start = genes
        for gene_layer, context in zip(self.gene_layers, contexts, strict=True):
            genes = gene_layer(genes, gene_scores, context, cross_scores, attentions if output_attentions else None)
            if self.config.use_res:
                genes = genes + start
            if isinstance(context, torch.Tensor):
                cres = context

        def per_tissue(of_rows: torch.Tensor) -> torch.Tensor:
            """(B * rows, ...) -> (B, T, ...)."""
            split = of_rows.unflatten(0, (n_genes, rows))
            return split.expand(-1, n_tissues, *split.shape[2:])

        output = VariantFormerModelOutput(embeddings=per_tissue(self._pool_genes(genes, gene_mask)))
        if cre_positions is not None:
            of_genes = cres[:: max(1, len(cres) // n_genes)]
            output["cre_token_embeddings"] = _rows_at(of_genes.expand(n_genes, -1, -1), cre_positions)
        if gene_positions is not None:
            found = _rows_at(genes[:, n_tokens:], gene_positions.repeat_interleave(rows, 0))
            output["gene_token_embeddings"] = per_tissue(found)
        if output_attentions:
            output["tissue_attentions"] = per_tissue(torch.stack(attentions, 1))
        return output

    def _annotations(
        self, class_ids: torch.Tensor, cre_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor | None, ScoreBias | None]:
        """What the cCRE stream attends to beside itself: the class embeddings of all elements, an unordered bag.

        A bag of n equal keys weighs what one such key does with log n added to its score, so one key per class is
        enough. Only dropout on the attention weights tells the n keys apart.
        """
        if self.cre_class_embedding is None:
            return None, None
        if self.training and self.config.attention_dropout > 0:
            return self.cre_class_embedding(class_ids), score_bias(self.dtype, key_mask=cre_mask)
        present = torch.ones_like(class_ids) if cre_mask is None else cre_mask.long()
        counts = torch.zeros(len(class_ids), self.cre_class_embedding.num_embeddings, device=class_ids.device)
        counts = counts.scatter_add(1, class_ids, present.float())
        # Relative to the largest class, so that rounding to bfloat16 falls on rare classes only.
        scores = torch.log(counts / counts.amax(1, keepdim=True)).clamp(min=torch.finfo(self.dtype).min)
        keys = self.cre_class_embedding.weight.expand(len(class_ids), -1, -1)
        added = scores.to(self.dtype)[:, None, None]
        return keys, ScoreBias(lambda: added, is_other=True)

    def _score_masks(
        self, cres: torch.Tensor, cre_mask: torch.Tensor | None, genes: torch.Tensor, gene_mask: torch.Tensor | None
    ) -> tuple[ScoreBias | None, ScoreBias | None]:
        """What is added to the scores of the gene stream, and of its attention to the cCREs.

        ALiBi over ranks among the present rows, and absent keys.
        """
        heads = self.config.num_attention_heads if self.config.use_alibi else None
        cre_ranks = gene_ranks = shifted = cross_heads = None
        if self.config.use_alibi:
            cre_ranks, gene_ranks = _ranks(cres, cre_mask), _ranks(genes, gene_mask)
            if self.config.cross_alibi:
                cross_heads = heads
                shifted = gene_ranks + cre_ranks.amax(-1, keepdim=True) - gene_ranks.amax(-1, keepdim=True)
        cross_ranks = None if cross_heads is None else cre_ranks
        return (
            score_bias(self.dtype, n_heads=heads, query_ranks=gene_ranks, key_ranks=gene_ranks, key_mask=gene_mask),
            score_bias(self.dtype, n_heads=cross_heads, query_ranks=shifted, key_ranks=cross_ranks, key_mask=cre_mask),
        )

    def _gene_stream_start(self, windows: torch.Tensor, tissues: torch.Tensor | None) -> tuple[torch.Tensor, int]:
        """The gene stream's input, a row per gene and tissue (or per gene), and how many tokens precede its windows."""
        if self.config.gene_pooling == "multi_registry":
            assert tissues is not None
            first = tissues[:, :, None]
            repeated = windows[:, None].expand(-1, first.shape[1], -1, -1)
            return torch.cat([residual(first, self.config, self.dtype), repeated], dim=2).flatten(0, 1), 1
        if self.config.add_context_to_cres and tissues is not None:
            windows = windows.repeat_interleave(tissues.shape[1], 0)
        if self.start_embedding is not None:
            first = residual(self.start_embedding.weight, self.config, self.dtype).expand(len(windows), 1, -1)
            return torch.cat([first, windows], dim=1), 1
        return windows, 0

    def _pool_genes(self, genes: torch.Tensor, key_mask: torch.Tensor | None) -> torch.Tensor:
        if self.config.gene_pooling in ("multi_registry", "start_token"):
            return genes[:, 0]
        present = torch.ones_like(genes[..., :1], dtype=torch.bool) if key_mask is None else key_mask[..., None]
        if self.config.gene_pooling == "max":
            return genes.masked_fill(~present, torch.finfo(genes.dtype).min).amax(1)
        return (genes * present).sum(1) / present.sum(1)


def _rows_given(
    name: str, input_ids: torch.Tensor | None, attention_mask: torch.Tensor | None, vectors: torch.Tensor | None
) -> tuple[int, int]:
    """(B, R) of one kind of input, given as tokens or as vectors."""
    if vectors is not None and input_ids is not None:
        raise ValueError(f"give {name}_input_ids or {name}_embeds, not both")
    if vectors is not None:
        return len(vectors), vectors.shape[1]
    if input_ids is None or attention_mask is None:
        raise ValueError(f"give {name}_input_ids and {name}_attention_mask, or {name}_embeds")
    _check_shape(f"{name}_input_ids", input_ids, (*input_ids.shape[:2], input_ids.shape[-1]))
    _check_shape(f"{name}_attention_mask", attention_mask, tuple(input_ids.shape))
    return len(input_ids), input_ids.shape[1]


def _check_shape(name: str, given: torch.Tensor | None, shape: tuple[int, ...]) -> None:
    if given is not None and tuple(given.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(given.shape)}, expected {shape}")


def _presence(mask: torch.Tensor | None, name: str) -> torch.Tensor | None:
    """A mask as booleans, None where everything is present."""
    if mask is None:
        return None
    mask = mask.bool()
    if not bool(mask.any(-1).all()):
        raise ValueError(f"{name} has a gene without any present row: leave such genes out of the batch")
    return None if bool(mask.all()) else mask


def _ranks(rows: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Rank of each row among the present ones, (1 or B, R)."""
    if mask is None:
        return torch.arange(rows.shape[1], device=rows.device)[None]
    return (mask.cumsum(-1) - 1).clamp(min=0)


def _rows_at(rows: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """(B, R, D) rows at (B, K) positions; NaN where a position is -1."""
    index = positions.clamp(min=0)[..., None].expand(-1, -1, rows.shape[-1])
    return torch.gather(rows, 1, index).masked_fill((positions < 0)[..., None], float("nan"))


class VariantFormerExpressionHead(nn.Module):
    """(..., D) -> (...), one number; softplus keeps it positive under the Poisson loss."""

    def __init__(self, config: VariantFormerConfig) -> None:
        super().__init__()
        width = config.hidden_size
        if config.head_type == "linear":
            layers: list[nn.Module] = [StreamLinear(width, 1)]
        elif config.use_bigger_head:
            layers = [
                StreamLinear(width, width),
                StreamLayerNorm(width, config.layer_norm_eps),
                nn.GELU(),
                nn.Dropout(config.hidden_dropout),
                StreamLinear(width, width),
                nn.GELU(),
                StreamLinear(width, 1),
            ]
        else:
            layers = [StreamLinear(width, width), nn.GELU(), StreamLinear(width, 1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        return self.layers(embeddings).squeeze(-1)


class VariantFormerForExpression(VariantFormerPreTrainedModel):
    """Expression of a person's genes, tissue by tissue.

    Args:
        config: the model's configuration.
    """

    config: VariantFormerConfig
    main_input_name = "cre_input_ids"

    def __init__(self, config: VariantFormerConfig) -> None:
        super().__init__(config)
        self.model = VariantFormerModel(config)
        self.head = (
            nn.ModuleList(VariantFormerExpressionHead(config) for _ in range(config.num_tissues))
            if config.multi_head
            else VariantFormerExpressionHead(config)
        )
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.model.get_input_embeddings()

    @can_return_tuple
    def forward(
        self,
        cre_input_ids: torch.Tensor | None = None,
        cre_attention_mask: torch.Tensor | None = None,
        cre_class_ids: torch.Tensor | None = None,
        gene_input_ids: torch.Tensor | None = None,
        gene_attention_mask: torch.Tensor | None = None,
        tissue_ids: torch.Tensor | None = None,
        cre_mask: torch.Tensor | None = None,
        gene_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_attentions: bool = False,
        cre_positions: torch.Tensor | None = None,
        gene_positions: torch.Tensor | None = None,
        cre_embeds: torch.Tensor | None = None,
        gene_embeds: torch.Tensor | None = None,
        cre_contexts: CreContexts | None = None,
    ) -> VariantFormerExpressionOutput:
        """Predict log1p TPM of B genes in T tissues each; arguments as for :meth:`VariantFormerModel.forward`.

        Args:
            labels: (B, T) log1p TPM; NaN = missing.
        """
        output = self.model(
            cre_input_ids=cre_input_ids,
            cre_attention_mask=cre_attention_mask,
            cre_class_ids=cre_class_ids,
            gene_input_ids=gene_input_ids,
            gene_attention_mask=gene_attention_mask,
            tissue_ids=tissue_ids,
            cre_mask=cre_mask,
            gene_mask=gene_mask,
            output_attentions=output_attentions,
            cre_positions=cre_positions,
            gene_positions=gene_positions,
            cre_embeds=cre_embeds,
            gene_embeds=gene_embeds,
            cre_contexts=cre_contexts,
            return_dict=True,
        )
        assert tissue_ids is not None
        logits = self.read_out(output.embeddings, tissue_ids)
        return VariantFormerExpressionOutput(
            loss=None if labels is None else self.loss(logits, labels),
            logits=logits,
            embeddings=output.embeddings,
            cre_token_embeddings=output.cre_token_embeddings,
            gene_token_embeddings=output.gene_token_embeddings,
            tissue_attentions=output.tissue_attentions,
        )

    def add_tissue(self, name: str, init_from: str | None = None) -> int:
        """Give the model a new tissue or cell type: a row of the registry, and a head where each tissue has its own.

        Args:
            name: of the new tissue.
            init_from: tissue whose row, and head, it begins as; None = the mean of all named ones (and the first head).

        Returns:
            The id of the new tissue.

        Raises:
            ValueError: the model has the tissue already, lacks the other one, or has no registry.
        """
        registry = self.model.tissue_embedding
        if registry is None:
            raise ValueError("this model has no registry of tissues")
        tissues = list(self.config.tissues or ())
        if name in tissues:
            raise ValueError(f"the model has {name!r} already")
        if init_from is not None and init_from not in tissues:
            raise ValueError(f"the model has no tissue {init_from!r}")
        named = [index for index, each in enumerate(tissues) if each is not None]
        sources = named if init_from is None else [tissues.index(init_from)]
        old = registry.weight.data
        grown = nn.Embedding(len(tissues) + 1, old.shape[1], device=old.device, dtype=old.dtype)
        grown.weight.data[:-1] = old
        grown.weight.data[-1] = old[sources].mean(0)
        grown.weight.requires_grad_(registry.weight.requires_grad)
        self.model.tissue_embedding = grown
        if isinstance(self.head, nn.ModuleList):
            self.head.append(deepcopy(self.head[sources[0]]))
        self.config.tissues = [*tissues, name]
        return len(tissues)

    def read_out(self, embeddings: torch.Tensor, tissue_ids: torch.Tensor) -> torch.Tensor:
        """(B, T, D) embeddings -> (B, T) log1p TPM, float32 where the residual stream is."""
        if isinstance(self.head, nn.ModuleList):
            values = embeddings.new_empty(tissue_ids.shape)
            for tissue in tissue_ids.unique().tolist():
                of_tissue = tissue_ids == tissue
                values = values.masked_scatter(of_tissue, self.head[tissue](embeddings[of_tissue]).to(values.dtype))
        else:
            values = self.head(embeddings)
        return F.softplus(values.float()) if self.config.loss_function == "poisson_nll" else values.float()

    def loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean loss over the labels that are not NaN; 0 where all are."""
        _check_shape("labels", labels, tuple(logits.shape))
        known = ~labels.isnan()
        targets = torch.where(known, labels, torch.zeros_like(labels)).to(logits.dtype)
        if self.config.loss_function == "poisson_nll":
            losses = F.poisson_nll_loss(logits, targets, log_input=False, full=True, reduction="none")
        else:
            losses = F.mse_loss(logits, targets, reduction="none")
        return torch.where(known, losses, torch.zeros_like(losses)).sum() / known.sum().clamp(min=1)

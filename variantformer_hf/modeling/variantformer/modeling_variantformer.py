"""VariantFormer: personal DNA -> tissue-specific expression.

What is unusual here, and where to read it, bottom to top:

- ``attention``: every attention goes through one function; position bias and absent keys travel beside it.
- ``layers``: in every layer attention reaches the residual stream only through the gated feed-forward branch.
- ``encoder``: two encoders (one for cCREs, one for windows of the gene) turn 200 tokens each into one vector.
  ``chromatin_activity`` is stage 1, in which they are trained.
- ``streams``: a cCRE stream and a gene stream run side by side, the cCRE stream once for all tissues of a gene.
- Here: encoders and streams as one model, and the head that reads expression off each tissue's embedding.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

# All files that are needed, for transformers 5.4 copies those that this one names, not those that they name in turn.
from .attention_variantformer import ScoreBias
from .chromatin_activity_variantformer import VariantFormerForChromatinActivity
from .configuration_variantformer import VariantFormerConfig, VariantFormerEncoderConfig
from .encoder_variantformer import VariantFormerEncoder
from .layers_variantformer import StreamLayerNorm, StreamLinear
from .pretrained_variantformer import VariantFormerPreTrainedModel
from .streams_variantformer import (
    CreContexts,
    StreamQuery,
    VariantFormerModelOutput,
    VariantFormerStreams,
    check_shape,
    checked_masks,
)

__all__ = [
    "CreContexts",
    "ScoreBias",
    "StreamQuery",
    "VariantFormerEncoder",
    "VariantFormerForChromatinActivity",
    "VariantFormerForExpression",
    "VariantFormerModel",
]


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


class VariantFormerModel(VariantFormerStreams):
    """cCREs and gene windows of one person -> an embedding per tissue.

    Args:
        config: the model's configuration.
    """

    config: VariantFormerConfig
    main_input_name = "cre_input_ids"

    def __init__(self, config: VariantFormerConfig) -> None:
        super().__init__(config)
        encoder_config = cast(VariantFormerEncoderConfig, config.encoder_config)
        self.cre_encoder = VariantFormerEncoder(encoder_config)
        self.gene_encoder = VariantFormerEncoder(encoder_config)
        self.add_streams(config)
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
    ) -> VariantFormerModelOutput:
        """Encode the tokens of B genes and run both streams in T tissues each.

        Where all vectors were encoded before, :meth:`run_streams` runs the streams alone.

        Args:
            cre_input_ids, cre_attention_mask: (B, N, L), 1 = token. A present cCRE without tokens takes part.
            cre_class_ids: (B, N), needed.
            gene_input_ids, gene_attention_mask: (B, M, L), needed.
            tissue_ids: (B, T), needed.
            cre_mask, gene_mask: (B, N) and (B, M), 1 = present; None = all. Absent rows take no part.
            output_attentions: also return ``tissue_attentions``.
            cre_positions, gene_positions: (B, K), cCREs and windows whose final vectors are returned; -1 = none.
            cre_embeds: (B, N, E), what a frozen ``cre_encoder`` made of the cCREs' tokens, in place of the tokens.

        Raises:
            ValueError: a gene without any present cCRE or window; shapes that do not fit each other; neither tokens
                nor embeddings, or both; cCRE embeddings asked for where ``add_context_to_cres`` makes them differ by
                tissue and there are several.
        """
        if cre_class_ids is None or tissue_ids is None:
            raise ValueError("cre_class_ids and tissue_ids are needed")
        if cre_embeds is not None and cre_input_ids is not None:
            raise ValueError("give cre_input_ids or cre_embeds, not both")
        cre_mask, gene_mask = checked_masks(
            _rows_of_tokens("cre", cre_input_ids, cre_attention_mask, or_else=", or cre_embeds")
            if cre_embeds is None
            else (len(cre_embeds), cre_embeds.shape[1]),
            _rows_of_tokens("gene", gene_input_ids, gene_attention_mask),
            cre_class_ids,
            tissue_ids,
            cre_mask=cre_mask,
            gene_mask=gene_mask,
        )
        if cre_embeds is None:
            cres = _encoded(self.cre_encoder, cre_input_ids, cre_attention_mask, cre_mask)
        else:
            cres = self._of_encoder(cre_embeds)
        windows = _encoded(self.gene_encoder, gene_input_ids, gene_attention_mask, gene_mask)
        query = StreamQuery(output_attentions, cre_positions, gene_positions)
        return self._run_streams(cres, windows, cre_class_ids, tissue_ids, cre_mask, gene_mask, query)


def _rows_of_tokens(
    name: str, input_ids: torch.Tensor | None, attention_mask: torch.Tensor | None, or_else: str = ""
) -> tuple[int, int]:
    """(B, R) of (B, R, L) tokens."""
    if input_ids is None or attention_mask is None:
        raise ValueError(f"give {name}_input_ids and {name}_attention_mask{or_else}")
    check_shape(f"{name}_input_ids", input_ids, (*input_ids.shape[:2], input_ids.shape[-1]))
    check_shape(f"{name}_attention_mask", attention_mask, tuple(input_ids.shape))
    return len(input_ids), input_ids.shape[1]


def _encoded(
    encoder: VariantFormerEncoder,
    input_ids: torch.Tensor | None,
    attention_mask: torch.Tensor | None,
    presence: torch.Tensor | None,
) -> torch.Tensor:
    """(B, R, L) tokens -> (B, R, E); absent rows are not encoded, and are zeros.

    People of one gene mostly have the same rows: of several genes each row is encoded once, where no dropout makes them
    differ.
    """
    assert input_ids is not None and attention_mask is not None
    present = torch.ones_like(input_ids[..., 0], dtype=torch.bool) if presence is None else presence
    ids, mask = input_ids[present], attention_mask[present]
    if len(input_ids) > 1 and not encoder.drops_out:
        rows, place = torch.unique(torch.cat([ids, mask.to(ids.dtype)], dim=1), dim=0, return_inverse=True)
        ids, mask = rows.split(ids.shape[1], dim=1)
        found = encoder(ids, mask, return_dict=True).pooler_output[place]
    else:
        found = encoder(ids, mask, return_dict=True).pooler_output
    if presence is None:
        return found.unflatten(0, input_ids.shape[:2])
    return found.new_zeros(*presence.shape, found.shape[-1]).masked_scatter(presence[..., None], found)


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
        check_shape("labels", labels, tuple(logits.shape))
        known = ~labels.isnan()
        targets = torch.where(known, labels, torch.zeros_like(labels)).to(logits.dtype)
        if self.config.loss_function == "poisson_nll":
            losses = F.poisson_nll_loss(logits, targets, log_input=False, full=True, reduction="none")
        else:
            losses = F.mse_loss(logits, targets, reduction="none")
        return torch.where(known, losses, torch.zeros_like(losses)).sum() / known.sum().clamp(min=1)

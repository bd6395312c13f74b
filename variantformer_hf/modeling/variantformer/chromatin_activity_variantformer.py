"""Stage 1: both strands of a cCRE -> its activity in a tissue, by the encoder that stage 2 begins with."""

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import nn
from torch.nn import functional as F
from transformers import initialization as init
from transformers.utils import ModelOutput
from transformers.utils.generic import can_return_tuple

from .configuration_variantformer import VariantFormerEncoderConfig
from .encoder_variantformer import VariantFormerEncoder
from .pretrained_variantformer import VariantFormerPreTrainedModel

# Logarithm of what the contrastive loss multiplies similarities with, at first: CLIP's.
FIRST_LOGIT_SCALE = math.log(1 / 0.07)


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


class VariantFormerForChromatinActivity(VariantFormerPreTrainedModel):
    """Stage 1: is this cCRE active in this tissue?

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
        self.logit_scale = nn.Parameter(torch.tensor(FIRST_LOGIT_SCALE)) if config.use_temperature else None
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, VariantFormerForChromatinActivity) and module.logit_scale is not None:
            init.constant_(module.logit_scale, FIRST_LOGIT_SCALE)

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
        """Classify cCREs.

        Args:
            input_ids, attention_mask: (B, 2, L), forward strand and reverse complement.
            tissue_ids: (B,), the tissue of each cCRE.
            labels: (B,), class, or signal with ``loss_function="mse"``; None = no loss.
            context_ids: (B,), class of the cCRE, for encoders with ``use_context``.
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
        if not self.config.use_contrastive_loss or len(labels) == 1:  # one cCRE has no other to be told from
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
        if self.config.loss_function == "mse":
            losses = F.mse_loss(logits[:, 0], labels.float(), reduction="none")
            return losses.sum() if self.config.loss_reduction == "sum" else losses.mean()
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

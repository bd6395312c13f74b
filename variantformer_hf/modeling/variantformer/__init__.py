"""VariantFormer: configurations, models, processor."""

from .attention_backends_variantformer import choose_attention
from .configuration_variantformer import (
    VariantFormerConfig,
    VariantFormerEncoderConfig,
    config_digest,
    record_written,
)
from .modeling_variantformer import (
    CreContexts,
    VariantFormerEncoder,
    VariantFormerForChromatinActivity,
    VariantFormerForExpression,
    VariantFormerModel,
)
from .processing_variantformer import VariantFormerProcessor

__all__ = [
    "CreContexts",
    "VariantFormerConfig",
    "VariantFormerEncoder",
    "VariantFormerEncoderConfig",
    "VariantFormerForChromatinActivity",
    "VariantFormerForExpression",
    "VariantFormerModel",
    "VariantFormerProcessor",
    "choose_attention",
    "config_digest",
    "record_written",
]

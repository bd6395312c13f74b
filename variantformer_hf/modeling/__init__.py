"""Models; importing this module registers them with the Auto classes of transformers."""

from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoProcessor, AutoTokenizer

from ..tokenization import DnaTokenizer
from .enformer import EnformerConfig, EnformerForTracks, EnformerModel
from .variantformer import (
    CreContexts,
    VariantFormerConfig,
    VariantFormerEncoder,
    VariantFormerEncoderConfig,
    VariantFormerForChromatinActivity,
    VariantFormerForExpression,
    VariantFormerModel,
    VariantFormerProcessor,
    choose_attention,
    config_digest,
    record_written,
)

__all__ = [
    "CreContexts",
    "EnformerConfig",
    "EnformerForTracks",
    "EnformerModel",
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

for _config, _model in (
    (VariantFormerEncoderConfig, VariantFormerEncoder),
    (VariantFormerConfig, VariantFormerForExpression),
):
    AutoConfig.register(_config.model_type, _config, exist_ok=True)
    AutoModel.register(_config, _model, exist_ok=True)
    AutoTokenizer.register(_config, tokenizer_class=DnaTokenizer, exist_ok=True)
    AutoProcessor.register(_config, VariantFormerProcessor, exist_ok=True)
AutoModelForSequenceClassification.register(
    VariantFormerEncoderConfig, VariantFormerForChromatinActivity, exist_ok=True
)
# Of a folder of a trunk with heads AutoModel gives the trunk.
AutoConfig.register(EnformerConfig.model_type, EnformerConfig, exist_ok=True)
AutoModel.register(EnformerConfig, EnformerModel, exist_ok=True)

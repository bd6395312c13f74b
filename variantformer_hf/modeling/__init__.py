"""Models; importing this module registers them with the Auto classes of transformers."""

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoProcessor,
    AutoTokenizer,
    PreTrainedTokenizerFast,
)

from ..tokenization import DnaTokenizer
from .borzoi import BorzoiConfig, BorzoiForTracks, BorzoiModel
from .dosage import (
    ForestDosageConfig,
    ForestDosageForExpression,
    LinearDosageConfig,
    LinearDosageForExpression,
)
from .embedding import (
    EmbeddingHeadsConfig,
    EmbeddingHeadsForExpression,
    EmbeddingNetConfig,
    EmbeddingNetForExpression,
)
from .enformer import EnformerConfig, EnformerForTracks, EnformerModel
from .epinformer import EPInformerConfig, EPInformerModel, EPInformerProcessor
from .ukbiobert import UkBioBertConfig, UkBioBertForMaskedLM, UkBioBertModel
from .ukbioformer import UkBioFormerConfig, UkBioFormerForExpression, UkBioFormerProcessor
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
from .variformer import VariformerConfig, VariformerForExpression, VariformerProcessor

__all__ = [
    "BorzoiConfig",
    "BorzoiForTracks",
    "BorzoiModel",
    "CreContexts",
    "EPInformerConfig",
    "EPInformerModel",
    "EPInformerProcessor",
    "EmbeddingHeadsConfig",
    "EmbeddingHeadsForExpression",
    "EmbeddingNetConfig",
    "EmbeddingNetForExpression",
    "EnformerConfig",
    "EnformerForTracks",
    "EnformerModel",
    "ForestDosageConfig",
    "ForestDosageForExpression",
    "LinearDosageConfig",
    "LinearDosageForExpression",
    "UkBioBertConfig",
    "UkBioBertForMaskedLM",
    "UkBioBertModel",
    "UkBioFormerConfig",
    "UkBioFormerForExpression",
    "UkBioFormerProcessor",
    "VariantFormerConfig",
    "VariantFormerEncoder",
    "VariantFormerEncoderConfig",
    "VariantFormerForChromatinActivity",
    "VariantFormerForExpression",
    "VariantFormerModel",
    "VariantFormerProcessor",
    "VariformerConfig",
    "VariformerForExpression",
    "VariformerProcessor",
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
for _trunk_config, _trunk in (
    (EnformerConfig, EnformerModel),
    (BorzoiConfig, BorzoiModel),
    (LinearDosageConfig, LinearDosageForExpression),
    (ForestDosageConfig, ForestDosageForExpression),
    (EmbeddingHeadsConfig, EmbeddingHeadsForExpression),
    (EmbeddingNetConfig, EmbeddingNetForExpression),
    (EPInformerConfig, EPInformerModel),
    (UkBioBertConfig, UkBioBertModel),
    (UkBioFormerConfig, UkBioFormerForExpression),
    (VariformerConfig, VariformerForExpression),
):
    AutoConfig.register(_trunk_config.model_type, _trunk_config, exist_ok=True)
    AutoModel.register(_trunk_config, _trunk, exist_ok=True)
AutoProcessor.register(EPInformerConfig, EPInformerProcessor, exist_ok=True)
AutoProcessor.register(UkBioFormerConfig, UkBioFormerProcessor, exist_ok=True)
AutoProcessor.register(VariformerConfig, VariformerProcessor, exist_ok=True)
AutoTokenizer.register(UkBioBertConfig, tokenizer_class=PreTrainedTokenizerFast, exist_ok=True)
AutoModelForMaskedLM.register(UkBioBertConfig, UkBioBertForMaskedLM, exist_ok=True)

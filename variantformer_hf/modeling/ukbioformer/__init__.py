"""UKBioFormer and UKBioZoi: configuration, processor, and the network of both."""

from .configuration_ukbioformer import UkBioFormerConfig
from .modeling_ukbioformer import UkBioFormerForExpression, UkBioFormerOutput
from .processing_ukbioformer import UkBioFormerProcessor

__all__ = ["UkBioFormerConfig", "UkBioFormerForExpression", "UkBioFormerOutput", "UkBioFormerProcessor"]

"""UKBioFormer and UKBioZoi: configuration, and the network of both."""

from .configuration_ukbioformer import UkBioFormerConfig
from .modeling_ukbioformer import UkBioFormerForExpression, UkBioFormerOutput

__all__ = ["UkBioFormerConfig", "UkBioFormerForExpression", "UkBioFormerOutput"]

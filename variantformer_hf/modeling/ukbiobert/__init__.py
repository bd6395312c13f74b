"""UKBioBERT: configuration, encoder, encoder with the head of masked tokens."""

from .configuration_ukbiobert import UkBioBertConfig
from .modeling_ukbiobert import UkBioBertForMaskedLM, UkBioBertModel

__all__ = ["UkBioBertConfig", "UkBioBertForMaskedLM", "UkBioBertModel"]

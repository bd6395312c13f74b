"""Variformer: configuration, network, loss and processor."""

from .configuration_variformer import VariformerConfig
from .loss_variformer import pairwise_difference_loss
from .modeling_variformer import VariformerForExpression, VariformerOutput
from .processing_variformer import VariformerProcessor

__all__ = [
    "VariformerConfig",
    "VariformerForExpression",
    "VariformerOutput",
    "VariformerProcessor",
    "pairwise_difference_loss",
]

"""Variformer: configuration, network, loss and processor."""

from .configuration_variformer import VariformerConfig
from .loss_variformer import pairwise_difference_loss
from .modeling_variformer import VariformerForExpression, VariformerOutput

__all__ = [
    "VariformerConfig",
    "VariformerForExpression",
    "VariformerOutput",
    "pairwise_difference_loss",
]

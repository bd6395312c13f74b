"""EPInformer: configuration, processor, and a promoter with its elements -> expression."""

from .configuration_epinformer import ELEMENT_FEATURES, GENE_FEATURES, EPInformerConfig
from .modeling_epinformer import EPInformerModel, EPInformerOutput
from .processing_epinformer import EPInformerProcessor

__all__ = [
    "ELEMENT_FEATURES",
    "GENE_FEATURES",
    "EPInformerConfig",
    "EPInformerModel",
    "EPInformerOutput",
    "EPInformerProcessor",
]

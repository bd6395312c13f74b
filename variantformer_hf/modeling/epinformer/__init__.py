"""EPInformer: configuration, and a promoter with its elements -> expression."""

from .configuration_epinformer import ELEMENT_FEATURES, GENE_FEATURES, EPInformerConfig
from .modeling_epinformer import EPInformerModel, EPInformerOutput

__all__ = ["ELEMENT_FEATURES", "GENE_FEATURES", "EPInformerConfig", "EPInformerModel", "EPInformerOutput"]

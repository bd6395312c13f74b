"""Models of vectors that other networks make of people's genes: configuration and networks."""

from .configuration_embedding import EmbeddingHeadsConfig, EmbeddingNetConfig
from .modeling_embedding import EmbeddingHeadsForExpression, EmbeddingNetForExpression, EmbeddingOutput

__all__ = [
    "EmbeddingHeadsConfig",
    "EmbeddingHeadsForExpression",
    "EmbeddingNetConfig",
    "EmbeddingNetForExpression",
    "EmbeddingOutput",
]

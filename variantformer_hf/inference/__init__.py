"""From a person and a gene to predicted expression."""

from typing import TYPE_CHECKING

from ..lazy_names import lazy_names

_MODULE_OF_NAME = {
    "ExpressionPredictor": ".predictor",
    "PredictionDataset": ".dataset",
    "EmbeddingStore": ".embedding_store",
    "PredictionResult": ".prediction",
    "RejectedQueryError": ".query",
    "TissueNames": "..zoo.outputs",
}

__all__ = [
    "EmbeddingStore",
    "ExpressionPredictor",
    "PredictionDataset",
    "PredictionResult",
    "RejectedQueryError",
    "TissueNames",
]

if TYPE_CHECKING:
    from ..zoo.outputs import TissueNames
    from .dataset import PredictionDataset
    from .embedding_store import EmbeddingStore
    from .prediction import PredictionResult
    from .predictor import ExpressionPredictor
    from .query import RejectedQueryError


__getattr__ = lazy_names(__name__, _MODULE_OF_NAME)

"""From a person and a gene to predicted expression."""

import importlib
from typing import TYPE_CHECKING, Any

_MODULE_OF_NAME = {
    "ExpressionPredictor": ".predictor",
    "PredictionResult": ".predictor",
    "RejectedQueryError": ".query",
    "TissueNames": ".tissues",
}

__all__ = ["ExpressionPredictor", "PredictionResult", "RejectedQueryError", "TissueNames"]

if TYPE_CHECKING:
    from .predictor import ExpressionPredictor, PredictionResult
    from .query import RejectedQueryError
    from .tissues import TissueNames


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF_NAME[name], __name__), name)
    globals()[name] = value
    return value

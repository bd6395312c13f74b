"""How good predictions are: numbers as the papers define them."""

import importlib
from typing import TYPE_CHECKING, Any

_MODULE_OF_NAME = {
    "ActivityClassification": ".metrics",
    "Correlations": ".correlations",
    "GeneCorrelation": ".metrics",
    "SubjectCorrelation": ".metrics",
    "activity_scores": ".classification",
    "gene_correlation": ".correlations",
    "row_correlations": ".correlations",
    "subject_correlation": ".correlations",
}

__all__ = [
    "ActivityClassification",
    "Correlations",
    "GeneCorrelation",
    "SubjectCorrelation",
    "activity_scores",
    "gene_correlation",
    "row_correlations",
    "subject_correlation",
]

if TYPE_CHECKING:
    from .classification import activity_scores
    from .correlations import Correlations, gene_correlation, row_correlations, subject_correlation
    from .metrics import ActivityClassification, GeneCorrelation, SubjectCorrelation


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF_NAME[name], __name__), name)
    globals()[name] = value
    return value

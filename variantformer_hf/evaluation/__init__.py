"""How good predictions are: numbers as the papers define them."""

from typing import TYPE_CHECKING

from ..lazy_names import lazy_names

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


__getattr__ = lazy_names(__name__, _MODULE_OF_NAME)

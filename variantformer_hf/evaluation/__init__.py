"""How good predictions are: numbers as the papers define them."""

from typing import TYPE_CHECKING

from ..lazy_names import lazy_names

_MODULE_OF_NAME = {
    "ActivityClassification": ".metrics",
    "Correlations": ".correlations",
    "EvaluationOptions": ".results",
    "EvaluationResults": ".results",
    "GeneCorrelation": ".metrics",
    "PairedExpression": ".paired",
    "SubjectCorrelation": ".metrics",
    "activity_scores": ".classification",
    "evaluate_predictions": ".predictions",
    "gene_correlation": ".correlations",
    "row_correlations": ".correlations",
    "subject_correlation": ".correlations",
}

__all__ = [
    "ActivityClassification",
    "Correlations",
    "EvaluationOptions",
    "EvaluationResults",
    "GeneCorrelation",
    "PairedExpression",
    "SubjectCorrelation",
    "activity_scores",
    "evaluate_predictions",
    "gene_correlation",
    "row_correlations",
    "subject_correlation",
]

if TYPE_CHECKING:
    from .classification import activity_scores
    from .correlations import Correlations, gene_correlation, row_correlations, subject_correlation
    from .metrics import ActivityClassification, GeneCorrelation, SubjectCorrelation
    from .paired import PairedExpression
    from .predictions import evaluate_predictions
    from .results import EvaluationOptions, EvaluationResults


__getattr__ = lazy_names(__name__, _MODULE_OF_NAME)

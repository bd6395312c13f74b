"""The same numbers as metrics of the ``evaluate`` library; they load without a network.

``GeneCorrelation().compute(predictions=..., references=..., genes=..., samples=...)``, tidy values in any order; or
``add_batch`` as batches come, and ``compute()`` at the end.
"""

from typing import Any

import datasets
import evaluate

from .classification import activity_scores
from .correlations import as_matrix, gene_correlation, subject_correlation

_CITATION = "VariantFormer, section 6.1.2"


def _described(metric: evaluate.Metric, inputs: str, **features: str) -> evaluate.MetricInfo:
    """What ``evaluate`` wants to know of a metric, its features by their type."""
    return evaluate.MetricInfo(
        description=str(type(metric).__doc__),
        citation=_CITATION,
        inputs_description=inputs,
        features=datasets.Features({name: datasets.Value(kind) for name, kind in features.items()}),
    )


class _ExpressionCorrelation(evaluate.Metric):
    """Correlation of predicted and observed log1p TPM."""

    def _info(self) -> evaluate.MetricInfo:
        inputs = "predictions, references: log1p TPM; genes, samples (a donor's tissue): names"
        return _described(self, inputs, predictions="float32", references="float32", genes="string", samples="string")

    def _compute(
        self, predictions: list[float], references: list[float], genes: list[str], samples: list[str], **options: Any
    ) -> dict[str, float]:
        observed, *_ = as_matrix(genes, samples, references)
        predicted, *_ = as_matrix(genes, samples, predictions)
        return self._found(observed, predicted).summary(**options)

    def _found(self, observed: Any, predicted: Any) -> Any:
        raise NotImplementedError


class GeneCorrelation(_ExpressionCorrelation):
    """Spearman's correlation over samples, gene by gene; mean over genes, with Pearson and R2."""

    def _found(self, observed: Any, predicted: Any) -> Any:
        return gene_correlation(observed, predicted)


class SubjectCorrelation(_ExpressionCorrelation):
    """Spearman's correlation over genes, sample by sample; mean over samples, with Pearson and R2."""

    def _found(self, observed: Any, predicted: Any) -> Any:
        return subject_correlation(observed, predicted)


class ActivityClassification(evaluate.Metric):
    """F1, AUROC and AUPRC of active cCREs, tissue by tissue."""

    def _info(self) -> evaluate.MetricInfo:
        inputs = "predictions: probability of being active; references: 0 or 1; tissues: names"
        return _described(self, inputs, predictions="float32", references="int32", tissues="string")

    def _compute(self, predictions: list[float], references: list[int], tissues: list[str]) -> dict[str, Any]:
        import numpy as np

        return activity_scores(np.asarray(references), np.asarray(predictions), tissues)

"""Metrics: against scipy and scikit-learn, row by row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import r2_score, roc_auc_score

from variantformer_hf.evaluation import (
    ActivityClassification,
    GeneCorrelation,
    SubjectCorrelation,
    activity_scores,
    gene_correlation,
    row_correlations,
    subject_correlation,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=0))
def test_rows_equal_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 8)), int(rng.integers(1, 15)))
    observed = rng.choice([0.0, 1.0, 2.5, *rng.normal(size=6)], size=shape)
    predicted = rng.choice([0.0, 1.0, *rng.normal(size=6)], size=shape)
    observed[rng.random(shape) < 0.2] = np.nan
    predicted[rng.random(shape) < 0.1] = np.nan
    found = row_correlations(observed, predicted)
    n_constant = 0
    for row in range(shape[0]):
        there = ~(np.isnan(observed[row]) | np.isnan(predicted[row]))
        left, right = observed[row][there], predicted[row][there]
        assert found.n[row] == len(left)
        constant = len(left) and np.ptp(right) == 0
        if len(left) < 3 or np.ptp(left) == 0 or constant:
            assert np.isnan(found.spearman[row])
            assert np.isnan(found.pearson[row])
            n_constant += len(left) >= 3 and np.ptp(left) > 0 and constant
        else:
            assert found.spearman[row] == pytest.approx(stats.spearmanr(left, right).statistic, abs=1e-9)
            assert found.pearson[row] == pytest.approx(stats.pearsonr(left, right).statistic, abs=1e-9)
        if len(left) >= 3 and np.ptp(left) > 0:
            assert found.r2[row] == pytest.approx(r2_score(left, right), abs=1e-9)
    assert found.n_constant == n_constant


def test_over_donors_genes_that_have_no_number_are_counted() -> None:
    rng = np.random.default_rng(2)
    observed, predicted = rng.normal(size=(5, 9)), rng.normal(size=(5, 9))
    predicted[1] = 0.5  # constant: R2 below 0, and no r
    observed[2] = 1.0  # constant: neither
    observed[3, 2:] = np.nan  # two values: neither
    found = gene_correlation(observed, predicted).across_donors()
    r = [stats.pearsonr(observed[row], predicted[row]).statistic for row in (0, 4)]
    r2 = [r2_score(observed[row], predicted[row]) for row in (0, 1, 4)]
    wanted = {"pearson": np.mean(r), "r2": np.mean(r2), "genes": 2, "genes_without_r": 3, "genes_without_r2": 2}
    assert found == pytest.approx(wanted)
    none = gene_correlation(observed[2:3], predicted[2:3]).across_donors()
    assert np.isnan(none["pearson"])
    assert (none["genes"], none["genes_without_r"]) == (0, 1)


def test_genes_and_subjects_are_rows_and_columns() -> None:
    rng = np.random.default_rng(1)
    observed, predicted = rng.normal(size=(6, 9)), rng.normal(size=(6, 9))
    genes, subjects = gene_correlation(observed, predicted), subject_correlation(observed, predicted)
    assert genes.spearman[2] == pytest.approx(stats.spearmanr(observed[2], predicted[2]).statistic)
    assert subjects.spearman[3] == pytest.approx(stats.spearmanr(observed[:, 3], predicted[:, 3]).statistic)
    summary = genes.summary()
    mean, half = genes.spearman.mean(), 1.959964 * stats.sem(genes.spearman)
    assert summary["spearman"] == pytest.approx(mean)
    assert (summary["spearman_low"], summary["spearman_high"]) == pytest.approx((mean - half, mean + half))
    assert summary["rows"] == 6


def test_constant_predictions_are_counted_and_may_count_as_zero() -> None:
    observed = np.array([[1.0, 2, 3, 4], [1, 2, 3, 4], [5, 5, 5, 5]])
    predicted = np.array([[1.0, 2, 3, 4], [7, 7, 7, 7], [1, 2, 3, 4]])
    found = row_correlations(observed, predicted)
    assert found.summary()["spearman"] == 1
    assert found.summary(constant_as_zero=True)["spearman"] == 0.5
    assert found.summary()["rows_constant"] == 1
    with pytest.raises(ValueError, match="observed is"):
        row_correlations(observed, predicted[:2])


def test_metrics_of_the_evaluate_library_in_any_order_and_in_batches() -> None:
    rng = np.random.default_rng(2)
    observed, predicted = rng.normal(size=(5, 7)), rng.normal(size=(5, 7))
    rows, columns = np.meshgrid(range(5), range(7), indexing="ij")
    order = rng.permutation(35)
    tidy = {
        "predictions": predicted.ravel()[order].tolist(),
        "references": observed.ravel()[order].tolist(),
        "genes": [f"G{row}" for row in rows.ravel()[order]],
        "samples": [f"S{column}" for column in columns.ravel()[order]],
    }
    expected = gene_correlation(observed.astype(np.float32), predicted.astype(np.float32)).summary()
    assert GeneCorrelation().compute(**tidy)["spearman"] == pytest.approx(expected["spearman"])
    batched = SubjectCorrelation()
    for first in range(0, 35, 10):
        batched.add_batch(**{name: values[first : first + 10] for name, values in tidy.items()})
    expected = subject_correlation(observed, predicted).summary()
    assert batched.compute()["spearman"] == pytest.approx(expected["spearman"], abs=1e-6)
    with pytest.raises(ValueError, match="twice"):
        GeneCorrelation().compute(predictions=[1, 2], references=[1, 2], genes=["G", "G"], samples=["S", "S"])


def test_activity_by_tissue() -> None:
    rng = np.random.default_rng(3)
    labels, scores = rng.integers(0, 2, 60), rng.random(60)
    tissues = np.array(["liver"] * 30 + ["lung"] * 20 + ["skin"] * 10, dtype=object)
    labels[50:] = 1
    found = activity_scores(labels, scores, tissues)
    assert found["liver"]["auroc"] == pytest.approx(roc_auc_score(labels[:30], scores[:30]))
    true = ((scores[:30] >= 0.5) & (labels[:30] == 1)).sum()
    assert found["liver"]["f1"] == pytest.approx(2 * true / ((scores[:30] >= 0.5).sum() + labels[:30].sum()))
    assert np.isnan(found["skin"]["auroc"])
    assert found["mean"]["auroc"] == pytest.approx((found["liver"]["auroc"] + found["lung"]["auroc"]) / 2)
    metric = ActivityClassification().compute(
        predictions=scores.tolist(), references=labels.tolist(), tissues=tissues.tolist()
    )
    assert metric["lung"]["f1"] == pytest.approx(found["lung"]["f1"])

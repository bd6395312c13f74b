"""The grid of forests: each combination is scikit-learn's forest, and the best is found."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from variantformer_hf.applications.risk.forest_grid import CrossValidated, Grid, best_of, cross_validate, fit_forest
from variantformer_hf.applications.risk.forests import predict_forest
from variantformer_hf.errors import InputError

GRID = Grid(trees=(12, 3), depths=(9, 2, 4), folds=4, seed=5)


@pytest.fixture(scope="module")
def cohort() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = (rng.random(90) < 0.4).astype(int)
    features = rng.normal(size=(90, 20))
    features[:, 3] += labels
    return features.astype(np.float32), labels


def test_each_combination_is_a_forest_of_its_own_fit(cohort: tuple[np.ndarray, np.ndarray]) -> None:
    features, labels = cohort
    found = cross_validate(features, labels, GRID)
    assert [(each.trees, each.depth) for each in found] == [(3, 2), (3, 4), (3, 9), (12, 2), (12, 4), (12, 9)]
    splits = list(StratifiedKFold(4, shuffle=True, random_state=5).split(features, labels))
    for each in found:
        scores = []
        for train, left_out in splits:
            forest = RandomForestClassifier(each.trees, max_depth=each.depth, random_state=5)
            expected = forest.fit(features[train], labels[train]).predict_proba(features[left_out])[:, 1]
            np.testing.assert_allclose(each.probabilities[left_out], expected, atol=1e-12)
            truth = labels[left_out]
            scores.append((roc_auc_score(truth, expected), average_precision_score(truth, expected)))
        assert [each.auroc, each.auprc] == pytest.approx(np.mean(scores, axis=0).tolist())


def test_threads_change_nothing(cohort: tuple[np.ndarray, np.ndarray]) -> None:
    one, two = (cross_validate(*cohort, GRID, threads=threads) for threads in (1, 2))
    for left, right in zip(one, two, strict=True):
        np.testing.assert_array_equal(left.probabilities, right.probabilities)


def test_the_forest_of_all_is_the_one_of_scikit_learn(cohort: tuple[np.ndarray, np.ndarray]) -> None:
    features, labels = cohort
    arrays = fit_forest(features, labels, trees=12, depth=4, seed=5)
    expected = RandomForestClassifier(12, max_depth=4, random_state=5).fit(features, labels).predict_proba(features)
    np.testing.assert_allclose(predict_forest(arrays, features), expected[:, 1], atol=1e-6)


def test_the_best_is_the_smallest_of_the_highest() -> None:
    nobody = np.zeros(0)
    found = [CrossValidated(*each, nobody) for each in [(10, 2, 0.6, 0.9), (10, 4, 0.7, 0.1), (20, 2, 0.7, 0.9)]]
    assert best_of(found, "auroc") is found[1]
    assert best_of(found, "auprc") is found[0]


def test_folds_have_both_classes() -> None:
    labels = np.array([1] * 4 + [0] * 20)
    assert (Grid(folds=10).folds_for(labels), Grid(folds=3).folds_for(labels)) == (4, 3)
    with pytest.raises(InputError, match="there are 2 cases and 20 controls to train on"):
        Grid().folds_for(labels[2:])


def test_what_is_no_grid() -> None:
    for options in ({"trees": ()}, {"depths": (0, 3)}, {"folds": 2}):
        with pytest.raises(InputError, match="Give"):
            Grid(**options)  # type: ignore[arg-type]

"""AUROC, AUPRC and their nested bootstrap as scikit-learn and a direct loop have them; calibration."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from variantformer_hf.evaluation.calibration import calibration
from variantformer_hf.evaluation.ranking_scores import nested_bootstrap, ranking_scores


def unit(seed: int, n: int = 30, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.4).astype(int)
    labels[:2] = 0, 1
    scores = rng.random(n) * 0.7 + labels * rng.random(n) * 0.3
    return labels, np.round(scores, 1) if ties else scores


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn(seed: int, ties: bool) -> None:
    labels, scores = unit(seed, ties=ties)
    auroc, auprc = ranking_scores(labels, scores)
    assert auroc[0] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert auprc[0] == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    counts = np.random.default_rng(seed).integers(0, 3, (4, len(labels)))
    for row, found_auroc, found_auprc in zip(counts, *ranking_scores(labels, scores, counts), strict=True):
        drawn = np.repeat(np.arange(len(labels)), row)
        assert found_auroc == pytest.approx(roc_auc_score(labels[drawn], scores[drawn]), abs=1e-12)
        assert found_auprc == pytest.approx(average_precision_score(labels[drawn], scores[drawn]), abs=1e-12)


def test_one_class_has_no_score() -> None:
    for label in (0, 1):
        auroc, auprc = ranking_scores(np.full(3, label), np.array([0.1, 0.2, 0.3]))
        assert np.isnan([auroc[0], auprc[0]]).all()


def direct_bootstrap(units: list[tuple[np.ndarray, np.ndarray]], replicates: int, seed: int) -> np.ndarray:
    """As the paper says it, one number at a time: (auprc, auroc) x (low, high)."""
    rng = np.random.default_rng(seed)
    scores = np.empty((2, len(units), replicates))
    for number, (labels, probabilities) in enumerate(units):
        drawn = list(rng.integers(0, len(labels), (replicates, len(labels))))
        while waiting := [place for place, each in enumerate(drawn) if len(set(labels[each])) < 2]:
            again = rng.integers(0, len(labels), (len(waiting), len(labels)))
            for place, each in zip(waiting, again, strict=True):
                drawn[place] = each
        for place, each in enumerate(drawn):
            scores[0, number, place] = average_precision_score(labels[each], probabilities[each])
            scores[1, number, place] = roc_auc_score(labels[each], probabilities[each])
    chosen = rng.integers(0, len(units), (replicates, len(units)))
    means = np.array([[each[chosen[place], place].mean() for place in range(replicates)] for each in scores])
    return np.percentile(means, [2.5, 97.5], axis=1).T


def test_the_bootstrap_is_that_of_a_direct_loop() -> None:
    units = [unit(1), unit(2, 12, ties=True), (np.array([1, 0, 0, 0]), np.array([0.5, 0.6, 0.1, 0.5]))]
    found = nested_bootstrap(units, replicates=25, seed=3)
    expected = direct_bootstrap(units, 25, 3)
    assert [found.auprc.low, found.auprc.high] == pytest.approx(expected[0], abs=1e-12)
    assert [found.auroc.low, found.auroc.high] == pytest.approx(expected[1], abs=1e-12)
    assert found.auprc.mean == pytest.approx(np.mean([average_precision_score(*each) for each in units]))
    assert (found.units, found.replicates) == (3, 25)
    assert found.redrawn > 5  # of the four people of whom one is a case
    assert found == nested_bootstrap(units, replicates=25, seed=3)


def test_blocks_of_replicates_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    units = [unit(1), unit(2)]
    whole = nested_bootstrap(units, replicates=50)
    monkeypatch.setattr("variantformer_hf.evaluation.ranking_scores._BLOCK", 7 * 30)
    assert nested_bootstrap(units, replicates=50) == whole


def test_the_bootstrap_needs_both_classes() -> None:
    for units in ([], [unit(1), (np.ones(3), np.array([0.1, 0.2, 0.3]))]):
        with pytest.raises(ValueError, match="labels of both classes"):
            nested_bootstrap(units)


def test_calibration_is_that_of_scikit_learn() -> None:
    labels, scores = unit(4, 200)
    scores = scores / scores.max()
    found = calibration(labels, scores)
    shares, means = calibration_curve(labels, scores, n_bins=10)
    assert [each["share_of_cases"] for each in found["bins"]] == pytest.approx(shares)
    assert [each["mean_probability"] for each in found["bins"]] == pytest.approx(means)
    assert found["brier"] == pytest.approx(brier_score_loss(labels, scores))
    assert sum(each["n"] for each in found["bins"]) == found["n"] == 200


def test_calibration_by_hand() -> None:
    found = calibration(np.array([0, 1, 1]), np.array([0.0, 1.0, 0.55]))
    assert [(each["lower"], each["n"]) for each in found["bins"]] == [(0.0, 1), (0.5, 1), (0.9, 1)]
    assert found["brier"] == pytest.approx(0.45**2 / 3)
    with pytest.raises(ValueError, match="from 0 to 1"):
        calibration(np.array([0]), np.array([np.nan]))

"""The grid of random forests of one unit: cross-validated, the best one fitted on all donors.

VariantFormer, 6.2.2. The first n trees of a larger forest are the smaller forest, and a tree that ends before a depth
is the tree of that depth: all forests of the grid are scikit-learn's, and few of their trees are fitted twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ...errors import InputError
from ...evaluation.ranking_scores import ranking_scores
from .forests import packed_forest

RankBy = Literal["auroc", "auprc"]
LEAST_FOLDS = 3


@dataclass(frozen=True, slots=True)
class Grid:
    """What is tried, and how it is compared.

    Attributes:
        trees, depths: numbers of trees, and greatest depths, in all combinations.
        folds: of the stratified cross-validation.
        seed: of folds and forests.
        rank_by: what the best combination, and the best units, have the most of: ``auroc`` or ``auprc``, the mean over
            folds.
    """

    trees: tuple[int, ...] = (100, 500, 1_000)
    depths: tuple[int, ...] = (10, 20, 30)
    folds: int = 10
    seed: int = 0
    rank_by: RankBy = "auroc"

    def __post_init__(self) -> None:
        for name in ("trees", "depths"):
            values = getattr(self, name)
            if not values or min(values) < 1:
                raise InputError(f"{name} are {', '.join(map(str, values))}", remedy="Give numbers above 0.")
        if self.folds < LEAST_FOLDS:
            raise InputError(f"{self.folds} folds", remedy=f"Give {LEAST_FOLDS} or more.")

    def folds_for(self, labels: np.ndarray) -> int:
        """Folds that labels allow: each has a case and a control.

        Raises:
            InputError: under three.
        """
        cases = int(np.sum(labels))
        fewest = min(cases, len(labels) - cases)
        if fewest < LEAST_FOLDS:
            raise InputError(
                f"there are {cases} cases and {len(labels) - cases} controls to train on",
                remedy=f"Cross-validation needs {LEAST_FOLDS} of each.",
            )
        return min(self.folds, fewest)


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """One combination of a grid.

    Attributes:
        trees, depth: the combination.
        auroc, auprc: means over folds.
        probabilities: (donors,) of each donor, by the forest of the fold that leaves the donor out.
    """

    trees: int
    depth: int
    auroc: float
    auprc: float
    probabilities: np.ndarray


def cross_validate(features: np.ndarray, labels: np.ndarray, grid: Grid, *, threads: int = 1) -> list[CrossValidated]:
    """All combinations of a grid, the smaller forest and the lower depth first.

    Args:
        features: (donors, width), no NaN.
        labels: (donors,) 0 or 1.
        grid: the grid; fewer folds where the labels allow no more.
        threads: at a time.

    Raises:
        InputError: fewer than three cases or controls.
    """
    from joblib import Parallel, delayed
    from sklearn.model_selection import StratifiedKFold

    rows = np.ascontiguousarray(features, dtype=np.float32)
    splitter = StratifiedKFold(grid.folds_for(labels), shuffle=True, random_state=grid.seed)
    splits = list(splitter.split(rows, labels))
    found = Parallel(n_jobs=threads, prefer="threads")(
        delayed(_fold)(rows, labels, train, left_out, grid) for train, left_out in splits
    )
    result = []
    for place, (trees, depth) in enumerate(_combinations(grid)):
        probabilities = np.empty(len(rows))
        scores = np.empty((2, len(splits)))
        for number, ((_, left_out), of_fold) in enumerate(zip(splits, found, strict=True)):
            probabilities[left_out] = of_fold[place]
            scores[:, number] = [each[0] for each in ranking_scores(labels[left_out], of_fold[place])]
        auroc, auprc = scores.mean(axis=1)
        result.append(CrossValidated(trees, depth, float(auroc), float(auprc), probabilities))
    return result


def best_of(found: Sequence[CrossValidated], rank_by: RankBy) -> CrossValidated:
    """The combination with the highest score; of equal ones the first, which is the smallest."""
    return max(found, key=lambda each: each.auroc if rank_by == "auroc" else each.auprc)


def fit_forest(
    features: np.ndarray, labels: np.ndarray, *, trees: int, depth: int, seed: int, threads: int = 1
) -> dict[str, np.ndarray]:
    """A forest of all donors as arrays, see :func:`~variantformer_hf.applications.risk.forests.packed_forest`."""
    forest = _fitted(np.ascontiguousarray(features, dtype=np.float32), labels, trees, depth, seed, threads)
    return _packed(forest.estimators_, features.shape[1])


def _packed(trees: Sequence[Any], n_features: int) -> dict[str, np.ndarray]:
    """Trees of scikit-learn as the arrays of a forest."""
    fitted = [each.tree_ for each in trees]
    roots = np.cumsum([0, *(tree.node_count for tree in fitted)])
    shift = np.repeat(roots[:-1], np.diff(roots))
    feature, left, right = (
        np.concatenate([getattr(tree, name) for tree in fitted])
        for name in ("feature", "children_left", "children_right")
    )
    value = np.concatenate([tree.value[:, 0] for tree in fitted])
    return packed_forest(
        {
            "feature": np.where(left < 0, -1, feature),
            "threshold": np.concatenate([tree.threshold for tree in fitted]),
            "left": left + shift,
            "right": right + shift,
            "probability": value[:, 1] / value.sum(axis=1),
            "roots": roots[:-1],
            "n_features": np.array([n_features]),
        }
    )


def _combinations(grid: Grid) -> Iterator[tuple[int, int]]:
    """The smallest first."""
    for trees in sorted(set(grid.trees)):
        for depth in sorted(set(grid.depths)):
            yield trees, depth


def _fold(
    rows: np.ndarray, labels: np.ndarray, train: np.ndarray, left_out: np.ndarray, grid: Grid
) -> list[np.ndarray]:
    """Probabilities of those left out, by each combination."""
    x, y, asked = rows[train], labels[train], rows[left_out]
    forest = _fitted(x, y, max(grid.trees), max(grid.depths), grid.seed, 1)
    samples = forest.estimators_samples_  # drawn anew, all of them, each time they are asked for
    so_far: dict[int, np.ndarray] = {}
    trees = list(forest.estimators_)
    for depth in sorted(set(grid.depths), reverse=True):
        for number, tree in enumerate(trees):
            if tree.get_depth() > depth:
                drawn = np.bincount(samples[number], minlength=len(x)).astype(float)
                trees[number] = _tree_of(forest, number, depth).fit(x, y, sample_weight=drawn, check_input=False)
        each = np.stack([tree.predict_proba(asked, check_input=False)[:, 1] for tree in trees])
        so_far[depth] = np.cumsum(each, axis=0)
    return [so_far[depth][trees_asked - 1] / trees_asked for trees_asked, depth in _combinations(grid)]


def _fitted(x: np.ndarray, y: np.ndarray, trees: int, depth: int, seed: int, threads: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(trees, max_depth=depth, random_state=seed, n_jobs=threads).fit(x, y)


def _tree_of(forest: Any, number: int, depth: int) -> Any:
    """A tree of a forest, unfitted, of another depth."""
    from sklearn.base import clone

    return clone(forest.estimators_[number]).set_params(max_depth=depth)

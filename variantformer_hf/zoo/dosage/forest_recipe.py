"""A random forest on dosages, as VariantFormer's paper holds itself against (S1.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..gene_fits import FITTED, NO_VALUES
from .gene_fit import NO_VARIANTS_LEFT, DosageRecipe, GeneData, GeneFit

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

# Variants that are looked at for a split: a third, and not more than this.
_MOST_TRIED = 300
_LEAST_VALUES = 10
_NODES = ("feature", "threshold", "left", "right", "value")


@dataclass(frozen=True, slots=True)
class ForestRecipe(DosageRecipe):
    """A forest of each gene on its dosages and the tissue, one-hot; or of each gene and tissue on the dosages.

    Attributes:
        radius, anchor, filter, seed: see ``DosageRecipe``.
        trees, depths, least_split: numbers of trees, greatest depths, and fewest values that a node is split of: all
            combinations are compared by their mean squared error over the folds, of donors.
        folds: of the cross-validation.
        per_tissue: fit each tissue apart.
    """

    radius: int = 150_000
    anchor: str = "start"
    trees: tuple[int, ...] = (50, 100)
    depths: tuple[int, ...] = (4, 12)
    least_split: tuple[int, ...] = (2, 20)
    folds: int = 3
    per_tissue: bool = False

    kind: ClassVar[str] = "forest"
    network: ClassVar[str] = "forest"
    of_tpm: ClassVar[bool] = True

    def fit(self, data: GeneData) -> GeneFit:
        """Fit a gene, see ``DosageRecipe``; the arrays of ``conversion.risk_forests``, with ``value`` of leaves.

        ``first`` and ``last`` (T,) say which of the roots are an output's; values of 0 are left out of log1p TPM.
        """
        kept = data.value > 0 if data.is_log1p_tpm else np.ones(len(data.value), dtype=bool)
        outputs = [np.flatnonzero(kept & (data.output == output)) for output in range(data.n_outputs)]
        groups = [[output] for output in range(data.n_outputs)]
        if not self.per_tissue:
            groups = [[output for output in range(data.n_outputs) if len(outputs[output])]]
        trees: list[dict[str, np.ndarray]] = []
        first, last = np.zeros((2, data.n_outputs), dtype=np.int64)
        rows: list[dict[str, Any]] = [
            {"output": output, "status": NO_VALUES, "n_people": len(np.unique(data.person[each]))}
            for output, each in enumerate(outputs)
        ]
        for group in groups:
            values = np.concatenate([outputs[output] for output in group]) if group else np.zeros(0, dtype=np.int64)
            if not len(values):
                continue
            found = self._forest(data, values) if len(data.variants) and len(values) >= _LEAST_VALUES else None
            for output in group:
                if found is None:
                    first[output], last[output] = len(trees), len(trees) + 1
                    trees.append(_leaf(float(data.value[outputs[output]].mean())))
                    rows[output]["status"] = NO_VARIANTS_LEFT if not len(data.variants) else FITTED
                    if len(data.variants):
                        rows[output]["note"] = "too few values"
                else:
                    first[output], last[output] = len(trees), len(trees) + len(found[0])
                    rows[output] |= {"status": FITTED, **found[1]}
            trees += [] if found is None else found[0]
        arrays, used = _joined(trees, len(data.variants))
        arrays |= {"first": first, "last": last, "fitted": last > first}
        return GeneFit(data.variants.chosen(used), arrays, rows, len(data.variants))

    def _forest(self, data: GeneData, values: np.ndarray) -> tuple[list[dict[str, np.ndarray]], dict[str, Any]]:
        """Trees on some values, and what is known of the fit."""
        features = data.dosage[data.person[values]]
        if not self.per_tissue:
            features = np.hstack([features, np.eye(data.n_outputs)[data.output[values]]])
        features, target = features.astype(np.float32), data.value[values]
        errors = self._errors(features, target, data.person[values])
        trees, depth, least = min(errors, key=errors.__getitem__)
        forest = self._fitted(features, target, trees, depth, least)
        found = [_tree(each.tree_) for each in forest.estimators_]
        used = np.unique(np.concatenate([tree["feature"] for tree in found]))
        said = {"trees": trees, "depth": depth, "least_split": least, "cv_mse": errors[trees, depth, least]}
        return found, {**said, "n_variants": int(((used >= 0) & (used < len(data.variants))).sum())}

    def _errors(
        self, features: np.ndarray, target: np.ndarray, person: np.ndarray
    ) -> dict[tuple[int, int, int], float]:
        """Trees, depth and least split -> mean squared error over the folds.

        The first trees of a forest are the forest of so many.
        """
        from sklearn.model_selection import KFold

        people = np.unique(person)
        folds = list(
            KFold(min(self.folds, len(people)), shuffle=True, random_state=self.seed).split(people)
            if len(people) > 1
            else []
        )
        errors: dict[tuple[int, int, int], float] = {}
        for depth in self.depths:
            for least in self.least_split:
                of_folds = []
                for _, test in folds:
                    held = np.isin(person, people[test])
                    forest = self._fitted(features[~held], target[~held], max(self.trees), depth, least)
                    each = np.stack([tree.predict(features[held], check_input=False) for tree in forest.estimators_])
                    away = [each[:n].mean(axis=0) - target[held] for n in self.trees]
                    of_folds.append([float((part**2).mean()) for part in away])
                means = np.mean(of_folds, axis=0) if of_folds else np.zeros(len(self.trees))
                errors.update({(n, depth, least): float(error) for n, error in zip(self.trees, means, strict=True)})
        return errors

    def _fitted(
        self, features: np.ndarray, target: np.ndarray, trees: int, depth: int, least: int
    ) -> "RandomForestRegressor":
        from sklearn.ensemble import RandomForestRegressor

        tried = max(1, min(features.shape[1] // 3, _MOST_TRIED))
        forest = RandomForestRegressor(
            trees, max_depth=depth, min_samples_split=least, max_features=tried, random_state=self.seed
        )
        return forest.fit(features, target)


def _tree(tree: Any) -> dict[str, np.ndarray]:
    """A tree of scikit-learn as arrays of its nodes; rows of float32 with ``x[feature] <= threshold`` go left."""
    is_leaf = tree.children_left < 0
    threshold = tree.threshold.astype(np.float32)
    threshold = np.where(threshold > tree.threshold, np.nextafter(threshold, np.float32(-np.inf)), threshold)
    return {
        "feature": np.where(is_leaf, -1, tree.feature).astype(np.int64),
        "threshold": np.where(is_leaf, 0, threshold).astype(np.float32),
        "left": np.where(is_leaf, -1, tree.children_left).astype(np.int64),
        "right": np.where(is_leaf, -1, tree.children_right).astype(np.int64),
        "value": np.where(is_leaf, tree.value[:, 0, 0], 0).astype(np.float32),
    }


def _leaf(value: float) -> dict[str, np.ndarray]:
    """A tree that says the same of everybody."""
    none = np.array([-1], dtype=np.int64)
    numbers = np.zeros(1, dtype=np.float32)
    return {"feature": none, "threshold": numbers, "left": none, "right": none, "value": numbers + np.float32(value)}


def _joined(trees: Sequence[dict[str, np.ndarray]], n_variants: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Trees one behind the other, whose variants are those that any split reads; and which these are."""
    sizes = [len(tree["feature"]) for tree in trees]
    roots = np.cumsum([0, *sizes])[:-1].astype(np.int64)
    arrays = {name: np.concatenate([tree[name] for tree in trees]) for name in _NODES}
    for name in ("left", "right"):
        offset = np.repeat(roots, sizes)
        arrays[name] = np.where(arrays[name] < 0, -1, arrays[name] + offset)
    feature = arrays["feature"]
    used = np.unique(feature[(feature >= 0) & (feature < n_variants)])
    is_variant = (feature >= 0) & (feature < n_variants)
    renamed = np.where(is_variant, np.searchsorted(used, feature), feature - n_variants + len(used))
    arrays["feature"] = np.where(feature < 0, -1, renamed)
    return {**arrays, "roots": roots}, used


def forest_arrays(each: Sequence[dict[str, np.ndarray]], n_variants: Sequence[int]) -> dict[str, np.ndarray]:
    """The network's tensors of genes' arrays, see ``ForestDosageForExpression``."""
    nodes = np.cumsum([0, *(len(arrays["feature"]) for arrays in each)])[:-1]
    trees = np.cumsum([0, *(len(arrays["roots"]) for arrays in each)])[:-1]

    def joined(name: str, offsets: np.ndarray | None = None) -> np.ndarray:
        parts = [arrays[name] for arrays in each]
        if offsets is not None:
            parts = [np.where(part < 0, -1, part + offset) for part, offset in zip(parts, offsets, strict=True)]
        return np.concatenate(parts)

    return {
        **{name: joined(name) for name in ("feature", "threshold", "value")},
        **{name: joined(name, nodes) for name in ("left", "right", "roots")},
        **{name: joined(name, trees) for name in ("first", "last")},
        "n_variants": np.array(n_variants, dtype=np.int64),
    }

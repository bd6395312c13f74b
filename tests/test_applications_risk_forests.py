"""Random forests as arrays: what scikit-learn says, compiled and by NumPy, of one forest and of all of a gene."""

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from variantformer_hf.applications.risk.forests import GeneForests, packed_forest, predict_forest
from variantformer_hf.compiled import HAS_NUMBA

WIDTH = 12


@pytest.fixture(params=["compiled", "NumPy"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.param == "compiled" and not HAS_NUMBA:
        pytest.skip("numba is not installed (extra `fast`)")
    monkeypatch.setattr("variantformer_hf.compiled.HAS_NUMBA", request.param == "compiled")
    yield


def fitted(seed: int, trees: int = 20, depth: int = 10) -> RandomForestClassifier:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(60, WIDTH)).astype(np.float32)
    return RandomForestClassifier(trees, max_depth=depth, random_state=seed).fit(features, features[:, seed % 5] > 0.3)


def nodes_of(model: RandomForestClassifier) -> dict[str, np.ndarray]:
    trees = [each.tree_ for each in model.estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]

    def joined(field: str) -> np.ndarray:
        return np.concatenate([getattr(tree, field) for tree in trees])

    shift = np.repeat(roots, [tree.node_count for tree in trees])
    return {
        "feature": np.where(joined("children_left") < 0, -1, joined("feature")),
        "threshold": joined("threshold"),
        "left": joined("children_left") + shift,
        "right": joined("children_right") + shift,
        "probability": joined("value")[:, 0, 1],
        "roots": roots,
        "n_features": np.array([model.n_features_in_]),
    }


def rows(n: int, seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, WIDTH)).astype(np.float32)


@pytest.mark.parametrize(("trees", "depth"), [(1, 1), (7, 3), (20, 30)])
def test_a_forest_says_what_scikit_learn_says(trees: int, depth: int) -> None:
    model = fitted(trees, trees, depth)
    arrays = packed_forest(nodes_of(model))
    assert arrays["feature"].dtype == np.int16
    np.testing.assert_allclose(predict_forest(arrays, rows(100)), model.predict_proba(rows(100))[:, 1], atol=1e-12)
    assert predict_forest(arrays, rows(0)).shape == (0,)
    with pytest.raises(ValueError, match="the forest has 12 features, the rows"):
        predict_forest(arrays, rows(3)[:, :5])


def test_a_row_on_a_threshold_goes_left_and_one_above_goes_right() -> None:
    """A threshold between two float32 is kept as the lower of the two."""
    model = fitted(3, 1, 1)
    nodes = nodes_of(model)
    at = np.float32(0.1)
    nodes["threshold"][0] = float(at) + 1e-12
    (column,) = nodes["feature"][nodes["feature"] >= 0]
    below_and_above = np.zeros((2, WIDTH), dtype=np.float32)
    below_and_above[:, column] = [at, np.nextafter(at, np.float32(1))]
    found = predict_forest(packed_forest(nodes), below_and_above)
    left, right = nodes["probability"][[nodes["left"][0], nodes["right"][0]]]
    np.testing.assert_array_equal(found, [left, right])


def test_forests_of_a_gene_say_what_each_says_alone() -> None:
    """Trees that are one leaf, other sizes, other leaves; to the last bit, and in the order asked for."""
    models = {4: fitted(0, 5, 2), 0: fitted(1, 9, 10), 11: fitted(2, 1, 1)}
    forests = {tissue: packed_forest(nodes_of(model)) for tissue, model in models.items()}
    one_leaf = {name: array.copy() for name, array in nodes_of(models[11]).items()}
    one_leaf |= {"feature": np.array([-1]), "threshold": np.zeros(1), "left": np.array([-1]), "right": np.array([-1])}
    forests[7] = packed_forest({**one_leaf, "probability": np.array([0.375]), "roots": np.array([0])})
    gene = GeneForests.of(forests)
    asked = [11, 7, 4]
    features = np.stack([rows(6, seed) for seed in range(3)])
    found = gene.predict(asked, features)
    for tissue, mine, these in zip(asked, found, features, strict=True):
        np.testing.assert_array_equal(mine, predict_forest(forests[tissue], these))
        np.testing.assert_array_equal(mine, predict_forest(gene.forests()[tissue], these))
    assert (found[1] == 0.375).all()


def test_more_features_than_narrow_numbers_hold() -> None:
    arrays = {name: array.copy() for name, array in nodes_of(fitted(0)).items()}
    arrays["feature"][arrays["feature"] == 3] = 39_999
    arrays["n_features"] = np.array([40_000])
    wide = np.zeros((30, 40_000), dtype=np.float32)
    wide[:, :WIDTH] = rows(30)
    wide[:, 39_999] = wide[:, 3]
    packed = packed_forest(arrays)
    assert packed["feature"].dtype == np.int32
    np.testing.assert_array_equal(
        predict_forest(packed, wide), predict_forest(packed_forest(nodes_of(fitted(0))), rows(30))
    )


def test_forests_of_different_widths_are_of_no_one_gene() -> None:
    other = {**nodes_of(fitted(0)), "n_features": np.array([WIDTH + 1])}
    with pytest.raises(ValueError, match="different numbers of features"):
        GeneForests.of({0: packed_forest(nodes_of(fitted(1))), 1: packed_forest(other)})

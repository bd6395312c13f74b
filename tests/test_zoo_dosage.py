"""Models of dosages: what every model passes, and forests as scikit-learn has them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from dosage_case import POSITIONS, constant_case, dosage_case, forest_case, forest_data, forest_model
from gene_model_tests import Case, GeneModelTests

from variantformer_hf.zoo.dosage.forest_recipe import ForestRecipe


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return dosage_case(tmp_path_factory.mktemp("linear"))


@pytest.fixture(scope="module")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return forest_case(tmp_path_factory.mktemp("forest"))


class TestLinear(GeneModelTests):
    """What every model passes."""

    epochs = 30
    learning_rate = 0.1

    @pytest.fixture
    def case(self, linear: Case) -> Case:
        return linear


class TestForest(GeneModelTests):
    """What every model passes; what learns are the values of leaves."""

    epochs = 30
    learning_rate = 0.1

    @pytest.fixture
    def case(self, forest: Case) -> Case:
        return forest


@pytest.fixture(scope="module")
def mean(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return constant_case(tmp_path_factory.mktemp("mean"), "mean")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return constant_case(tmp_path_factory.mktemp("reference"), "reference")


class TestMean(GeneModelTests):
    """What every model passes; what learns are the means."""

    epochs = 30
    learning_rate = 0.1
    is_constant = True

    @pytest.fixture
    def case(self, mean: Case) -> Case:
        return mean


class TestReference(TestMean):
    """What every model passes; what learns is what was said of the reference."""

    @pytest.fixture
    def case(self, reference: Case) -> Case:
        return reference


@pytest.mark.parametrize("per_tissue", [False, True])
def test_stored_forests_predict_what_scikit_learn_does(forest: Case, tmp_path: Path, per_tissue: bool) -> None:
    """The chosen combination, fitted again by scikit-learn alone; also of dosages that are means."""
    from sklearn.ensemble import RandomForestRegressor

    recipe = ForestRecipe(radius=800, trees=(5, 11), depths=(2, 5), least_split=(2, 6), per_tissue=per_tissue)
    model = forest_model(forest.fasta.parent, forest.fasta, recipe)
    rows = np.random.default_rng(0).uniform(0, 2, (40, 4)).astype(np.float32)
    rows[:20] = rows[:20].round()
    fits = model.fits.to_pandas()
    for number, gene in enumerate(POSITIONS):
        data = forest_data(gene, forest.fasta)
        for output in (0, 1):
            here = data.output == output if per_tissue else np.ones(len(data.output), dtype=bool)
            one_hot = np.eye(2)[data.output] if not per_tissue else np.zeros((len(data.output), 0))
            features = np.hstack([data.dosage[data.person], one_hot])[here]
            said = fits.query("gene_name == @gene and tissue == @model.tissue_names.named[@output].name").iloc[0]
            theirs = RandomForestRegressor(
                said["trees"],
                max_depth=said["depth"],
                min_samples_split=said["least_split"],
                max_features=max(1, features.shape[1] // 3),
                random_state=0,
            ).fit(features.astype(np.float32), data.value[here])
            asked = rows[:, : len(POSITIONS[gene])]
            given = np.hstack([asked, np.tile(np.eye(2)[output], (40, 1))[:, : one_hot.shape[1]]]).astype(np.float32)
            kept = np.isin(data.variants.position, model.variants.of(number).position)
            found = model.network(
                dosage=torch.from_numpy(asked[:, kept]),
                gene=torch.full((40,), number),
                outputs=torch.full((40, 1), output),
            ).logits[:, 0]
            np.testing.assert_allclose(found.detach().numpy(), theirs.predict(given), atol=1e-6)

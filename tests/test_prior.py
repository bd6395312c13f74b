"""Fits that start from a prior: never worse than the elastic net by their own folds, and readable as any model."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from baseline_lab import DONORS, PLANTED, POSITIONS, TEST, TISSUES, TRAIN, Lab, write_lab
from command_line import run
from genome_files import record, write_vcf
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from variantformer_hf import ExpressionPredictor
from variantformer_hf.errors import InputError
from variantformer_hf.training.dosage.fitting import fit_dosages
from variantformer_hf.training.dosage.gene_priors import PriorInputs
from variantformer_hf.training.dosage.priors import read_priors
from variantformer_hf.zoo.dosage.elastic_net import ElasticNetOptions, fit_elastic_net
from variantformer_hf.zoo.dosage.fitted_model import fitted_model
from variantformer_hf.zoo.dosage.gene_fit import GeneData, GeneFit, GenePrior
from variantformer_hf.zoo.dosage.gene_model import LinearDosageGeneModel
from variantformer_hf.zoo.dosage.prior_elastic_net import PriorKnowledge, fit_from_prior, nested_predictions
from variantformer_hf.zoo.dosage.prior_recipe import PriorRecipe
from variantformer_hf.zoo.dosage.recipes import recipe_named
from variantformer_hf.zoo.dosage.target_panel import gathered, reweighted, spread
from variantformer_hf.zoo.dosage.variants import GeneVariants

# Few folds and one strength, which are fitted soon; as options of the command line below.
FEW: dict[str, Any] = {"folds": 3, "outer_folds": 2, "strengths": (5.0,)}
FEW_OPTIONS = ("--folds", "3", "--outer-folds", "2", "--strength", "5")
NET = ElasticNetOptions(folds=5)
GENE_IDS = {"UP": "ENSG00000000001", "DOWN": "ENSG00000000002"}


def made(seed: int, n: int = 80, v: int = 120, size: float = 0.6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standardised features, values and true weights: five variants act."""
    rng = np.random.default_rng(seed)
    dosage = rng.binomial(2, rng.uniform(0.1, 0.5, v), (n, v)).astype(float)
    features = (dosage - dosage.mean(axis=0)) / dosage.std(axis=0)
    truth = np.zeros(v)
    truth[rng.choice(v, 5, replace=False)] = size * rng.choice([-1, 1], 5)
    return features, features @ truth + rng.normal(size=n), truth


def knowledge(score: np.ndarray, n: int) -> PriorKnowledge:
    """One score, nothing predicted."""
    return PriorKnowledge(score[None], np.zeros((n, 0)))


def test_a_prior_that_is_of_no_use_leaves_the_plain_elastic_net_to_the_digit() -> None:
    """It speaks for the variants that do nothing."""
    features, values, truth = made(1, size=1.5)
    wrong = (truth == 0).astype(float)
    nothing = PriorKnowledge(wrong[None], np.full((80, 1), 3.0))
    found, plain = fit_from_prior(features, values, nothing, (2.0, 10.0), NET)
    expected = fit_elastic_net(features, values, NET)
    assert found.strength == 0 and not found.stacked.any() and not found.share.any()
    assert found.coef.tobytes() == plain.coef.tobytes() == expected.coef.tobytes()
    assert found.intercept == expected.intercept


def test_the_average_is_of_scikit_learns_nets_by_their_errors() -> None:
    """One on the columns as they are, one on scaled ones, two beyond what a prior predicts, two of that alone."""
    from sklearn.linear_model import ElasticNet, ElasticNetCV
    from sklearn.model_selection import KFold

    features, values, truth = made(2)
    score = (np.abs(truth) > 0).astype(float)
    predicted = features @ (0.6 * truth) + np.random.default_rng(5).normal(0, 0.3, 80)
    told = PriorKnowledge(score[None], predicted[:, None])
    found, plain = fit_from_prior(features, values, told, (4.0,), replace(NET, patience=None))
    folds = list(KFold(5, shuffle=True, random_state=0).split(features))

    def slope(some: np.ndarray) -> float:
        return float(np.polyfit(predicted[some], values[some], 1)[0])

    errors, coefs, offsets = [], [], []
    for scale, offset in ((0.0, 0.0), (4.0, 0.0), (4.0, 1.0), (4.0, slope(np.arange(80)))):
        belief, left = 1 + scale * score, values - offset * predicted
        net = ElasticNetCV(l1_ratio=0.5, alphas=100, eps=0.01, cv=folds, max_iter=5_000)
        net.fit(features * belief, left)
        coefs.append(net.coef_ * belief)
        offsets.append(offset)
        if offset in (0.0, 1.0):
            errors.append(net.mse_path_.mean(axis=-1).min())
            continue
        away = []
        for train, test in folds:
            without = ElasticNet(alpha=net.alpha_, l1_ratio=0.5, max_iter=5_000)
            without.fit((features * belief)[train], left[train])
            away_here = left[test] - without.predict((features * belief)[test])
            own = (offset - slope(train)) * (predicted[test] - predicted[train].mean())
            away.append(np.square(away_here + own).mean())
        errors.append(np.mean(away))
    for whole, of_fold in ((1.0, lambda _: 1.0), (slope(np.arange(80)), slope)):
        away = []
        for train, test in folds:
            level = values[train].mean() + of_fold(train) * (predicted[test] - predicted[train].mean())
            away.append(np.square(values[test] - level).mean())
        errors.append(np.mean(away))
        coefs.append(np.zeros_like(truth))
        offsets.append(whole)
    weight = (np.array(errors) / min(errors)) ** (-80 / 8)
    weight[weight < 1e-3 * weight.sum()] = 0
    weight /= weight.sum()
    np.testing.assert_allclose(found.coef, weight @ np.array(coefs), atol=1e-4)
    assert found.strength == pytest.approx(4 * weight[1:4].sum(), abs=1e-4)
    assert found.share == pytest.approx([weight[1:].sum(), 0], abs=1e-4)
    assert found.stacked == pytest.approx([weight @ offsets], abs=1e-4)
    assert plain.alpha == pytest.approx(fit_elastic_net(features, values, replace(NET, patience=None)).alpha)


def test_a_prior_of_the_truth_makes_fits_of_few_people_better() -> None:
    """The weights of made genes lie a quarter nearer to the true ones, by squares."""
    with_prior, without = 0.0, 0.0
    for seed in range(8):
        features, values, truth = made(seed, n=60, size=0.4)
        noisy = np.abs(truth) + 0.05 * np.abs(np.random.default_rng(seed).normal(size=len(truth)))
        found, plain = fit_from_prior(features, values, knowledge(noisy / noisy.max(), 60), (2.0, 10.0), NET)
        with_prior += float(np.square(found.coef - truth).sum())
        without += float(np.square(plain.coef - truth).sum())
    assert with_prior < 0.75 * without


def test_of_several_priors_the_one_of_use_is_taken() -> None:
    features, values, truth = made(3)
    right, wrong = (truth != 0).astype(float), (truth == 0).astype(float)
    both = PriorKnowledge(np.stack([wrong, right]), np.zeros((80, 0)))
    found, _ = fit_from_prior(features, values, both, (5.0,), NET)
    assert found.share.argmax() == 1 and found.share[1] > 5 * found.share[0]
    assert found.belief[truth != 0].min() > found.belief[truth == 0].max() + 2


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1_000), st.floats(0, 2))
def test_what_is_stacked_is_no_worse_over_the_folds_and_never_negative(seed: int, size: float) -> None:
    features, values, _ = made(seed, n=50, v=20)
    rng = np.random.default_rng(seed)
    predicted = np.column_stack([size * values + rng.normal(size=50), rng.normal(size=50)])
    told = PriorKnowledge(np.zeros((2, 20)), predicted)
    found, plain = fit_from_prior(features, values, told, (), NET)
    assert (found.stacked >= 0).all() and 0 <= found.share.sum() <= 1 + 1e-12
    away, of_plain = (np.square(values - fit.predict(features, predicted)).sum() for fit in (found, plain))
    assert (found is plain) == (not found.share.any())
    assert found is plain or found.share.sum() > 0.5
    assert found.predict(features, predicted).mean() == pytest.approx(values.mean())
    assert np.isfinite(away) and np.isfinite(of_plain)


def test_a_prediction_that_says_all_is_stacked_with_its_weight() -> None:
    """Values are twice what the prior predicts, and nothing of the genotypes."""
    features, _, _ = made(4, n=60, v=30)
    predicted = np.random.default_rng(1).normal(5, 1, (60, 1))
    values = 1 + 2 * predicted[:, 0] + np.random.default_rng(2).normal(0, 0.01, 60)
    told = PriorKnowledge(np.zeros((1, 30)), predicted)
    found, _ = fit_from_prior(features, values, told, (), NET)
    assert found.stacked[0] == pytest.approx(2, abs=0.02)
    np.testing.assert_allclose(found.predict(features, predicted), values, atol=0.05)


def test_a_prediction_that_leaves_nothing_stands_alone() -> None:
    features, values, _ = made(6, n=50, v=20)
    told = PriorKnowledge(np.ones((1, 20)), values[:, None])
    found, _ = fit_from_prior(features, values, told, (10.0,), NET)
    assert found.share == pytest.approx([1, 0]) and found.stacked == pytest.approx([1])
    np.testing.assert_allclose(found.predict(features, values[:, None]), values, atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_one_value_of_all_leaves_the_plain_elastic_net(value: float) -> None:
    """As a fold of the nested cross-validation may have of a gene that is seldom on."""
    features, noise, truth = made(7, n=50, v=20)
    told = PriorKnowledge(np.abs(truth)[None], noise[:, None])
    found, plain = fit_from_prior(features, np.full(50, value), told, (10.0,), NET)
    assert found is plain and not found.coef.any() and not found.stacked.any()
    assert found.intercept == pytest.approx(value)


def test_nobody_is_predicted_by_a_nested_fit_that_knew_their_value() -> None:
    """Another value of one person changes what all are predicted, but for those left out with them."""
    from sklearn.model_selection import KFold

    features, values, truth = made(5, n=60, v=25)
    told = PriorKnowledge((truth != 0)[None].astype(float), features[:, :1])
    first, of_plain = nested_predictions(features, values, told, (3.0,), NET, 5)
    others = values.copy()
    others[7] += 50
    second, of_plain_again = nested_predictions(features, others, told, (3.0,), NET, 5)
    together = next(test for _, test in KFold(5, shuffle=True, random_state=0).split(features) if 7 in test)
    apart = np.setdiff1d(np.arange(60), together)
    for one, other in ((first, second), (of_plain, of_plain_again)):
        assert (one[together] == other[together]).all()
        assert (one[apart] != other[apart]).all()


def variants(positions: list[int]) -> GeneVariants:
    bases = (np.full(len(positions), base, dtype=object) for base in "AC")
    return GeneVariants(np.array(positions, dtype=np.int64), *bases, np.full(len(positions), 0.5, dtype=np.float32))


def rare_case() -> GeneData:
    """Two common variants that do nothing, and three that few or nobody carries, whose effects the prior knows."""
    rng = np.random.default_rng(0)
    common, rare = rng.binomial(2, 0.3, (120, 2)).astype(float), np.zeros((120, 3))
    for column in range(2):
        rare[column * 6 : column * 6 + 6, column] = 1
    effect = np.array([0.5, -1.0, 2.0])
    value = 3 + 2 * rare @ effect + rng.normal(0, 0.1, 120)
    prior = GenePrior(
        ("model",),
        np.zeros((1, 1, 2)),
        np.zeros((1, 1, 2)),
        (),
        np.zeros((0, 2)),
        variants([15, 5, 30]),
        rare,
        effect[None, None],
    )
    everybody = np.arange(120)
    return GeneData(variants([10, 20]), common, everybody, np.zeros(120, dtype=np.int64), value, 1, prior=prior)


def test_rare_variants_enter_as_one_sum_by_the_prior() -> None:
    """All with one weight, also the one that nobody of the fit carries; in the order of their positions."""
    fit = PriorRecipe(outer_folds=0).fit(rare_case())
    row, weight = fit.rows[0], fit.arrays["weight"][0]
    assert row["stacked_model"] == pytest.approx(2, abs=0.15)
    assert (row["n_rare"], row["n_prior"]) == (2, 0)
    of = dict(zip(fit.variants.position.tolist(), weight.tolist(), strict=True))
    for position, effect in ((15, 0.5), (5, -1.0), (30, 2.0)):
        assert of[position] == pytest.approx(row["stacked_model"] * effect, rel=1e-5)
    assert (np.diff(fit.variants.position) > 0).all()


def test_weight_moves_to_the_linked_variant_that_is_believed_in() -> None:
    """Two variants that are inherited together among the people of the fit: the net has one, the prior the other."""
    rng = np.random.default_rng(1)
    one = rng.binomial(2, 0.4, 200).astype(float)
    dosage = np.column_stack([one, one, rng.binomial(2, 0.4, 200)])
    weight = np.array([1.0, 0.0, 0.0])
    flat = spread(weight, dosage, np.ones(3))
    assert flat[0] == pytest.approx(flat[1])
    believed = spread(weight, dosage, np.array([1.0, 10.0, 1.0]))
    assert believed[1] > 50 * believed[0] > 0
    panel = rng.binomial(2, 0.5, (100, 3)).astype(float)
    found, intercept = reweighted(weight, 2.0, dosage, panel, np.array([1.0, 10.0, 1.0]))
    assert (found != 0).tolist() == [False, True, False]
    assert intercept + dosage.mean(axis=0) @ found == pytest.approx(2 + dosage.mean(axis=0) @ weight)
    assert reweighted(np.zeros(3), 2.0, dosage, panel, np.ones(3))[1] == 2.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1_000))
def test_few_variants_say_the_same_of_a_panel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    panel = rng.binomial(2, rng.uniform(0, 0.5, 30), (60, 30)).astype(float)
    panel[:, 0] = 0
    weight = rng.normal(size=30) * rng.exponential(size=30) ** 3
    found = gathered(weight, panel)
    assert found[0] == 0
    whole, few = (panel @ each - (panel @ each).mean() for each in (weight, found))
    assert np.square(whole - few).sum() <= 0.021 * np.square(whole).sum()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return write_lab(tmp_path_factory.mktemp("lab"))


def prior_rows(**other: Any) -> pd.DataFrame:
    """What a sequence model would say of UP and DOWN in both tissues: the planted variants, and noise."""
    rng = np.random.default_rng(0)
    rows = []
    for gene, gene_id in GENE_IDS.items():
        place, effects = PLANTED[gene]
        for tissue, effect in zip(TISSUES, effects, strict=True):
            for number, position in enumerate(POSITIONS):
                value = effect if number == place else 0.01 * rng.normal()
                rows.append((gene_id, tissue, "chr1", position, "A", "C", value))
    table = pd.DataFrame(rows, columns=["gene_id", "tissue", "chrom", "pos", "ref", "alt", "effect"])
    return table.assign(**other)


def write_prior(folder: Path, name: str = "prior.tsv", **other: Any) -> Path:
    path = folder / name
    prior_rows(**other).to_csv(path, sep="\t", index=False)
    return path


def fit(
    lab: Lab, paths: list[Path], output: Path, told: dict[str, Any] | None = None, **options: Any
) -> dict[str, Any]:
    recipe = recipe_named("prior", radius=12_000, **{**FEW, **options})
    inputs = replace(lab.inputs, prior=PriorInputs(tuple(paths), **(told or {})))
    return fit_dosages(recipe, lab.expression, lab.split, inputs, output, parts=output.with_suffix(".parts"))


@pytest.fixture(scope="module")
def fitted(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted")
    fit(lab, [write_prior(folder)], folder / "model")
    return folder / "model"


def test_a_prior_without_effects_is_baseline_fit_elastic_net_to_the_digit(lab: Lab, tmp_path: Path) -> None:
    """The same weights, variants and penalties, of the same folds and seed."""
    fit(lab, [write_prior(tmp_path, effect=0.0)], tmp_path / "prior", outer_folds=0)
    plain = recipe_named("elastic-net", radius=12_000, folds=3)
    fit_dosages(plain, lab.expression, lab.split, lab.inputs, tmp_path / "plain", parts=tmp_path / "parts")
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("prior", "plain"))
    for name, array in other.items():
        assert array.tobytes() == one[name].tobytes() or name == "n_read"
    assert (tmp_path / "prior/variants.parquet").read_bytes() == (tmp_path / "plain/variants.parquet").read_bytes()
    alphas = [pq.read_table(tmp_path / name / "fits.parquet")["alpha"].to_pylist() for name in ("prior", "plain")]
    assert alphas[0] == alphas[1]


def test_a_fitted_folder_is_read_as_any_model(lab: Lab, fitted: Path) -> None:
    """Its predictions are its weights times dosages; its effects are its weights."""
    from variantformer_hf import ReferenceGenome
    from variantformer_hf.analysis import VariantScorer

    table = ExpressionPredictor.from_pretrained(fitted, device="cpu").predict(
        lab.inputs.fasta, lab.inputs.vcf, samples=list(TEST), genes=["UP"], tissues=["liver"]
    )
    truth = lab.dosage[len(TRAIN) :, PLANTED["UP"][0]]
    assert np.corrcoef(truth, table["log1p_tpm"])[0, 1] > 0.95
    scorer = VariantScorer.from_pretrained(fitted, device="cpu")
    variant = f"chr1:{POSITIONS[PLANTED['UP'][0]]}:A>C"
    effect = scorer.score([variant], ReferenceGenome(lab.inputs.fasta), genes="UP", zygosity=["hom"])
    assert effect.set_index("tissue")["effect"]["liver"] == pytest.approx(2, abs=0.1)
    fits = pq.read_table(fitted / "fits.parquet").to_pandas().query("gene_name == 'UP'")
    assert (fits[["pred_perf_r2", "plain_r2"]] > 0.7).all(axis=None)
    assert (fits["n_prior"] > 10).all()
    report = json.loads((fitted / "report.json").read_text())
    assert report["prior"] == {"prior": {"used": 4 * len(POSITIONS)}}
    assert sum(report["fits"].values()) == 5  # DOWN has no value in one tissue


def test_people_held_out_are_never_seen(lab: Lab, fitted: Path, tmp_path: Path) -> None:
    """Other genotypes, and other values, of the test donors, and the fit is the same, bit by bit."""
    other = write_lab(tmp_path / "other", test_seed=1)
    assert (other.dosage != lab.dosage).any()
    held_out = np.isin(other.expression.samples["donor"].to_pylist(), TEST)
    value = np.array(other.expression.value)
    changed = held_out[np.asarray(other.expression.sample)]
    value[changed] = np.random.default_rng(0).permutation(value[changed])
    shuffled = replace(other, expression=replace(other.expression, value=value))
    fit(shuffled, [write_prior(tmp_path)], tmp_path / "model")
    for name in ("model.safetensors", "variants.parquet", "fits.parquet"):
        assert (tmp_path / "model" / name).read_bytes() == (fitted / name).read_bytes()


def test_a_folder_of_weights_is_the_prior_that_its_table_is(lab: Lab, fitted: Path, tmp_path: Path) -> None:
    """Its weights as a table, and itself: the same fit, but for the rounding of a text."""
    from variantformer_hf.zoo.families import load_gene_model

    model = load_gene_model(fitted, device="cpu")
    assert isinstance(model, LinearDosageGeneModel)
    parts = []
    for tissue in model.tissue_names.named:
        found = model.weights(tissue.id)
        row = model.variants.first[found["gene"]] + found["variant"]
        genes = [model.gene_table.genes[number].gene_id for number in found["gene"]]
        rows = {"gene_id": genes, "tissue": tissue.name, "chrom": "chr1", "pos": model.variants.all.position[row] + 1}
        parts.append(pd.DataFrame({**rows, "ref": "A", "alt": "C", "effect": found["weight"]}))
    pd.concat(parts).to_parquet(tmp_path / "model.parquet")
    fit(lab, [tmp_path / "model.parquet"], tmp_path / "of_table", outer_folds=0)
    fit(lab, [fitted], tmp_path / "of_folder", outer_folds=0)
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("of_table", "of_folder"))
    np.testing.assert_allclose(one["weight"], other["weight"], atol=1e-6)


def test_effects_of_a_folder_are_read_beside_its_weights(lab: Lab, tmp_path: Path) -> None:
    """A variant with a weight, one with an effect alone, one with both: what is not known is 0."""
    weight = np.array([[0.5, 0.0, -1.0], [0.0, 0.0, 0.25]], dtype=np.float32)
    effect = np.array([[np.nan, 2.0, 3.0], [np.nan, np.nan, np.nan]], dtype=np.float32)
    arrays = {"weight": weight, "effect": effect, "intercept": np.zeros(2), "fitted": np.ones(2, dtype=bool)}
    rows = [{"output": output, "status": "fitted", "n_people": 3} for output in (0, 1)]
    gene = lab.inputs.genes.get("UP")
    made = GeneFit(variants([999, 1_999, 2_999]), arrays, rows, 3)
    recipe = recipe_named("elastic-net")
    fitted_model(recipe, [gene], [made], tissues=TISSUES, unit="log1p_tpm", assembly=None).save(tmp_path / "weights")
    table = read_priors([tmp_path / "weights"], lab.inputs.genes, TISSUES, None)[0].table
    columns = ["output", "position", "effect", "weight"]
    assert table[columns].to_numpy().tolist() == [
        [0, 999, 0, 0.5],
        [0, 1_999, 2, 0],
        [0, 2_999, 3, -1],
        [1, 2_999, 0, 0.25],
    ]


def held_weights(lab: Lab, folder: Path, unit: str = "log1p_tpm", chrom: str = "chr1", ref: str = "A") -> Path:
    """A folder of weights of a gene that no value is trained on: two variants, one of them outside of the window."""
    weight = np.array([[0.5, 2.0], [0.0, 0.0]], dtype=np.float32)
    arrays = {"weight": weight, "intercept": np.array([1.5, 0.0]), "fitted": np.array([True, False])}
    rows = [{"output": output, "status": "fitted", "n_people": 3} for output in (0, 1)]
    gene = replace(lab.inputs.genes.get("HELD"), chrom=chrom)
    both = variants([50_999, 9_999])
    made = GeneFit(replace(both, ref=np.array([ref, "A"], dtype=object)), arrays, rows, 2)
    known = GeneFit(variants([10_999, 11_999]), {**arrays, "weight": weight * 0.01}, rows, 2)
    model = fitted_model(
        recipe_named("elastic-net"),
        [lab.inputs.genes.get("UP"), gene],
        [known, made],
        tissues=["lung", "cortex"],
        unit=unit,
        assembly=None,
    )
    model.save(folder / "held")
    return folder / "held"


def test_a_gene_without_values_has_the_weights_of_the_prior_alone(lab: Lab, fitted: Path, tmp_path: Path) -> None:
    """In the tissue that the prior has; what was fitted to the others is as without it."""
    paths = [write_prior(tmp_path), held_weights(lab, tmp_path)]
    report = fit(lab, paths, tmp_path / "model", outer_folds=0)
    assert report["genes"] == {"fitted": 3, "prior_alone": 1}
    assert report["genes_x_tissues"]["prior_alone"] == 1
    assert report["prior_alone"] == {"prior_outside_window": 1}
    table = ExpressionPredictor.from_pretrained(tmp_path / "model", device="cpu").predict(
        lab.inputs.fasta, lab.inputs.vcf, samples=list(TEST), genes=["HELD"], tissues=["lung", "liver"]
    )
    lung, liver = (table[table["tissue"] == tissue] for tissue in ("lung", "liver"))
    dosage = lab.dosage[len(TRAIN) :, list(POSITIONS).index(51_000)]
    # The variant outside of the window is at its mean, 0.5.
    expected = 1.5 + 0.5 * np.where(dosage < 0, 0.5, dosage) + 2 * 0.5
    np.testing.assert_allclose(lung["log1p_tpm"], expected, atol=1e-6)
    assert liver["log1p_tpm"].isna().all() and (liver["status"] != "ok").all()
    rows = pq.read_table(tmp_path / "model/fits.parquet").to_pandas().query("gene_name == 'HELD'")
    assert rows.set_index("tissue")["status"].to_dict() == {"liver": "no_values", "lung": "prior_alone"}
    assert set(rows["n_people"]) == {0}


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"unit": "normalized"}, "prior_in_other_unit"),
        ({"chrom": "chr2"}, "prior_on_other_chromosome"),
        ({"ref": "G"}, "prior_of_other_ref"),
    ],
)
def test_a_prior_of_something_else_gives_no_gene_by_itself(
    lab: Lab, tmp_path: Path, other: dict[str, str], reason: str
) -> None:
    report = fit(lab, [write_prior(tmp_path), held_weights(lab, tmp_path, **other)], tmp_path / "model", outer_folds=0)
    assert report["genes"] == {"fitted": 3, "no_values_to_train_on": 1}
    assert report["prior_alone"] == {reason: 1}


def test_a_gene_without_a_common_variant_is_fitted_to_what_the_prior_predicts() -> None:
    """Nobody varies in what the net reads: the sum of rare variants is all there is, in the nested folds too."""
    case = rare_case()
    assert case.prior is not None
    bare = replace(case.prior, effect=np.zeros((1, 1, 0)), weight=np.zeros((1, 1, 0)), annotation=np.zeros((0, 0)))
    fit = PriorRecipe().fit(replace(case, variants=variants([]), dosage=np.zeros((120, 0)), prior=bare))
    assert fit.rows[0]["stacked_model"] == pytest.approx(2, abs=0.15)
    assert fit.rows[0]["pred_perf_r2"] > 0.8 and fit.rows[0]["plain_r2"] < 0.1


def test_fewer_people_in_a_tissue_than_outer_folds_have_their_mean() -> None:
    case = rare_case()
    few = slice(0, 12)
    less = replace(case, person=case.person[few], output=case.output[few], value=case.value[few])
    row = PriorRecipe(folds=5, outer_folds=20).fit(less).rows[0]
    assert row["status"] == "fitted" and "strength" not in row


def test_a_prior_that_says_nothing_of_a_gene_changes_nothing() -> None:
    features, values, truth = made(7)
    predicted = features @ truth + np.random.default_rng(0).normal(size=80)
    one = PriorKnowledge(np.abs(truth)[None], predicted[:, None])
    silent = PriorKnowledge(np.stack([np.abs(truth), truth * 0]), np.column_stack([predicted, predicted * 0]))
    alone, beside = (fit_from_prior(features, values, told, (10.0,), NET)[0] for told in (one, silent))
    np.testing.assert_array_equal(alone.coef, beside.coef)
    assert beside.stacked.tolist() == [*alone.stacked, 0.0]


def test_priors_have_names_of_their_own(lab: Lab, tmp_path: Path) -> None:
    names = ("mean", "cres", "a", "a_2", "a")
    paths = []
    for number, name in enumerate(names):
        (tmp_path / str(number)).mkdir()
        paths.append(write_prior(tmp_path / str(number), f"{name}.tsv"))
    found = [prior.name for prior in read_priors(paths, lab.inputs.genes, TISSUES, None)]
    assert found == ["mean_2", "cres_2", "a", "a_2", "a_3"]


def test_an_insertion_enters_through_the_prior_alone_however_it_is_spelt(lab: Lab, tmp_path: Path) -> None:
    """It raises UP too, and the elastic net does not read it; without an effect of it nothing changes."""
    copies = np.random.default_rng(7).binomial(2, 0.4, len(DONORS))
    calls = {-1: "./.", 0: "0/0", 1: "0/1", 2: "1/1"}
    columns = [(int(position), "A", "C", column) for position, column in zip(POSITIONS, lab.dosage.T, strict=True)]
    columns = sorted([*columns, (10_700, "A", "AG", copies)], key=lambda each: each[0])
    lines = [record(*each[:3], *(calls[int(n)] for n in each[3])) for each in columns]
    vcf = write_vcf(tmp_path / "cohort.vcf.gz", lines, contigs={"chr1": 60_000, "chr2": 9_000}, samples=DONORS)
    samples, of_value = lab.expression.samples.to_pandas(), np.asarray(lab.expression.sample)
    carried = dict(zip(DONORS, copies.tolist(), strict=True))
    of_up = np.asarray(lab.expression.gene) == lab.expression.genes.index(GENE_IDS["UP"])
    value = np.array(lab.expression.value)
    value[of_up] += 0.7 * samples["donor"].map(carried).to_numpy()[of_value[of_up]]
    other = replace(
        lab, expression=replace(lab.expression, value=value), inputs=replace(lab.inputs, vcf=vcf, only=None)
    )
    row = {"gene_id": GENE_IDS["UP"], "chrom": "chr1", "pos": 10_698, "ref": "AAA", "alt": "AAAG"}
    priors = {}
    for name, effect in (("with", 0.7), ("without", 0.0)):
        rows = [prior_rows(), pd.DataFrame([{**row, "tissue": tissue, "effect": effect} for tissue in TISSUES])]
        priors[name] = tmp_path / f"{name}.tsv"
        pd.concat(rows).to_csv(priors[name], sep="\t", index=False)
    report = fit(other, [priors["with"]], tmp_path / "with", outer_folds=0)
    assert report["variants_in_windows"]["no_snvs_in_prior"] == 1
    assert report["prior"]["with"]["used"] == 4 * len(POSITIONS) + 2
    variants = pq.read_table(tmp_path / "with/variants.parquet").to_pandas()
    place = variants.query("pos == 10_700 and ref == 'A' and alt == 'AG'")
    assert len(place) == 1 and place["mean_dosage"].iloc[0] == pytest.approx(copies[: len(TRAIN)].mean())
    model = LinearDosageGeneModel.load(tmp_path / "with")
    weights = model.weights(model.tissue_names.resolve(["liver"])[0][0].id)
    own = (weights["gene"] == 0) & (weights["variant"] == place.index[0] - model.variants.first[0])
    assert weights["weight"][own] == pytest.approx([0.7], abs=0.1)
    fit(other, [priors["without"]], tmp_path / "without", outer_folds=0)
    fit(other, [write_prior(tmp_path)], tmp_path / "plain", outer_folds=0)
    tables = [
        ExpressionPredictor.from_pretrained(tmp_path / name, device="cpu").predict(
            lab.inputs.fasta, vcf, samples=list(TEST), genes=["UP"], tissues=["liver"]
        )["log1p_tpm"]
        for name in ("with", "without", "plain")
    ]
    assert tables[1].tolist() == tables[2].tolist()
    liver = samples["tissue"].to_numpy()[of_value] == "liver"
    measured = dict(zip(samples["donor"].to_numpy()[of_value[of_up & liver]], value[of_up & liver], strict=True))
    truth = [measured[name] for name in TEST]
    r = [float(np.corrcoef(truth, table)[0, 1]) for table in tables]
    assert r[0] > 0.95 and r[0] > r[1] + 0.03, r


@pytest.mark.slow
def test_several_priors_cres_distance_and_a_panel(lab: Lab, fitted: Path, tmp_path: Path) -> None:
    """Each has its columns; people of a panel change weights and means, and not what is reported of the cohort."""
    first, second = write_prior(tmp_path), write_prior(tmp_path, "other.tsv", effect=0.5)
    lines = [
        f"chr1\t{start}\t{start + 200}\tx\t0\t.\t{start}\t{start + 200}\t0,0,0\tPLS\n" for start in (10_900, 40_900)
    ]
    (tmp_path / "cres.bed").write_text("".join(lines))
    told = {"cres": tmp_path / "cres.bed", "distance": 5_000.0}
    report = fit(lab, [first, second], tmp_path / "both", told)
    assert set(report["prior"]) == {"prior", "other"}
    rows = pq.read_table(tmp_path / "both/fits.parquet").to_pandas()
    assert {
        "stacked_prior",
        "stacked_other",
        "share_prior",
        "share_other",
        "share_cres",
        "share_distance",
        "share_mean",
    } <= set(rows)
    panel = {"panel": lab.inputs.vcf, "panel_people": TRAIN[:40]}
    fit(lab, [first], tmp_path / "panel", panel)
    of_panel, of_cohort = (pq.read_table(each / "fits.parquet").to_pandas() for each in (tmp_path / "panel", fitted))
    np.testing.assert_array_equal(of_panel["pred_perf_r2"], of_cohort["pred_perf_r2"])
    means = pq.read_table(tmp_path / "panel/variants.parquet").to_pandas()
    dosage = lab.dosage[:40].astype(float)
    dosage[dosage < 0] = np.nan
    expected = np.nanmean(dosage, axis=0)[np.searchsorted(POSITIONS, means["pos"])]
    np.testing.assert_allclose(means["mean_dosage"], expected, rtol=1e-6)


def test_a_fit_from_a_prior_goes_on_gene_by_gene(lab: Lab, fitted: Path, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise Stopped

    recipe = recipe_named("prior", radius=12_000, **FEW)
    inputs = replace(lab.inputs, prior=PriorInputs((write_prior(tmp_path),)))
    asked = (recipe, lab.expression, lab.split, inputs, tmp_path / "model")
    with pytest.raises(Stopped):
        fit_dosages(*asked, parts=tmp_path / "parts", on_gene=stop)
    other = replace(inputs, prior=PriorInputs((write_prior(tmp_path, "other.tsv", effect=1.0),)))
    with pytest.raises(InputError, match="fitted with other options"):
        fit_dosages(*asked[:3], other, asked[4], parts=tmp_path / "parts")
    fit_dosages(*asked, parts=tmp_path / "parts")
    assert (tmp_path / "model/model.safetensors").read_bytes() == (fitted / "model.safetensors").read_bytes()


def command(lab: Lab, prior: Path, output: Path, *more: object) -> list[object]:
    folder = lab.folder
    files = ["--fasta", folder / "genome.fa", "--genotypes", folder / "cohort.vcf.gz", "--genes", folder / "genes.csv"]
    fitted = ["--expression", folder / "expression", "--split", folder / "split.json", "--radius", "12000"]
    return ["fit", "--prior", prior, *files, *fitted, "-o", output, *more]


def test_the_command_line(lab: Lab, fitted: Path, tmp_path: Path) -> None:
    done = run(*command(lab, write_prior(tmp_path), tmp_path / "model", *FEW_OPTIONS))
    assert done.returncode == 0, done.stderr
    assert "genes: 3 fitted, 1 no_values_to_train_on" in done.stderr
    assert "prior prior: 220 used" in done.stderr
    assert (tmp_path / "model/model.safetensors").read_bytes() == (fitted / "model.safetensors").read_bytes()
    asked = ["--format", "parquet", "--fasta", lab.folder / "genome.fa", "-o", tmp_path / "weights"]
    done = run("associate", "export", tmp_path / "model", *asked)
    assert done.returncode == 0, done.stderr


def test_without_a_split_everybody_is_fitted_to(lab: Lab, tmp_path: Path) -> None:
    asked = command(lab, write_prior(tmp_path), tmp_path / "model", *FEW_OPTIONS, "--gene", "UP")
    place = asked.index("--split")
    done = run(*asked[:place], *asked[place + 2 :])
    assert done.returncode == 0, done.stderr
    assert f"people: {len(DONORS)} fitted" in done.stderr
    assert f"prior prior: {2 * len(POSITIONS)} used, {2 * len(POSITIONS)} other_gene" in done.stderr.replace(
        "other_gene, ", ""
    )


# What the prior is made of, further options, what is said.
BAD: dict[str, tuple[dict[str, Any], list[str], str]] = {
    "other_tissues": ({"tissue": "cortex"}, [], "is of other tissues (cortex) than the expression (liver, lung)"),
    "other_genes": ({"gene_id": "ENSG00000000009"}, [], "has none of the genes: it has ENSG00000000009"),
    "nothing_shared": (
        {"pos": np.tile(POSITIONS + 1, 4)},
        [],
        "has no variant with an effect near the genes that the genotypes have",
    ),
    "another_assembly": ({"ref": "G"}, [], "have another REF"),
    "another_chromosome": (
        {"chrom": "chr2"},
        [],
        "has no variant with an effect on a gene of the fit: 220 other_chromosome",
    ),
    "indels_that_nobody_has": ({"alt": "AC"}, [], "that the genotypes have: 0 have an effect of 0, "),
    "no_bases": ({"alt": "<DEL>"}, [], "220 no_bases"),
    "no_numbers": ({"effect": "NA"}, [], "220 no_number"),
    "no_position": ({"pos": "x"}, [], "row 2: pos is 'x', no position from 1. Give whole numbers from 1 on"),
    "a_text": ({"effect": "foo"}, [], "row 2: effect is 'foo', no number. Give a number, or NA where there is none"),
    "a_gene_that_the_prior_lacks": ({}, ["--gene", "FAR"], "has none of the genes: it has ENSG00000000001"),
    "twice": ({"pos": 11_000}, [], "is there twice for a gene and tissue"),
    "fewer_donors_than_folds": ({}, ["--folds", "91"], "90 donors to train on have genotypes, and there are 91 folds"),
    "a_strength_below_0": ({}, ["--strength", "-1"], "--strength is -1"),
    "one_outer_fold": ({}, ["--outer-folds", "1"], "--outer-folds is 1"),
    "samples_of_no_panel": ({}, ["--target-samples", "x"], "--target-panel, which is not given"),
    "people_in_panel_and_test": ({}, ["--target-panel", "{vcf}"], "30 of its people are held out by the split (D090"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(lab: Lab, tmp_path: Path, case: str) -> None:
    other, more, said = BAD[case]
    prior = write_prior(tmp_path, **other)
    options = [each.format(vcf=lab.folder / "cohort.vcf.gz") for each in more]
    done = run(*command(lab, prior, tmp_path / "model", "--outer-folds", "0", "--folds", "3", *options))
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "model").exists()


def test_effects_of_0_are_named(lab: Lab, tmp_path: Path) -> None:
    table = prior_rows(effect=0.0)
    table[table["pos"] == POSITIONS[PLANTED["UP"][0]]].to_csv(tmp_path / "prior.tsv", sep="\t", index=False)
    with pytest.raises(
        InputError, match=r"have: [12] have an effect of 0, 0 are in no record.* Give effects that are not 0"
    ):
        fit(lab, [tmp_path / "prior.tsv"], tmp_path / "model", outer_folds=0)


def test_a_database_is_a_prior_by_the_command_that_is_named(lab: Lab, fitted: Path, tmp_path: Path) -> None:
    """What is exported has the weights of its folder."""
    exported = ["associate", "export", fitted, "--format", "predixcan", "--fasta", lab.folder / "genome.fa"]
    done = run(*exported, "-o", tmp_path / "exported")
    assert done.returncode == 0, done.stderr
    with pytest.raises(InputError, match="is an SQLite database") as raised:
        read_priors([tmp_path / "exported/liver.db"], lab.inputs.genes, TISSUES, None)
    query = raised.value.remedy.split('"')[1]
    with sqlite3.connect(tmp_path / "exported/liver.db") as database:
        pd.read_sql(query, database).to_csv(tmp_path / "weights.csv", index=False)
    of_database, of_folder = (
        read_priors([path], lab.inputs.genes, ["liver"], None)[0].table for path in (tmp_path / "weights.csv", fitted)
    )
    keys = ["gene", "position", "ref", "alt"]
    of_folder = of_folder[of_folder["weight"] != 0].reset_index(drop=True)
    assert len(of_database) and of_database[keys].equals(of_folder[keys])
    np.testing.assert_allclose(of_database["weight"], of_folder["weight"], rtol=1e-6)


def test_a_model_without_weights_is_no_prior(lab: Lab, tmp_path: Path) -> None:
    forest = recipe_named("forest", trees=(5,), depths=(3,), least_split=(2,), radius=12_000)
    fit_dosages(forest, lab.expression, lab.split, lab.inputs, tmp_path / "forest", parts=tmp_path / "parts")
    done = run(*command(lab, tmp_path / "forest", tmp_path / "model"))
    assert done.returncode != 0
    assert "has no weight a variant" in done.stderr


def test_a_prior_that_says_the_same_of_everybody_is_not_stacked(lab: Lab, tmp_path: Path) -> None:
    """Effects of variants that nobody carries."""
    table = prior_rows()
    table = table[table["pos"] == POSITIONS[5]].assign(effect=1.0)
    table.to_csv(tmp_path / "prior.tsv", sep="\t", index=False)
    report = fit(lab, [tmp_path / "prior.tsv"], tmp_path / "model", outer_folds=0)
    assert set(report["fits"]) == {"mean", "plain"}
    rows = pq.read_table(tmp_path / "model/fits.parquet").to_pandas()
    assert (rows.query("status == 'fitted'")["stacked_prior"] == 0).all()

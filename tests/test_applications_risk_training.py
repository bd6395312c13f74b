"""Forests of a made cohort: the informative gene is found, noise is not, and held-out labels change nothing before."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_store import made_store
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, roc_auc_score

from variantformer_hf.applications.risk import training
from variantformer_hf.applications.risk.features import StoreFeatures
from variantformer_hf.applications.risk.forest_folder import RiskForests
from variantformer_hf.applications.risk.forest_grid import Grid
from variantformer_hf.applications.risk.forests import predict_forest
from variantformer_hf.applications.risk.training import TrainingRequest, train_forests
from variantformer_hf.errors import InputError

N, GENES, TISSUES, WIDTH, INFORMATIVE = 120, 30, 2, 6, 17
GRID = Grid(trees=(3, 6), depths=(3,), folds=3)
HELD_OUT = [f"P{number}" for number in range(81, 121)]


def made_cohort(folder: Path, *, informative: bool = True, n_genes: int = GENES) -> tuple[Path, dict[str, int]]:
    rng = np.random.default_rng(1)
    labels = (rng.random(N) < 0.4).astype(int)
    vectors = rng.normal(size=(N, n_genes, TISSUES, WIDTH)).astype(np.float32)
    if informative:
        vectors[:, INFORMATIVE, :, 2] += 8 * labels[:, None]
    made_store(folder, vectors)
    return folder, {f"P{number + 1}": int(label) for number, label in enumerate(labels)}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    return made_cohort(tmp_path_factory.mktemp("cohort") / "store")


@pytest.fixture(scope="module")
def trained(cohort: tuple[Path, dict[str, int]], tmp_path_factory: pytest.TempPathFactory) -> Any:
    request = TrainingRequest(cohort[1], HELD_OUT, "a disease", GRID, replicates=200)
    return train_forests(StoreFeatures(cohort[0]), tmp_path_factory.mktemp("forests") / "f", request)


def test_the_informative_gene_is_first(trained: Any) -> None:
    units = trained.forests.units
    first = units.sort_values("rank").head(2)
    assert first["gene_name"].tolist() == [f"G{INFORMATIVE + 1}"] * 2
    assert set(first["tissue"]) == {"liver", "lung"}
    assert (units["kept"].sum(), sorted(units["rank"])) == (10, list(range(1, GENES * TISSUES + 1)))
    table = pd.read_csv(trained.forests.folder / "held_out.tsv", sep="\t")
    assert table["gene_name"].tolist() == units.sort_values("rank").head(10)["gene_name"].tolist()
    assert (table["auprc"].iloc[:2] > 0.9).all()
    assert table["n"].eq(40).all()


def test_what_is_stored_predicts_what_scikit_learn_does(trained: Any, cohort: tuple[Path, dict[str, int]]) -> None:
    features, labels = StoreFeatures(cohort[0]), cohort[1]
    for unit in trained.forests.units.sort_values("rank").head(4).itertuples():
        gene, tissue = features.genes.get(unit.gene_id), list(features.tissues).index(unit.tissue)
        train, others = (features.read(gene, tissue, donors).values for donors in (range(80), range(80, N)))
        model = RandomForestClassifier(unit.n_trees, max_depth=unit.max_depth, random_state=0)
        expected = model.fit(train, [labels[name] for name in features.donors[:80]]).predict_proba(others)[:, 1]
        arrays = trained.forests.forest(unit.gene_id, unit.tissue)
        np.testing.assert_allclose(predict_forest(arrays, others), expected, atol=1e-6)


def test_the_summary_is_of_the_tables(trained: Any, cohort: tuple[Path, dict[str, int]]) -> None:
    summary = json.loads((trained.forests.folder / "summary.json").read_text())
    table = pd.read_csv(trained.forests.folder / "held_out.tsv", sep="\t")
    held_out = summary["held_out"]
    for name in ("auprc", "auroc"):
        assert held_out[name]["mean"] == pytest.approx(table[name].mean())
        assert held_out[name]["low"] < held_out[name]["mean"] < held_out[name]["high"]
    assert (held_out["units"], held_out["replicates"]) == (10, 200)
    assert held_out["calibration"]["n"] == 400
    assert len(held_out["calibration_of_units"]) == 10
    labels = list(cohort[1].values())
    assert summary["donors"] == {
        "train": 80,
        "cases": sum(labels[:80]),
        "held_out": 40,
        "held_out_cases": sum(labels[80:]),
        "labels_of_nobody": 0,
        "without_a_label": 0,
    }
    kept = trained.forests.units[trained.forests.units["kept"]]
    assert summary["cross_validated"]["auroc"] == pytest.approx(kept["cv_auroc"].mean())
    assert summary["research_use"].startswith("Research use only")
    first = kept.sort_values("rank").iloc[0]
    found = trained.forests.calibration(first["gene_id"], first["tissue"])
    assert (found["n"], len(found["bins"]) > 1) == (80, True)
    assert trained.forests.trained_on() == set(list(cohort[1])[:80])


def shuffled(labels: dict[str, int]) -> dict[str, int]:
    held_out = np.random.default_rng(5).permutation([labels[name] for name in HELD_OUT])
    return labels | dict(zip(HELD_OUT, held_out.tolist(), strict=True))


def files_of(folder: Path, but: tuple[str, ...]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in but}


def test_held_out_labels_change_neither_ranking_nor_forests(tmp_path: Path) -> None:
    store, labels = made_cohort(tmp_path / "store", informative=False, n_genes=4)
    request = TrainingRequest(labels, HELD_OUT, grid=GRID, top=4, replicates=50)
    first = train_forests(StoreFeatures(store), tmp_path / "first", request)
    other = train_forests(StoreFeatures(store), tmp_path / "other", replace(request, labels=shuffled(labels)))
    own = ("summary.json", "held_out.tsv")
    assert files_of(tmp_path / "first", own) == files_of(tmp_path / "other", own)
    assert len(files_of(tmp_path / "first", own)) == 4 + 3
    assert first.summary["held_out"]["auprc"] != other.summary["held_out"]["auprc"]


def test_noise_gives_an_interval_that_holds_the_base_rate(tmp_path: Path) -> None:
    store, labels = made_cohort(tmp_path / "store", informative=False, n_genes=8)
    found = train_forests(StoreFeatures(store), tmp_path / "f", TrainingRequest(labels, HELD_OUT, grid=GRID))
    held_out = found.summary["held_out"]
    assert held_out["auprc"]["low"] < np.mean([labels[name] for name in HELD_OUT]) < held_out["auprc"]["high"]
    assert held_out["auroc"]["low"] < 0.5 < held_out["auroc"]["high"]


def test_a_run_that_was_cut_short_goes_on_unit_by_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, labels = made_cohort(tmp_path / "store", n_genes=3, informative=False)
    request, done = TrainingRequest(labels, HELD_OUT, grid=GRID, top=2, replicates=50), []
    train_forests(StoreFeatures(store), tmp_path / "whole", request)
    do = training.ForestWorker.do

    def at_most_four(self: Any, unit: Any) -> None:
        if len(done) == 4:
            raise MemoryError
        do(self, unit)
        done.append(unit)

    with monkeypatch.context() as patch:
        patch.setattr(training.ForestWorker, "do", at_most_four)
        with pytest.raises(MemoryError):
            train_forests(StoreFeatures(store), tmp_path / "f", request)
    with pytest.raises(InputError, match="is not finished"):
        RiskForests.open(tmp_path / "f")
    with pytest.raises(InputError, match="holds the unfinished forests of another run already"):
        train_forests(StoreFeatures(store), tmp_path / "f", replace(request, grid=Grid((5,), (3,), 3)))
    steps = []
    train_forests(StoreFeatures(store), tmp_path / "f", request, on_unit=lambda *step: steps.append(step))
    assert steps == [(4, 6), (5, 6), (6, 6)]
    assert files_of(tmp_path / "f", ()) == files_of(tmp_path / "whole", ())
    with pytest.raises(InputError, match="holds forests already"):
        train_forests(StoreFeatures(store), tmp_path / "f", request)
    (tmp_path / "f" / "mine.txt").write_text("kept")
    train_forests(StoreFeatures(store), tmp_path / "f", replace(request, top=1, only_kept=True), overwrite=True)
    assert len(list((tmp_path / "f").glob("*.safetensors"))) == 1
    assert (tmp_path / "f" / "mine.txt").exists()
    with pytest.raises(InputError, match="holds files, and is no folder of trained forests"):
        train_forests(StoreFeatures(store), tmp_path / "store", request, overwrite=True)


def test_units_without_features_are_left_out_and_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 4, 1, 3)).astype(np.float32)
    vectors[3, 0] = np.nan  # one donor has no cCRE
    vectors[:, 1] = 0.5
    vectors[35, 2] = np.nan  # held out
    store = made_store(tmp_path / "store", vectors)
    labels = {f"P{number + 1}": number % 2 for number in range(40)} | {"nobody": 1}
    del labels["P5"]
    request = TrainingRequest(labels, [f"P{number}" for number in range(31, 41)], grid=GRID, top=5, replicates=50)
    found = train_forests(StoreFeatures(store), tmp_path / "f", request)
    units = found.forests.units
    assert units["status"].tolist() == ["no_features", "constant_features", "ok", "ok"]
    assert units["rank"].isna().tolist() == [True, True, False, False]
    assert found.summary["units"] == {
        "total": 4,
        "by_status": {"ok": 2, "no_features": 1, "constant_features": 1},
        "kept": 2,
    }
    assert (found.summary["donors"]["labels_of_nobody"], found.summary["donors"]["without_a_label"]) == (1, 1)
    table = pd.read_csv(tmp_path / "f" / "held_out.tsv", sep="\t").set_index("gene_name")
    assert table["n"].to_dict() == {"G3": 9, "G4": 10}
    assert found.forests.gene_ids == ["ENSG00000000003.1", "ENSG00000000004.1"]
    with pytest.raises(InputError, match=r"no unit is left to train: 1 no_features"):
        train_forests(StoreFeatures(store), tmp_path / "g", replace(request, genes=["G1"]))


def test_held_out_scores_are_those_of_scikit_learn(trained: Any, cohort: tuple[Path, dict[str, int]]) -> None:
    features, labels = StoreFeatures(cohort[0]), cohort[1]
    row = pd.read_csv(trained.forests.folder / "held_out.tsv", sep="\t").iloc[3]
    gene, tissue = features.genes.get(row["gene_id"]), list(features.tissues).index(row["tissue"])
    arrays = trained.forests.forest(row["gene_id"], row["tissue"])
    scores = predict_forest(arrays, features.read(gene, tissue, range(80, N)).values)
    truth = [labels[name] for name in HELD_OUT]
    assert row["auprc"] == pytest.approx(average_precision_score(truth, scores))
    assert row["auroc"] == pytest.approx(roc_auc_score(truth, scores))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"held_out": ["P1", "X", "Y"]}, "2 of the 3 donors held out have no label: X, Y"),
        ({"labels": {"A": 0, "B": 1}, "held_out": []}, "0 of its 120 donors have one of the 2 labels to train on"),
        ({"held_out": ["P1"]}, "1 of its 120 donors have one of the 1 labels held out"),
        ({"genes": ["G1", "NONE"]}, "NONE"),
        ({"tissues": ["heart"]}, "heart"),
        ({"grid": Grid(folds=3), "labels": {f"P{n}": int(n < 3) for n in range(1, 20)}, "held_out": []}, "2 cases"),
    ],
)
def test_what_is_asked_amiss(
    change: dict[str, Any], said: str, cohort: tuple[Path, dict[str, int]], tmp_path: Path
) -> None:
    request = replace(TrainingRequest(cohort[1], HELD_OUT, grid=GRID), **change)
    with pytest.raises(InputError, match=said):
        train_forests(StoreFeatures(cohort[0]), tmp_path / "f", request)
    assert not (tmp_path / "f").exists()


def test_folds_are_reduced_to_fit(cohort: tuple[Path, dict[str, int]], tmp_path: Path) -> None:
    cases = [name for name, label in cohort[1].items() if label][:4]
    labels = {name: label for name, label in cohort[1].items() if not label or name in cases}
    request = TrainingRequest(labels, grid=replace(GRID, folds=10), genes=["G18"], tissues=["liver"])
    found = train_forests(StoreFeatures(cohort[0]), tmp_path / "f", request)
    assert found.summary["folds"] == {"asked": 10, "used": 4}
    assert found.forests.description.folds == 4
    assert found.summary["held_out"] is None


@pytest.mark.slow
def test_the_published_grid(tmp_path: Path) -> None:
    """Of 30 genes one is informative; the rest are noise."""
    store, labels = made_cohort(tmp_path / "store")
    request = TrainingRequest(labels, HELD_OUT, tissues=["liver"], workers=2)
    found = train_forests(StoreFeatures(store), tmp_path / "f", request)
    assert found.forests.units.set_index("rank").loc[1, "gene_name"] == f"G{INFORMATIVE + 1}"
    table = pd.read_csv(tmp_path / "f" / "held_out.tsv", sep="\t")
    assert table["auprc"].iloc[0] > 0.9
    assert found.summary["units"]["total"] == 30

"""Forests asked about the people of a store of embeddings."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_forests import TREES, made_forest, made_forests
from made_store import made_store

from variantformer_hf import EmbeddingStore
from variantformer_hf.applications.risk.forest_folder import RiskForests
from variantformer_hf.applications.risk.forests import predict_forest
from variantformer_hf.applications.risk.odds import log_odds
from variantformer_hf.applications.risk.predictions import predict_risk
from variantformer_hf.errors import InputError
from variantformer_hf.genome.sample_names import SampleError
from variantformer_hf.inference import RejectedQueryError
from variantformer_hf.inference.run_limits import RunLimits

G1, G2 = (f"ENSG{number:011d}.1" for number in (1, 2))
VECTORS = np.random.default_rng(0).normal(size=(4, 3, 3, 6)).astype(np.float32)
COLUMNS = ["sample", "gene_id", "gene_name", "tissue", "probability", "base_rate", "cv_auroc", "n_train"]
COLUMNS += ["log_odds_over_base", "status", "reason", "flags"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EmbeddingStore:
    status = np.full((4, 3), "ok", dtype=object)
    status[1, 0], status[2, 0], status[3, 1] = "no_variants", "not_in_vcf", "ok"
    vectors = VECTORS.copy()
    vectors[2, 0] = np.nan
    vectors[3, 1, 1, 2] = np.nan
    return EmbeddingStore.open(made_store(tmp_path_factory.mktemp("s") / "store", vectors, status=status))


@pytest.fixture(scope="module")
def folder(store: EmbeddingStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    units = {G1: ["liver", "thyroid"], G2: ["lung"], "ENSG00000000009.1": ["liver"]}
    return made_forests(tmp_path_factory.mktemp("f") / "forests", units, model=store.model)


def test_each_unit_is_asked_about_each_person(store: EmbeddingStore, folder: Path) -> None:
    found = predict_risk(RiskForests.open(folder), store)
    table = found.table
    assert list(table) == COLUMNS
    assert table[["sample", "gene_name", "tissue"]].head(4).to_numpy().tolist() == [
        ["P1", "G1", "liver"],
        ["P1", "G1", "thyroid"],
        ["P1", "G2", "lung"],
        ["P2", "G1", "liver"],
    ]
    rows = table.set_index(["sample", "gene_id", "tissue"])
    for gene, (gene_id, tissue, column) in {0: (G1, "thyroid", 2), 1: (G2, "lung", 1)}.items():
        expected = predict_forest(made_forest(gene_id, tissue, 6), VECTORS[:, gene, column])
        of_unit = rows.xs((gene_id, tissue), level=("gene_id", "tissue"))
        has_number = of_unit["probability"].notna().to_numpy()
        assert has_number.tolist() == [True, True, gene == 1, gene == 0]
        np.testing.assert_array_equal(of_unit["probability"][has_number], expected[has_number])
        over = log_odds(expected, TREES) - np.log(0.25 / 0.75)
        np.testing.assert_allclose(of_unit["log_odds_over_base"][has_number], over[has_number])
    assert rows["status"].unstack(["gene_id", "tissue"]).to_dict("list") == {
        (G1, "liver"): ["ok", "no_variants", "not_in_vcf", "ok"],
        (G1, "thyroid"): ["ok", "no_variants", "not_in_vcf", "ok"],
        (G2, "lung"): ["ok", "ok", "ok", "not_finite"],
    }
    assert table[["base_rate", "cv_auroc", "n_train"]].drop_duplicates().to_numpy().tolist() == [[0.25, 0.7, 40]]
    at_bound = int(table["probability"].isin([0, 1]).sum())
    assert at_bound
    assert (table["flags"] == "at_bound").sum() == at_bound
    assert found.report == {
        "rows": 12,
        "genes": {"of_forests": 3, "asked": 2, "predicted": 2},
        "forests_asked": {"wanted": 6, "there": 3},
        "status": {"ok": 8, "no_variants": 2, "not_in_vcf": 2} | {"ok": 7, "not_finite": 1},
        "flags": {"at_bound": at_bound},
        "calibration": {
            "of": "cross-validated predictions of the donors trained on",
            "asked": 3,
            "units": [
                {"gene_id": gene_id, "tissue": tissue, "n": 40, "brier": 0.2, "bins": []}
                for gene_id, tissue in ((G1, "liver"), (G1, "thyroid"), (G2, "lung"))
            ],
        },
    }


def test_some_of_it(store: EmbeddingStore, folder: Path) -> None:
    forests = RiskForests.open(folder)
    whole = predict_risk(forests, store).table
    some = predict_risk(forests, store, genes=["G2", "G1"], tissues=["Lung", "liver"], samples=["P3", "P1"]).table
    assert some[["sample", "gene_name", "tissue"]].to_numpy().tolist() == [
        [sample, gene, tissue] for sample in ("P3", "P1") for gene, tissue in (("G2", "lung"), ("G1", "liver"))
    ]
    keys = ["sample", "gene_id", "tissue"]
    expected = whole.set_index(keys).loc[pd.MultiIndex.from_frame(some[keys])].reset_index()
    pd.testing.assert_frame_equal(some, expected[COLUMNS])


def test_a_probability_of_0_or_1_is_half_a_vote_from_the_end() -> None:
    np.testing.assert_allclose(
        log_odds(np.array([0, 1, 0.5, np.nan]), 100), [np.log(0.005 / 0.995), np.log(199), 0, np.nan]
    )
    np.testing.assert_allclose(log_odds(np.array([[0.0], [1.0]]), np.array([[1], [10]])), [[0], [np.log(19)]])


def test_the_released_forests(tmp_path: Path) -> None:
    """They have no numbers of a cross-validation; what they were not made for is said in each row."""
    folder = made_forests(tmp_path / "f", {G1: ["liver", "lung", "thyroid"], G2: ["whole blood"]}, width=1_536)
    vectors = np.random.default_rng(0).normal(size=(1, 2, 2, 1_536)).astype(np.float32)
    for model, precision, flags in (
        ("variantformer-PCG", "released", ""),
        ("me/variantformer-pcg", "float32", "other_precision"),
        ("variantformer-ag", "released", "other_model"),
        ("variantformer-ag", "bfloat16", "other_model;other_precision"),
    ):
        place = made_store(tmp_path / f"{model}-{precision}", vectors, model=model, precision=precision)
        found = predict_risk(RiskForests.open(folder), EmbeddingStore.open(place))
        assert found.table["tissue"].tolist() == ["liver", "lung"]
        assert found.table["flags"].str.removesuffix("at_bound").str.removesuffix(";").unique().tolist() == [flags]
        assert found.table["base_rate"].tolist() == [0.58, 0.58]
        assert found.table[["cv_auroc", "n_train"]].isna().all(axis=None)
        assert found.report["forests_asked"] == {"wanted": 4, "there": 2}
        assert found.report["calibration"] is None
    of_blood = made_store(tmp_path / "b", vectors, tissues=["testis", "ovary"], model="pcg", precision="released")
    with pytest.raises(
        InputError,
        match=r"the embeddings have no liver, lung, thyroid, whole blood; .* of .*/b of testis, ovary",
    ):
        predict_risk(RiskForests.open(folder), EmbeddingStore.open(of_blood))


@pytest.mark.parametrize(
    ("forests", "problem"),
    [
        (
            {"model": {"name": "other", "sha256": "f" * 64}},
            r"trained on embeddings of other \(SHA-256 ffffffffffff\).* of made",
        ),
        ({"width": 7}, "the forests take 7 numbers, those of made, and the embeddings of made have 6"),
        (
            {"tissues": ["heart"], "units": {G1: ["heart"]}},
            r"the embeddings have no heart; the forests are of heart, the embeddings of .*/store of liver",
        ),
        ({"features": "genotypes"}, "these forests read genotypes"),
        ({"units": {"ENSG00000000009.1": ["liver"]}}, "none of the 1 genes of the forests is among the 3"),
    ],
)
def test_forests_of_something_else_are_refused(
    forests: dict[str, Any], problem: str, store: EmbeddingStore, tmp_path: Path
) -> None:
    made = {"units": {G1: ["liver"]}, "model": store.model, **forests}
    with pytest.raises(InputError, match=problem):
        predict_risk(RiskForests.open(made_forests(tmp_path / "f", **made)), store)


def test_forests_in_another_precision_are_flagged(store: EmbeddingStore, tmp_path: Path) -> None:
    folder = made_forests(tmp_path / "f", {G1: ["liver"]}, model=store.model, precision="bfloat16")
    assert predict_risk(RiskForests.open(folder), store).report["flags"]["other_precision"] == 4


def test_people_whom_the_forests_were_trained_on_are_flagged(store: EmbeddingStore, tmp_path: Path) -> None:
    folder = made_forests(tmp_path / "f", {G2: ["lung"]}, model=store.model, precision="half", trained_on=["P2", "P9"])
    found = predict_risk(RiskForests.open(folder), store)
    flags = [[each for each in row.split(";") if each != "at_bound"] for row in found.table["flags"]]
    assert flags == [["other_precision", *(["trained_on"] if name == "P2" else [])] for name in found.table["sample"]]
    assert found.report["flags"]["trained_on"] == 1


def test_names_that_are_not_there(store: EmbeddingStore, folder: Path) -> None:
    forests = RiskForests.open(folder)
    for asked, problem in (
        ({"genes": ["G9"]}, "G9"),
        ({"genes": ["G3"]}, "'G3': has no forest"),
        ({"tissues": ["brain - cortex"]}, "brain - cortex"),
    ):
        with pytest.raises(RejectedQueryError, match=problem):
            predict_risk(forests, store, **asked)
    with pytest.raises(SampleError, match="P9"):
        predict_risk(forests, store, samples=["P9"])
    with pytest.raises(InputError, match="have no lung"):
        predict_risk(forests, store, genes=["G1"], tissues=["lung"])
    with pytest.raises(InputError, match="has 24 rows, which"):
        predict_risk(forests, store, limits=RunLimits(table_memory=100))


def test_a_file_that_is_damaged_is_named(store: EmbeddingStore, folder: Path, tmp_path: Path) -> None:
    broken = made_forests(tmp_path / "f", {G1: ["liver"]}, model=store.model)
    path = next(broken.glob("*.safetensors"))
    content = bytearray(path.read_bytes())
    behind = 8 + int.from_bytes(content[:8], "little")
    content[behind:] = b"\x7f" * (len(content) - behind)
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{path.name}.*(damaged)"):
        predict_risk(RiskForests.open(broken), store)

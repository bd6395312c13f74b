"""``variantformer map``: its page, its files, and what it refuses."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import invoke, run
from made_store import made_store
from page_blocks import DOCS, assert_as_shown, blocks

from variantformer_hf import EmbeddingStore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people's twelve genes in two tissues, of which one has a gene less."""
    vectors = np.random.default_rng(0).standard_normal((2, 12, 2, 6))
    vectors[1, 3] = np.nan
    return made_store(tmp_path_factory.mktemp("store") / "vectors", vectors)


@pytest.mark.slow
def test_the_page_does_what_it_says(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo-output").symlink_to(demo)
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"__name__": "page"}
    for block in blocks((DOCS / "maps.md").read_text()):
        steps = block.run(known)
        if block.language == "python" or block.shown:
            assert_as_shown(steps[-1].stdout, block.shown, abs=2e-2)
    table = pd.read_parquet("map.parquet")
    assert set(table["gene_type"]) == {"protein_coding"}
    places = table[["umap1", "umap2", "tissue_umap1", "tissue_umap2"]]
    assert np.isfinite(places).all(axis=None)
    assert set(json.loads(Path("map.parquet.report.json").read_text())["packages"]) >= {"umap-learn", "scikit-learn"}
    # Again: the same numbers, to the last bit.
    invoke("map", "vectors", "-o", "again.parquet", "--genes", "demo-output/model/genes.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet("again.parquet"), table)
    invoke("map", "vectors", "-o", "other.parquet", "--seed", 1, "--tissue", "liver")
    own = table.loc[table["tissue"] == "liver", "tissue_umap1"].to_numpy()
    assert not np.allclose(pd.read_parquet("other.parquet")["umap1"], own)
    drifted = pd.read_parquet("drift.parquet")
    assert (drifted["drift_distance"] > 0).all()
    assert len(pd.read_parquet("near.parquet.neighbours.parquet")) == 4 * 6 * 3


def test_all_files_of_a_map(store: Path, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    labels = tmp_path / "labels.tsv"
    labels.write_text("gene_name\tgroup\tscore\n" + "".join(f"G{n}\tg{n % 2}\t{n}\n" for n in range(1, 12)))
    asked = ["--table", labels, "--labels", "group", "--drift-from", "P2", "--sample", "P1", "--no-umap"]
    colours = [word for name in ("tissue", "cluster", "score", "drift", "expression") for word in ("--colour", name)]
    files = ["--plot", tmp_path / "map.svg", "--h5ad", tmp_path / "map.h5ad", "--neighbours", 2]
    said = run("map", store, "-o", tmp_path / "map.csv", *asked, *colours, *files)
    assert said.returncode == 0, said.stderr
    assert "24 points of 1 sample(s), 12 gene(s), 2 tissue(s); without an embedding: none" in said.stderr
    beside = ["", ".scores.tsv", ".report.json", ".neighbours.parquet"]
    names = [*(f"map.csv{each}" for each in beside), "map.svg", "map.tissues.svg", "map.h5ad"]
    assert said.stdout.split() == [str(tmp_path / name) for name in names]
    table = pd.read_csv(tmp_path / "map.csv")
    assert table["drift_distance"].isna().sum() == table["group"].isna().sum() == 2
    report = json.loads((tmp_path / "map.csv.report.json").read_text())
    assert report["points_without_drift"] == 2 and report["drift"] == {"from": "P2", "store": str(store)}
    assert report["table"] == {"rows": 11, "rows_of_no_point": 0, "points_without_a_row": 2}
    assert report["map"] == {"umap": False, "labels": "group", "resolution": 1.0, "seed": 0}
    drawn = (tmp_path / "map.svg").read_text()
    for text in ("principal component 1", "tissue, n = 24", "liver (12)", "predicted expression (log1p TPM)", "score"):
        assert f">{text}</text>" in drawn, text
    of_tissues = (tmp_path / "map.tissues.svg").read_text()
    assert ">lung, n = 12</text>" in of_tissues and "each tissue by itself, by cluster" in of_tissues
    data = anndata.read_h5ad(tmp_path / "map.h5ad")
    assert set(data.obsm) == {"X_pca", "X_pca_tissue"}
    np.testing.assert_allclose(data.obsm["X_pca"][:, 0], table["pc1"], atol=1e-5)
    np.testing.assert_array_equal(
        data.X.reshape(12, 2, 6), np.array([EmbeddingStore.open(store)[f"G{n}"][0] for n in range(1, 13)])
    )
    assert list(data.obs["group"].isna()) == list(table["group"].isna())
    assert json.loads(data.uns["map"])["points"] == 24


def test_without_umap_the_map_is_of_components_and_says_so(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    said = run("map", store, "-o", tmp_path / "map.parquet", "--plot", tmp_path / "map.png")
    assert said.returncode == 0
    assert "umap-learn is not installed: the map is of principal components." in said.stderr
    assert "pip install 'variantformer-hf[maps]'" in said.stderr
    assert "46 points of 2 sample(s), 12 gene(s), 2 tissue(s); without an embedding: 2 no_cres" in said.stderr
    table = pd.read_parquet(tmp_path / "map.parquet")
    assert "pc6" in table and "tissue_pc1" in table and "umap1" not in table
    report = json.loads((tmp_path / "map.parquet.report.json").read_text())
    assert report["map"]["umap"] is False and report["left_out"] == {"no_cres": 2}
    assert (tmp_path / "map.tissues.png").read_bytes().startswith(b"\x89PNG")


def test_of_tissues_too_small_for_a_map_only_the_joint_one_is_drawn(store: Path, tmp_path: Path) -> None:
    said = run("map", store, "-o", tmp_path / "m.tsv", "--no-umap", "--gene", "G1", "--plot", tmp_path / "m.png")
    assert said.returncode == 0, said.stderr
    assert "m.tissues.png is not written: no tissue has a map of its own" in said.stderr
    assert (tmp_path / "m.png").exists() and not (tmp_path / "m.tissues.png").exists()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--gene", "G99"], "G99"),
        (["--sample", "P3"], "has no sample 'P3'"),
        (["--tissue", "kidney"], "kidney"),
        (["--gene", "G1", "--sample", "P1"], "2 points make no map"),
        (["--labels", "group"], "the points have no column group"),
        (["--labels", "gene_type"], "It needs --genes"),
        (["--labels", "tissue", "--resolution", "-1"], "--resolution is -1.0"),
        (["--colour", "family"], "the points have no column family"),
        (["--neighbours", "-2"], "--neighbours is -2"),
        (["--seed", "-1"], "--seed is -1"),
        (["--seed", "4294967296"], "--seed is 4294967296"),
        (["--drift-from", "P1"], "drift is of two people, and 2 are asked for"),
        (["--drift-store", "there"], "--drift-store says where, and not who"),
        (["--plot", "map.gif"], "is no image"),
        (["--h5ad", "map.txt"], "the format h5ad is not written to such a file"),
        (["--table", "none.tsv"], "none.tsv: no such file"),
        (["--genes", "none.gtf"], "none.gtf: no such file"),
    ],
)
def test_what_cannot_be_mapped_writes_nothing(
    asked: list[str], said: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = run("map", store, "-o", "map.parquet", "--no-umap", *asked)
    assert refused.returncode in (1, 3)
    assert said in refused.stderr
    assert refused.stderr.strip().count("\n") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_of_predictions_is_no_store(tmp_path: Path) -> None:
    refused = run("map", tmp_path, "-o", tmp_path / "map.parquet")
    assert refused.returncode == 1 and "is no folder of predictions" in refused.stderr


@pytest.mark.slow
def test_two_processes_give_the_same_umap(store: Path, tmp_path: Path) -> None:
    import subprocess

    from forked_commands import forked_commands

    with forked_commands() as commands:
        for name in ("one", "two"):
            subprocess.run([commands / "variantformer", "map", store, "-o", tmp_path / f"{name}.parquet"], check=True)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_a_map_goes_to_stdout(store: Path) -> None:
    said = run("map", store, "--no-umap", "-o", "-")
    assert said.returncode == 0, said.stderr
    table = pd.read_csv(io.StringIO(said.stdout))
    assert len(table) == 46 and "pc1" in table
    assert "what is written beside the table needs a file" in said.stderr

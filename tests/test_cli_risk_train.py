"""``risk train`` and ``risk evaluate``: files, several processes, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import run
from forked_processes import CONTEXT, start_server
from made_forests import made_forests
from made_store import made_store
from risk_page_case import WIDTH, write_case

SMALL = ["--trees", "4,8", "--depths", "3", "--folds", "3", "--replicates", "50"]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("risk")
    write_case(folder)
    done = run("risk", "train", *store(folder), *lists(folder), *SMALL, "--top", 2, "-o", folder / "forests")
    assert done.returncode == 0, done.stderr
    return folder


def store(folder: Path, name: str = "vectors") -> list[object]:
    return ["--embedding-store", folder / name]


def lists(folder: Path) -> list[object]:
    return ["--labels", folder / "labels.tsv", "--held-out", folder / "held_out.txt"]


def test_several_processes_write_the_same(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start_server()
    monkeypatch.setattr("multiprocessing.get_context", lambda kind: CONTEXT)  # instead of two that import torch
    options = [*store(case), *lists(case), *SMALL, "--top", 2, "--workers", 2, "-o", tmp_path / "f"]
    done = run("risk", "train", *options)
    assert done.returncode == 0, done.stderr
    first, other = (
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (case / "forests", tmp_path / "f")
    )
    assert first == other
    assert set(map(Path, done.stdout.split())) == {tmp_path / "f" / name for name in first if "safetensors" not in name}


def test_evaluation_of_other_donors(case: Path, tmp_path: Path) -> None:
    command = ["risk", "evaluate", case / "forests", *store(case, "others"), "--labels", case / "other_labels.tsv"]
    done = run(*command, "-o", tmp_path / "s.parquet", "--gene", "G2", "--tissue", "Liver")
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(tmp_path / "s.parquet")
    assert table[["gene_name", "tissue", "n", "status"]].to_numpy().tolist() == [["G2", "liver", 30, "ok"]]
    assert table["auroc"].iloc[0] > 0.8
    report = json.loads((tmp_path / "s.parquet.report.json").read_text())
    assert report["research_use"].startswith("Research use only")
    assert report["auroc"]["mean"] == pytest.approx(table["auroc"].iloc[0])
    assert (report["donors"], report["flags"], report["calibration"]["n"]) == (30, [], 30)
    done = run(*command, "-o", "-")
    assert done.stdout.count("\n") == 3  # the two that were kept
    refused = run(*command, "-o", tmp_path / "s.parquet")
    assert "already exists" in refused.stderr
    refused = run(*command, "-o", tmp_path / "t.tsv", "--gene", "G9")
    assert (refused.returncode, "G9" in refused.stderr) == (3, True)


def test_what_evaluation_refuses(case: Path, tmp_path: Path) -> None:
    def refused(*options: object) -> str:
        done = run("risk", "evaluate", case / "forests", *options, "-o", tmp_path / "s.tsv")
        assert done.returncode == 1
        assert not (tmp_path / "s.tsv").exists()
        return done.stderr

    others = ["--labels", case / "other_labels.tsv"]
    assert "40 of the 60 labelled donors were trained on: D02" in refused(*store(case), *lists(case)[:2])
    assert "0 of its 60 donors have one of the 30 labels to score" in refused(*store(case), *others)
    rng = np.random.default_rng(0)
    names = [f"D{number}" for number in range(61, 91)]
    made_store(tmp_path / "wide", rng.normal(size=(30, 4, 2, 9)), samples=names)
    assert "the forests take 8 numbers, those of made, and the embeddings of made have 9" in refused(
        *store(tmp_path, "wide"), *others
    )
    made_store(tmp_path / "model", rng.normal(size=(30, 4, 2, 8)), samples=names, model="other")
    said = refused(*store(tmp_path, "model"), *others)
    assert "the forests were trained on embeddings of made" in said and "these are of other" in said
    made_store(tmp_path / "tissue", rng.normal(size=(30, 4, 2, 8)), samples=names, tissues=["spleen", "ovary"])
    assert "is of spleen, ovary, and the forests of" in refused(*store(tmp_path, "tissue"), *others)
    genotypes = ["--vcf", case / "cohort.vcf.gz", "--gtf", case / "genes.csv"]
    assert "has genotypes, and the forests of" in refused(*genotypes, *others)


def test_another_precision_is_said(case: Path, tmp_path: Path) -> None:
    names = [f"D{number}" for number in range(61, 91)]
    vectors = np.random.default_rng(0).normal(size=(30, 4, 2, 8))
    made_store(tmp_path / "half", vectors, samples=names, precision="bfloat16")
    labels = ["--labels", case / "other_labels.tsv", "-o", tmp_path / "s.tsv"]
    done = run("risk", "evaluate", case / "forests", *store(tmp_path, "half"), *labels)
    assert (done.returncode, "warning: other_precision" in done.stderr) == (0, True)


def test_released_forests_are_asked_with_a_warning(case: Path, tmp_path: Path) -> None:
    """Forests as they are converted, of embeddings of another width in the store than theirs."""
    folder = made_forests(tmp_path / "released", {"ENSG00000000002.1": ["liver", "lung"]}, width=WIDTH)
    labels = ["--labels", case / "other_labels.tsv", "-o", tmp_path / "s.tsv"]
    refused = run("risk", "evaluate", folder, *store(case, "others"), *labels)
    assert "the forests take 1,536 numbers" in refused.stderr
    vectors = np.random.default_rng(0).normal(size=(30, 2, 1, 1_536))
    made_store(
        tmp_path / "v", vectors, samples=[f"D{n}" for n in range(61, 91)], tissues=["lung"], precision="released"
    )
    folder = made_forests(tmp_path / "forests", {"ENSG00000000002.1": ["liver", "lung"]}, width=1_536)
    done = run("risk", "evaluate", folder, *store(tmp_path, "v"), *labels)
    assert done.returncode == 0, done.stderr
    assert "warning: other_model" in done.stderr
    table = pd.read_csv(tmp_path / "s.tsv", sep="\t")
    assert table[["tissue", "status"]].to_numpy().tolist() == [["liver", "not_in_features"], ["lung", "ok"]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no features are given"),
        (["--embedding-store", "{}/vectors", "--vcf", "x.vcf"], "--embedding-store and --vcf are given"),
        (["--vcf", "{}/cohort.vcf.gz"], "--vcf and --gtf go together"),
        (["--embedding-store", "{}/vectors", "--gtf", "{}/genes.csv"], "--vcf and --gtf go together"),
        (["--vcf", "{}/cohort.vcf.gz", "--gtf", "{}/genes.csv", "--tissue", "liver"], "has genes alone"),
        (["--embedding-store", "{}/vectors", "--trees", "5,many"], "--trees is '5,many'"),
        (["--embedding-store", "{}/vectors", "--folds", "2"], "2 folds"),
        (["--embedding-store", "{}/labels.tsv"], "labels.tsv"),
    ],
)
def test_what_training_refuses(options: list[str], said: str, case: Path, tmp_path: Path) -> None:
    filled = [option.replace("{}", str(case)) for option in options]
    refused = run("risk", "train", *filled, *lists(case), "-o", tmp_path / "f")
    assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
    assert not (tmp_path / "f").exists()


def test_genotypes_of_genes_that_the_vcf_has_not(case: Path, tmp_path: Path) -> None:
    genes = (case / "genes.csv").read_text() + "ENSG00000000003.1,G3,chr7,5,9,+\n"
    (tmp_path / "genes.csv").write_text(genes)
    options = ["--vcf", case / "cohort.vcf.gz", "--gtf", tmp_path / "genes.csv", *lists(case), *SMALL]
    done = run("risk", "train", *options, "-o", tmp_path / "f")
    assert done.returncode == 0, done.stderr
    assert "3 units: 2 ok, 1 not_in_vcf; 2 kept" in done.stderr
    units = pd.read_csv(tmp_path / "f" / "units.tsv", sep="\t")
    assert units["tissue"].isna().all()
    assert not (tmp_path / "f" / "ENSG00000000003.1.safetensors").exists()
    held_out = pd.read_csv(tmp_path / "f" / "held_out.tsv", sep="\t")
    assert held_out["missing"].eq(0).all()


def test_a_second_run_in_the_folder(case: Path) -> None:
    refused = run("risk", "train", *store(case), *lists(case), *SMALL, "-o", case / "forests")
    assert "holds forests already. Name another folder, or give --overwrite" in refused.stderr
    assert (case / "forests" / "forests.json").is_file()

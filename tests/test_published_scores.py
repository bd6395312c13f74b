"""Others' r from the files that they publish: perf_summary.csv, FUSION's text and FUSION's weights."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from published_case import perf_summary, profile

from variantformer_hf.data.field_columns import HELD_OUT, SEEN, UNSEEN
from variantformer_hf.data.published_scores import read_published
from variantformer_hf.errors import InputError

WEIGHTS = Path(__file__).parent / "fixtures" / "fusion"


def refused(path: Path, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_published("x", path)


def test_whole_runs_are_read_seeds_as_their_mean_and_what_is_not_predicted_as_none(tmp_path: Path) -> None:
    perf_summary().to_csv(tmp_path / "perf_summary.csv", index=False)
    found = read_published("Rastogi", tmp_path / "perf_summary.csv")
    table = found.rows.set_index(["model", "column"])
    assert list(dict.fromkeys(found.rows["model"])) == [
        "Elastic Net/PrediXcan",
        "Baseline Enformer",
        "Pairwise Regression (mean of 2)",
    ]
    net, tuned = table.loc["Elastic Net/PrediXcan"], table.loc["Pairwise Regression (mean of 2)"]
    assert list(net["r"]) == pytest.approx([0.283, 0.160, np.nan], nan_ok=True)
    assert list(net["abs_r"]) == pytest.approx([0.286, 0.183, np.nan], nan_ok=True)
    assert net.loc[UNSEEN, "reason"] == "no prediction: the file counts these genes as 0"
    assert list(net["n_genes"]) == [200, 200, 0]
    assert list(tuned.loc[[SEEN, HELD_OUT, UNSEEN], "r"]) == pytest.approx([0.279, 0.1705, 0.050])
    assert list(tuned["population"]) == ["all", "YRI", "all"]
    assert found.left_out == {"runs on fewer people, or on common variants only": 2}


def test_bad_summaries_are_refused_by_file_and_run(tmp_path: Path) -> None:
    path = tmp_path / "perf_summary.csv"
    perf_summary().drop(columns="Min AF").to_csv(path, index=False)
    refused(path, r"perf_summary.csv: has no column Min AF")
    perf_summary().replace({"unseen Genes Avg PearsonR": {0.056: 1.7}}).to_csv(path, index=False)
    refused(path, r"Baseline Enformer: unseen Genes Avg PearsonR is '1.7'")
    perf_summary().replace({"unseen Genes Avg |PearsonR|": {0.138: -0.1}}).to_csv(path, index=False)
    refused(path, r"Baseline Enformer: unseen Genes Avg \|PearsonR\| is '-0.1'")
    perf_summary().replace({"n_unseen": {670: "many"}}).to_csv(path, index=False)
    refused(path, r"n_unseen is 'many', no number")
    perf_summary().tail(1).to_csv(path, index=False)
    refused(path, "has no run on all people and variants")


def test_the_text_of_fusion_gives_sizes_of_r_without_a_sign(tmp_path: Path) -> None:
    path = tmp_path / "blood.profile"
    path.write_text(profile())
    found = read_published("Blood", path)
    table = found.genes.set_index(["model", "gene_name"])
    assert set(table["column"]) == {SEEN}
    assert table["pearson"].isna().all()
    assert table.loc[("top SNP", "Blood.ENSG00000000001.3"), "abs_pearson"] == pytest.approx(0.4)
    assert table.loc[("top SNP", "Blood.SIM7"), "abs_pearson"] == 0
    assert table.loc[("elastic net", "Blood.SIM7"), "abs_pearson"] == pytest.approx(0.3)
    assert table.loc[("elastic net", "Blood.ENSG00000000001.3"), "reason"].startswith("no R2")
    assert list(table.loc["top SNP", "h2"]) == pytest.approx([0.25, 0])
    assert list(table.loc["top SNP", "ceiling"]) == pytest.approx([0.5, 0])
    assert found.left_out == {"genes of elastic net without R2": 1}
    named = found.with_ids({"SIM7": "ENSG00000000077"})
    assert set(named["gene_id"]) == {"ENSG00000000001", "ENSG00000000077"}


def test_weights_that_r_wrote_give_r_before_the_adjustment(tmp_path: Path) -> None:
    genes = read_published("Blood", WEIGHTS).genes.set_index(["model", "gene_id"])
    # Adjusted R2 = 1 - (1 - R2) (n - 1) / (n - 2), with n = 102.
    expected = {("BLUP", 1): 0.16, ("LASSO", 1): 0.09, ("top SNP", 2): 0.04, ("elastic net", 2): 0.02}
    for (model, gene), adjusted in expected.items():
        r2 = 1 - (1 - adjusted) * 100 / 101
        assert genes.loc[(model, f"ENSG{gene:011d}"), "abs_pearson"] == pytest.approx(np.sqrt(r2))
    assert genes.loc[("elastic net", "ENSG00000000001"), "reason"].startswith("no R2")
    assert list(genes.loc["BLUP", "h2"]) == pytest.approx([0.25, 0.04])
    assert set(genes["n"]) == {102}
    shutil.copytree(WEIGHTS, tmp_path / "Blood")
    lines = [f"Blood/{path.name}\tG{number}\t1\t0\t1" for number, path in enumerate(sorted(WEIGHTS.iterdir()))]
    (tmp_path / "Blood.pos").write_text("\n".join(["WGT\tID\tCHR\tP0\tP1", *lines]) + "\n")
    listed = read_published("Blood", tmp_path / "Blood.pos").genes.set_index(["model", "gene_id"])
    pd.testing.assert_series_equal(listed["abs_pearson"], genes["abs_pearson"])


def test_a_list_that_has_the_numbers_beside_needs_no_weights(tmp_path: Path) -> None:
    row = ["Blood/Blood.SIM7.wgt.RDat", "SIM7", "1", "0", "1", "102", "0.25", "0.16", "0.09"]
    path = tmp_path / "all.models.par"
    path.write_text("WGT ID CHR P0 P1 N HSQ TOP1.R2 ENET.R2\n" + " ".join(row) + "\n")
    genes = read_published("hub", path).with_ids({"SIM7": "ENSG00000000007"}).set_index("model")
    assert set(genes["gene_id"]) == {"ENSG00000000007"}
    assert genes.loc["top SNP", "abs_pearson"] == pytest.approx(np.sqrt(1 - 0.84 * 100 / 101))


def test_bad_files_of_fusion_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.profile"
    path.write_text(profile(id="same"))
    refused(path, r"x.profile: same: is there twice")
    path.write_text(profile(**{"top1.r2": "1.2"}))
    refused(path, r"Blood.ENSG00000000001.3: top1.r2 is 1.2")
    path.write_text(profile(hsq="high"))
    refused(path, "hsq is 'high', no number")
    path.write_text(profile().replace("hsq\t", "h2\t"))
    refused(path, "has no column hsq")
    path.write_text(profile().replace("enet.r2", "enet.rsq").replace("top1.r2", "top1.rsq"))
    refused(path, "has the columns id, nsnps.*which no published scores have")
    path.write_text(profile(**{"top1.r2": "NA", "enet.r2": "NA"}))
    refused(path, "x has no R2 of any method")
    path.write_text(profile().partition("\n")[0] + "\n")
    refused(path, "has no row")
    pos = tmp_path / "x.pos"
    pos.write_text("WGT ID CHR P0 P1\nBlood/none.wgt.RDat G 1 0 1\n")
    refused(pos, "lists Blood/none.wgt.RDat, which is not beside it")
    refused(tmp_path / "nothing.csv", "no such file")
    refused(tmp_path, "holds no .wgt.RDat")
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    refused(tmp_path / "table.parquet", "is none of the files that are read")
    whole = sorted(WEIGHTS.iterdir())[0].read_bytes()
    weights = tmp_path / "weights"
    weights.mkdir()
    for content in (b"no R", whole[:200], whole[:-40]):
        (weights / "G.wgt.RDat").write_bytes(content)
        refused(weights, "G.wgt.RDat: is no weights of FUSION")
    monkeypatch.setitem(sys.modules, "rdata", None)
    refused(WEIGHTS, r"need the package rdata. Install it: pip install 'variantformer-hf\[fusion\]'")

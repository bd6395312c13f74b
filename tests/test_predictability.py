"""How far to trust a prediction: r of cross-validation beside each, and the rule."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from baseline_lab import DONORS, TEST, Lab, write_lab
from command_line import run
from safetensors.numpy import load_file, save_file
from scipy import stats

from variantformer_hf.data.predictability_table import models_of
from variantformer_hf.evaluation.predictability import predictability, with_trust
from variantformer_hf.training.dosage.fitting import fit_dosages
from variantformer_hf.zoo.dosage.recipes import recipe_named


def fits(**r2: float) -> pd.DataFrame:
    rows = [(gene, "liver", 50, value, 0.001) for gene, value in r2.items()]
    return pd.DataFrame(rows, columns=["gene_id", "tissue", "n_people", "pred_perf_r2", "pred_perf_pval"])


def test_r_and_ceiling_are_roots_and_what_is_not_known_is_missing() -> None:
    h2 = pd.DataFrame({"gene_id": ["A"], "tissue": ["liver"], "h2": [0.64]})
    found = predictability({"net": fits(A=0.25, B=0.01), "prior": fits(A=0.36)}, h2, "EUR").set_index("gene_id")
    assert found.loc["A", ["r_net", "r_prior", "ceiling"]].tolist() == pytest.approx([0.5, 0.6, 0.8])
    assert found.loc["B", "r_net"] == pytest.approx(0.1)
    assert found.loc["B", ["r_prior", "h2", "ceiling"]].isna().all()
    assert (found["n"] == 50).all() and (found["population"] == "EUR").all()


@pytest.mark.parametrize(
    ("r", "p", "trust"),
    [(0.5, 0.01, "high"), (0.49, 0.01, "low"), (0.1, 0.049, "low"), (0.099, 0.01, "none"), (0.9, 0.05, "none")],
)
def test_the_rule_of_trust(r: float, p: float, trust: str) -> None:
    known = pd.DataFrame({"gene_id": ["A"], "tissue": ["liver"], "r_net": [r], "p_net": [p]})
    table = pd.DataFrame({"gene_id": ["A.1", "A.1", "B.2"], "tissue": ["liver", "lung", "liver"]})
    found = with_trust(table, pd.Series(["A", "A", "B"]), known, "net")
    assert found["trust"].tolist() == [trust, "none", "none"]
    assert found["expected_r"][0] == pytest.approx(r)
    assert found["expected_r"][1:].isna().all()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    found = write_lab(tmp_path_factory.mktemp("lab"))
    for kind in ("elastic-net", "mean"):
        radius = {} if kind == "mean" else {"radius": 12_000, "folds": 3}
        folder = found.folder / kind
        recipe = recipe_named(kind, **radius)
        fit_dosages(recipe, found.expression, found.split, found.inputs, folder, parts=found.folder / f"{kind}.parts")
    return found


def test_the_command_line(lab: Lab, tmp_path: Path) -> None:
    """Two populations in a table, and predictions with what is to be expected in one."""
    h2 = "gene_id\ttissue\th2\nENSG00000000001.3\tliver\t0.9\n"
    (tmp_path / "h2.tsv").write_text(h2)
    first, both = tmp_path / "first.parquet", tmp_path / "both.parquet"
    model = ["--model", f"net={lab.folder / 'elastic-net'}"]
    done = run("predictability", *model, "--population", "EUR", "--heritability", tmp_path / "h2.tsv", "-o", first)
    assert done.returncode == 0, done.stderr
    assert "6 genes x tissues of EUR" in done.stderr
    done = run("predictability", *model, "--population", "AFR", "--beside", first, "-o", both)
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(both)
    assert table["population"].value_counts().to_dict() == {"EUR": 6, "AFR": 6}
    assert table["ceiling"].dropna().tolist() == pytest.approx([np.sqrt(0.9)])
    files = ["--fasta", lab.folder / "genome.fa", "--vcf", lab.folder / "cohort.vcf.gz", "--sample", TEST[0]]
    predicted = ["predict", lab.folder / "elastic-net", *files, "--predictability", both]
    out = tmp_path / "table.csv"
    done = run(*predicted, "--population", "EUR", "-o", out)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(out, keep_default_na=False).set_index(["gene_name", "tissue"])
    assert found.loc[("UP", "liver"), "trust"] == "high"
    assert float(found.loc[("UP", "liver"), "expected_r"]) > 0.8
    assert found.loc[("FAR", "liver"), "trust"] == "none"
    report = json.loads((tmp_path / "table.csv.report.json").read_text())
    assert sum(n for name, n in report["trust"].items() if name != "model") == len(found)
    done = run(*predicted, "-o", tmp_path / "other.csv")
    assert done.returncode != 0
    assert "has several, or no, populations: 'EUR', 'AFR'" in done.stderr


def test_any_model_is_known_by_its_evaluation(lab: Lab, tmp_path: Path) -> None:
    """r over the donors who were held out, by hand; predictions whose tissue goes by another name are joined to it."""
    files = ["--fasta", lab.folder / "genome.fa", "--vcf", lab.folder / "cohort.vcf.gz"]
    predicted = tmp_path / "all.parquet"
    done = run("predict", lab.folder / "elastic-net", *files, "--all-samples", "-o", predicted)
    assert done.returncode == 0, done.stderr
    (tmp_path / "people.tsv").write_text("\n".join(["donor", *DONORS]) + "\n")
    asked = ["--expression", lab.folder / "expression", "--split", lab.folder / "split.json"]
    asked += ["--samples", tmp_path / "people.tsv", "--no-map", "-o", tmp_path / "evaluated"]
    done = run("evaluate", "predictions", "--predictions", f"any={predicted}", *asked)
    assert done.returncode == 0, done.stderr
    known = tmp_path / "known.parquet"
    done = run("predictability", "--model", f"any={tmp_path / 'evaluated'}", "-o", known)
    assert done.returncode == 0, done.stderr
    table = pd.read_parquet(known).set_index(["gene_id", "tissue"])
    values = (
        pd.read_parquet(predicted).query("gene_name == 'UP' and tissue == 'liver'").set_index("sample")["log1p_tpm"]
    )
    row = table.loc[("ENSG00000000001", "liver")]
    of_gene = lab.expression.gene == lab.expression.genes.index("ENSG00000000001")
    samples = lab.expression.samples.to_pandas().iloc[lab.expression.sample[of_gene]]
    measured = samples.assign(value=lab.expression.value[of_gene]).query("tissue == 'liver'").set_index("donor")
    r = stats.pearsonr(measured["value"].loc[list(TEST)], values.loc[list(TEST)], alternative="greater")
    assert row["n"] == len(TEST) and row["r_any"] == pytest.approx(r.statistic, abs=1e-4)
    assert row["p_any"] == pytest.approx(r.pvalue, rel=1e-2)
    other = pd.read_parquet(known).assign(tissue=lambda rows: rows["tissue"].str.title())
    other.to_parquet(tmp_path / "other.parquet")
    asked = ["--sample", TEST[0], "--predictability", tmp_path / "other.parquet", "-o", tmp_path / "table.csv"]
    done = run("predict", lab.folder / "elastic-net", *files, *asked)
    assert done.returncode == 0, done.stderr
    found = pd.read_csv(tmp_path / "table.csv").set_index(["gene_name", "tissue"])
    assert found.loc[("UP", "liver"), "expected_r"] == pytest.approx(row["r_any"], rel=1e-5)
    assert "does not say which model 'any' is" in done.stderr
    done = run(
        "predict", lab.folder / "mean", *files, *asked[:2], "--predictability", known, "-o", tmp_path / "mean.csv"
    )
    assert done.returncode != 0
    assert "known.parquet: is of the model elastic-net (" in done.stderr
    text = json.loads((tmp_path / "evaluated/evaluate.json").read_text())
    assert text["made_by"]["any"]["name"] == "elastic-net"
    (tmp_path / "evaluated/evaluate.json").write_text(json.dumps({**text, "made_by": {"any": None}}))
    assert models_of({"any": tmp_path / "evaluated"}) == {"any": None}
    done = run("predictability", "--model", f"net={tmp_path / 'evaluated'}", "-o", tmp_path / "bad.parquet")
    assert done.returncode != 0 and "has no model 'net': it has 'any'" in done.stderr


def test_weights_that_follow_a_model_say_nothing_of_expression(lab: Lab, tmp_path: Path) -> None:
    table = pd.read_parquet(lab.folder / "elastic-net/fits.parquet").assign(deep_sd=1.0)
    table.to_parquet(tmp_path / "fits.parquet")
    done = run("predictability", "--model", f"linear={tmp_path}", "-o", tmp_path / "out.parquet")
    assert done.returncode != 0 and "its R2 is against the model that the weights follow" in done.stderr
    assert not (tmp_path / "out.parquet").exists()


def known_of(lab: Lab, path: Path, **folders: Path) -> Path:
    models = [each for name, folder in folders.items() for each in ("--model", f"{name}={folder}")]
    done = run("predictability", *models, "-o", path, "--overwrite")
    assert done.returncode == 0, done.stderr
    return path


def predicted_with(lab: Lab, model: Path, known: Path, output: Path, *more: object) -> Any:
    files = ["--fasta", lab.folder / "genome.fa", "--vcf", lab.folder / "cohort.vcf.gz", "--sample", TEST[0]]
    return run("predict", model, *files, "--predictability", known, *more, "-o", output)


def test_another_models_numbers_are_refused(lab: Lab, tmp_path: Path) -> None:
    """A model is its weights, wherever its folder lies and whatever it is called."""
    known = known_of(lab, tmp_path / "known.parquet", net=lab.folder / "elastic-net")
    shutil.copytree(lab.folder / "elastic-net", tmp_path / "same")
    done = predicted_with(lab, tmp_path / "same", known, tmp_path / "same.csv")
    assert done.returncode == 0 and "which model" not in done.stderr, done.stderr
    for more in ([], ["--trust-model", "net"]):
        done = predicted_with(lab, lab.folder / "mean", known, tmp_path / "other.csv", *more)
        assert done.returncode != 0
        assert re.search(
            r"known.parquet: is of the model elastic-net \(\w{8}\), and the predictions are of mean \(\w{8}\)\. Make "
            r"the table of this model: `variantformer predictability`; or predict with that one",
            " ".join(done.stderr.split()),
        )
        assert not (tmp_path / "other.csv").exists()


def test_of_several_models_the_one_that_predicts_is_taken(lab: Lab, tmp_path: Path) -> None:
    """In each population by what the table says of that one."""
    net, other = lab.folder / "elastic-net", tmp_path / "other"
    shutil.copytree(net, other)
    arrays = load_file(net / "model.safetensors")
    save_file({**arrays, "weight": arrays["weight"] + np.float32(1)}, other / "model.safetensors")
    known = known_of(lab, tmp_path / "known.parquet", first=other, second=net)
    done = predicted_with(lab, net, known, tmp_path / "net.csv")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "net.csv.report.json").read_text())["trust"]["model"] == "second"
    asked = ["--model", f"first={net}", "--population", "AFR", "--beside", known, "-o", tmp_path / "both.parquet"]
    assert run("predictability", *asked).returncode == 0
    for population, name in (("AFR", "first"), ("all", "second")):
        output = tmp_path / f"{population}.csv"
        done = predicted_with(lab, net, tmp_path / "both.parquet", output, "--population", population)
        assert done.returncode == 0, done.stderr
        assert json.loads((tmp_path / f"{population}.csv.report.json").read_text())["trust"]["model"] == name
    twice = known_of(lab, tmp_path / "twice.parquet", first=net, second=net)
    done = predicted_with(lab, net, twice, tmp_path / "twice.csv")
    assert done.returncode != 0 and "has several, or no, models: 'first', 'second'" in done.stderr


def test_a_table_that_does_not_say_its_model_is_used_with_a_warning(lab: Lab, tmp_path: Path) -> None:
    known = known_of(lab, tmp_path / "known.parquet", net=lab.folder / "elastic-net")
    pd.read_parquet(known).to_parquet(tmp_path / "old.parquet")
    for name, warns in (("known", False), ("old", True)):
        output = tmp_path / f"{name}.csv"
        done = predicted_with(lab, lab.folder / "elastic-net", tmp_path / f"{name}.parquet", output)
        assert done.returncode == 0, done.stderr
        assert (f"{name}.parquet: does not say which model 'net' is" in done.stderr) == warns
    assert (tmp_path / "old.csv").read_bytes() == (tmp_path / "known.csv").read_bytes()


BAD = {
    "no_folds": (["predictability", "--model", "m={lab}/mean"], "has no column pred_perf_r2"),
    "no_name": (["predictability", "--model", "{lab}/mean"], "has no name"),
    "no_folder": (["predictability", "--model", "m={lab}/nothing"], "no such file"),
    "no_parquet": (
        ["predict", "{lab}/mean", "{files}", "--predictability", "{lab}/genes.csv"],
        "is not a Parquet file",
    ),
    "nothing_to_trust": (["predict", "{lab}/mean", "{files}", "--population", "EUR"], "are of --predictability"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(lab: Lab, tmp_path: Path, case: str) -> None:
    asked, said = BAD[case]
    arguments: list[object] = []
    for each in asked:
        arguments += ["--fasta", lab.folder / "genome.fa"] if each == "{files}" else [each.format(lab=lab.folder)]
    output = tmp_path / ("out.parquet" if asked[0] == "predictability" else "out.csv")
    done = run(*arguments, "-o", output)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not output.exists()

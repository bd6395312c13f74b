"""``variantformer evaluate predictions --columns``: files in, tables, figure and page out, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Finished, run
from published_case import perf_summary, profile

from variantformer_hf.data.field_columns import HELD_OUT, SEEN, UNSEEN
from variantformer_hf.data.splits import Split

GENES = [f"ENSG{number:011d}" for number in range(10)]
EUROPE, AFRICA = [f"E{number:02d}" for number in range(18)], [f"A{number:02d}" for number in range(12)]
Paths = dict[str, Path]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """30 people of two populations, six of one trained on; 10 genes, seven of them; a model that knows all, one that
    knows the seven."""
    folder = tmp_path_factory.mktemp("columns")
    rng = np.random.default_rng(0)
    paths = {name: folder / f"{name}.csv" for name in ("expression", "deep", "linear", "h2", "h2_africa", "perf")}
    rows = [(donor, "liver", gene, rng.normal(3, 0.5)) for gene in GENES for donor in EUROPE + AFRICA]
    table = pd.DataFrame(rows, columns=["donor", "tissue", "gene_id", "value"])
    table.assign(tpm=np.expm1(table.pop("value"))).to_csv(paths["expression"], index=False)
    values = np.array([row[3] for row in rows])
    for name, noise in (("deep", 0.4), ("linear", 0.8)):
        predicted = [
            (donor, gene, "liver", value + rng.normal(0, noise), "ok")
            for (donor, _, gene, _), value in zip(rows, values, strict=True)
            if name == "deep" or gene in GENES[:7]
        ]
        names = ["sample", "gene_id", "tissue", "log1p_tpm", "status"]
        pd.DataFrame(predicted, columns=names).to_csv(paths[name], index=False)
    paths["people"] = folder / "people.tsv"
    people = [(name, "EUR") for name in EUROPE] + [(name, "AFR") for name in AFRICA]
    pd.DataFrame(people, columns=["donor", "super_population"]).to_csv(paths["people"], sep="\t", index=False)
    paths["split"] = folder / "split.json"
    parts = {name: "train" if name in EUROPE[:6] else "test" for name in EUROPE + AFRICA}
    split = Split({"LAB": parts}).with_genes({gene: "train" if n < 7 else "test" for n, gene in enumerate(GENES)})
    split.save(paths["split"])
    for name, h2 in (("h2", 0.81), ("h2_africa", 0.36)):
        pd.DataFrame({"gene_id": GENES, "tissue": "liver", "h2": h2}).to_csv(paths[name], index=False)
    perf_summary().to_csv(paths["perf"], index=False)
    paths["fusion"] = folder / "blood.profile"
    paths["fusion"].write_text(profile())
    return paths


def evaluated(case: Paths, output: Path, *more: object, **changed: object) -> Finished:
    options = {"expression": case["expression"], "samples": case["people"], "split": case["split"], "cohort": "LAB"}
    named = [f for name in ("deep", "linear") for f in ("--predictions", f"{name}={case[name]}")]
    given = [f for name, value in (options | changed).items() if value is not None for f in (f"--{name}", value)]
    return run("evaluate", "predictions", *named, *given, "--no-map", "--output", output, *more)


@pytest.fixture(scope="module")
def whole(case: Paths, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    folder = tmp_path_factory.mktemp("whole") / "out"
    beside = ["--published", f"Rastogi & others={case['perf']}", "--published", f"Blood={case['fusion']}"]
    ceilings = ["--heritability", case["h2"], "--population-heritability", f"AFR={case['h2_africa']}"]
    done = evaluated(case, folder, "--columns", *beside, *ceilings)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_the_table_has_the_run_and_others_a_figure_a_section_and_counts(whole: tuple[Path, Finished]) -> None:
    folder, done = whole
    table = pd.read_csv(folder / "columns.csv", keep_default_na=False)
    assert len(table) == len(pd.read_parquet(folder / "columns.parquet"))
    cells = table[table["genes"] == "all"].set_index(["source", "model", "column"])
    assert cells.loc[("this run", "linear", UNSEEN), "r"] == "NA"
    assert cells.loc[("this run", "linear", UNSEEN), "reason"] == "the model predicts none of these"
    r = cells["r"].replace("NA", np.nan).astype(float)
    assert r["this run", "deep", SEEN] > 0.5 > 0.4 > r["Rastogi & others", "Elastic Net/PrediXcan", SEEN] == 0.283
    ceilings = table[(table["source"] == "this run") & (table["model"] == "deep") & (table["genes"] == "all")][
        "ceiling"
    ]
    assert list(ceilings.astype(float)) == pytest.approx([0.9, 0.6, 0.9])
    shared = table[table["genes"] == "shared with Blood"].set_index("model")
    assert list(shared.index) == ["deep", "linear", "top SNP"]
    assert set(shared["n_genes"]) == {1}
    assert (folder / "columns.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "report.html").read_text()
    for text in ("The field&#x27;s columns", "columns.svg", "Rastogi &amp; others", "the model predicts none of these"):
        assert text in page
    counts = pd.read_csv(folder / "counts.tsv", sep="\t").groupby(["table", "model", "reason"])["n"].sum()
    assert counts["columns", "linear", "measured, and not predicted"] == 3 * 12
    assert counts["columns", "expression", "of unseen genes in people of another population"] == 3 * 12
    assert counts["columns", "Rastogi & others", "runs on fewer people, or on common variants only"] == 2
    assert counts["columns", "Blood", "genes of elastic net without R2"] == 1
    content = json.loads((folder / "evaluate.json").read_text())
    asked = {"population_column": "super_population", "training_populations": ["EUR"]}
    assert content["options"]["columns"] == asked
    assert {"published Blood", "published Rastogi & others", "heritability of AFR"} <= set(content["inputs"])
    assert "linear, unseen genes: NA (the model predicts none of these)" in done.stderr
    assert "top SNP (Blood), seen genes: |r| 0.200 of 2 genes" in done.stderr


def test_a_cohort_that_is_held_out_whole_is_the_other_population(
    case: Paths, whole: tuple[Path, Finished], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As GTEx is trained on and MAGE is not: the same numbers as of one cohort of the same people."""
    monkeypatch.setattr("variantformer_hf.report.evaluation_report.figures", lambda tables: ())
    together = Split.load(case["split"])
    parts = together.donors["LAB"]
    cohorts = {"LAB": EUROPE, "MAGE": AFRICA}
    Split({cohort: {name: parts[name] for name in names} for cohort, names in cohorts.items()}).with_genes(
        together.genes
    ).save(tmp_path / "split.json")
    measured = pd.read_csv(case["expression"])
    for cohort, names in cohorts.items():
        its = measured[measured["donor"].isin(names)].assign(cohort=cohort)
        its.to_csv(tmp_path / f"{cohort}.csv", index=False)
    files = {"expression": tmp_path / "LAB.csv", "split": tmp_path / "split.json", "cohort": None}
    done = evaluated(case, tmp_path / "out", "--columns", "--expression", tmp_path / "MAGE.csv", **files)
    assert done.returncode == 0, done.stderr
    names = ["model", "column", "population", "n_genes", "n_people", "r"]
    found = pd.read_csv(tmp_path / "out" / "columns.csv")
    of_one = pd.read_csv(whole[0] / "columns.csv")
    of_one = of_one[(of_one["source"] == "this run") & (of_one["genes"] == "all")]
    pd.testing.assert_frame_equal(
        found.loc[found["genes"] == "all", names].reset_index(drop=True), of_one[names].reset_index(drop=True)
    )


def test_the_genes_of_a_column_stand_there_with_their_people(whole: tuple[Path, Finished]) -> None:
    genes = pd.read_parquet(whole[0] / "columns_by_gene.parquet")
    seen = genes[(genes["column"] == HELD_OUT) & (genes["model"] == "deep")]
    assert len(seen) == 7
    assert set(seen["n"]) == {12}
    assert set(seen["population"]) == {"AFR"}


@pytest.mark.parametrize(
    ("more", "changed", "said"),
    [
        (["--published", "x=y"], {}, "--published is of the field's columns. Ask for them too: --columns."),
        (["--columns"], {"split": None}, "--columns needs the split"),
        (["--columns", "--population-column", "ancestry"], {}, "people.tsv: has no column ancestry"),
        (["--columns", "--training-population", "AFR"], {}, "E00: is of EUR and was trained on"),
        (["--columns", "--training-population", "GBR"], {}, "nobody is of GBR: super_population has AFR, EUR"),
        (["--columns", "--published", "perf.csv"], {}, "--published perf.csv has no name"),
        (["--columns", "--published", "a=x", "--published", "a=y"], {}, "--published names a twice"),
        (["--columns", "--published", "a={h2}"], {}, "which no published scores have"),
        (["--columns", "--population-heritability", "SAS={h2}"], {}, "is given as of SAS, and nobody is of it"),
        (["--columns", "--population-heritability", "AFR={perf}"], {}, "perf.csv: has no column gene_id"),
    ],
)
def test_bad_columns_get_one_error_and_leave_nothing(
    case: Paths, tmp_path: Path, more: list[str], changed: dict[str, object], said: str
) -> None:
    done = evaluated(case, tmp_path / "out", *(text.format(**case) for text in more), **changed)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("error:") == 1
    assert not (tmp_path / "out").exists()

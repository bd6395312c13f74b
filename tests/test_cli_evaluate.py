"""``variantformer evaluate predictions``: files in, a folder out, and what is refused."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import Finished, run
from evaluation_case import write_case
from scipy import stats

from variantformer_hf.data.evaluation_grid import EvaluationGrid, evaluation_grid
from variantformer_hf.data.folds import gene_folds, load_folds, save_folds
from variantformer_hf.data.measured import Measured, read_measured, read_people
from variantformer_hf.data.prediction_tables import open_predictions, read_predictions
from variantformer_hf.data.splits import Split
from variantformer_hf.errors import InputError
from variantformer_hf.genome.genes import GeneTable
from variantformer_hf.report.evaluation_figures import figures
from variantformer_hf.report.plots import save_figure

Paths = dict[str, Path]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return write_case(tmp_path_factory.mktemp("case"))


def arguments(case: Paths, **changed: object) -> list[object]:
    """Of a command; an option that is None is left out."""
    options: dict[str, object] = {
        "expression": [case[name] for name in ("LAB", "MAGE", "ENC")],
        "samples": case["samples"],
        "predictions": [f"A={case['A']}"],
        "genes": case["genes"],
    }
    options |= changed
    found: list[object] = ["evaluate", "predictions", "--no-map"]
    for name, values in options.items():
        for value in values if isinstance(values, list) else [] if values is None else [values]:
            found += [f"--{name.replace('_', '-')}", value]
    return found


def refused(case: Paths, folder: Path, **changed: object) -> str:
    """What the command says of bad input; it leaves nothing."""
    done = run(*arguments(case, output=folder / "out", **changed))
    assert done.returncode == 1, done.stderr
    assert not (folder / "out").exists()
    return done.stderr


@pytest.fixture(scope="module")
def whole(case: Paths, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Finished]:
    """An evaluation of two models, one with a name that HTML and matplotlib would read otherwise."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    names = [f"A <b>&$x$={case['A']}", f"B={case['B']}"]
    done = run(*arguments(case, predictions=names, output=folder, fewest_donors=3))
    assert done.returncode == 0, done.stderr
    return folder, done


class _Page(HTMLParser):
    """Tags of a page, and what they lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")


def test_the_folder_has_each_table_twice_each_figure_twice_and_one_page(whole: tuple[Path, Finished]) -> None:
    folder, done = whole
    content = json.loads((folder / "evaluate.json").read_text())
    for name, rows in content["tables"].items():
        table = pd.read_parquet(folder / f"{name}.parquet")
        text = pd.read_csv(folder / f"{name}.csv", keep_default_na=False)
        assert len(table) == len(text) == rows
        assert list(table) == list(text)
    wanted = {"gene_correlation", "subject_correlation", "coverage", "cell_lines", "within_tissue", "per_gene"}
    assert wanted <= set(content["tables"])
    for name in (*wanted, "gene_correlation_by_tissue"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (folder / f"{name}.svg").read_text()
    assert content["models"] == ["A <b>&$x$", "B"]
    assert content["skipped"]["chromosome_folds"].startswith("--split is no folder")
    few = "no cohort and tissue has two super-populations with 3 donors"
    assert content["skipped"]["ancestry_genes"] == few
    assert f"no ancestry_genes: {few}" in done.stderr
    assert content["inputs"]["samples"]["sha256"]
    assert content["options"]["fewest_donors"] == 3
    assert content["overlap"][0]["donors"] == 14
    assert "A <b>&$x$: 14 donors, 8 genes, 6 tissues of 14, 8 and 6 measured" in done.stderr
    assert done.stdout.strip() == str(folder / "report.html")
    counts = pd.read_csv(folder / "counts.tsv", sep="\t")
    assert list(counts) == ["table", "model", "what", "reason", "n"]


def test_the_page_asks_nothing_of_the_network_runs_nothing_and_escapes_names(whole: tuple[Path, Finished]) -> None:
    text = (whole[0] / "report.html").read_text()
    page = _Page(text)
    assert not {"script", "iframe", "object", "embed", "link", "img", "b"} & set(page.tags)
    assert all(link.startswith(("#", "data:")) for link in page.links), page.links
    assert len(page.ids) == len(set(page.ids))
    assert "A &lt;b&gt;&amp;$x$" in text
    assert "@import" not in text
    assert not re.findall(r"url\((?!#)", text)
    first = text[text.index("<body>") :].split("</p>")[0]
    assert "Nothing shows that these donors were held out" in first
    assert text.count("<figure>") == 7


def test_the_same_tables_are_drawn_as_the_same_bytes(whole: tuple[Path, Finished], tmp_path: Path) -> None:
    tables = {"cell_lines": pd.read_parquet(whole[0] / "cell_lines.parquet")}
    for name, figure in figures(tables):
        for suffix in (".svg", ".png"):
            written = save_figure(figure, tmp_path / f"{name}{suffix}").read_bytes()
            assert written == (whole[0] / f"{name}{suffix}").read_bytes()


def test_a_folder_of_something_else_is_never_replaced(
    case: Paths, whole: tuple[Path, Finished], tmp_path: Path
) -> None:
    own = tmp_path / "out"
    own.mkdir()
    (own / "mine.txt").write_text("mine")
    done = run(*arguments(case, output=own), "--overwrite")
    assert done.returncode == 1
    assert "already exists" in done.stderr
    assert [path.name for path in own.iterdir()] == ["mine.txt"]
    done = run(*arguments(case, output=whole[0]))
    assert "give --overwrite" in done.stderr
    assert (whole[0] / "report.html").exists()


# Reading


def grid_of(case: Paths, splits: tuple[Split, ...] = (), **options: object) -> tuple[EvaluationGrid, pd.DataFrame]:
    people = read_people(case["samples"])
    measured = read_measured([case[name] for name in ("LAB", "MAGE", "ENC")]).of_people(people, case["samples"])
    return evaluation_grid(measured, splits, **options), people  # type: ignore[arg-type]


def predicted(case: Paths, path: Path, **options: str) -> np.ndarray:
    grid, people = grid_of(case)
    return read_predictions([(None, each) for each in open_predictions(path, **options)], grid, people).values


def table_of(case: Paths) -> pd.DataFrame:
    return pd.read_parquet(case["A"])


def test_any_layout_of_the_predictions_reads_as_the_same_values(case: Paths, tmp_path: Path) -> None:
    table = table_of(case)
    wanted = predicted(case, case["A"])
    assert np.isfinite(wanted).sum() == len(table)
    table.to_csv(tmp_path / "x.csv.gz", index=False)
    table.drop(columns="status").to_csv(tmp_path / "x.tsv", sep="\t", index=False)
    table.assign(sample=table["sample"].astype("category"), tpm=np.expm1(table["log1p_tpm"])).drop(
        columns="log1p_tpm"
    ).to_parquet(tmp_path / "tpm.parquet")
    other = table.rename(columns={"sample": "donor", "log1p_tpm": "score"})
    other.assign(gene_id=other["gene_id"].str.split(".").str[0], log1p_tpm="no number").to_csv(
        tmp_path / "other.csv", index=False
    )
    folder = tmp_path / "dataset"
    (folder / "chr1").mkdir(parents=True)
    (folder / "_report.json").write_text('{"unit": "log1p_tpm"}')
    for number, part in enumerate((table[:100], table[100:])):
        part.to_parquet(folder / f"chr1/{number}.parquet")
    for path, options in {
        tmp_path / "x.csv.gz": {},
        tmp_path / "x.tsv": {},
        tmp_path / "tpm.parquet": {},
        tmp_path / "other.csv": {"value": "score", "unit": "log1p_tpm"},
        folder: {},
    }.items():
        np.testing.assert_allclose(predicted(case, path, **options), wanted, rtol=1e-5, err_msg=str(path))


def test_the_released_layout_has_the_person_in_its_name(case: Paths, tmp_path: Path) -> None:
    table = table_of(case)
    one = table[table["sample"] == "D03"]
    genes = one.groupby("gene_id", sort=False)
    released = pd.DataFrame(
        {
            "gene_id": list(genes.groups),
            "gene_name": "x",
            "tissues": [[rows["tissue"].tolist()] for _, rows in genes],
            "predicted_expression": [[[[value] for value in rows["log1p_tpm"]]] for _, rows in genes],
        }
    )
    path = tmp_path / "D03_vcf2exp_predictions.parquet"
    pq.write_table(pa.Table.from_pandas(released, preserve_index=False), path)
    found, wanted = predicted(case, path), predicted(case, case["A"])
    grid, _ = grid_of(case)
    of_person = (grid.samples["donor"] == "D03").to_numpy()
    np.testing.assert_array_equal(found[:, of_person], wanted[:, of_person])
    assert np.isnan(found[:, ~of_person]).all()


def test_the_released_table_itself_reads(shared: Path, tmp_path: Path) -> None:
    path = shared / "examples" / "HG00096_vcf2exp_predictions.parquet"
    (table,) = open_predictions(path)
    rows = sum(len(batch["value"]) for batch in table.batches())
    assert (rows, table.unit, table.released_sample) == (17_859 * 63, "log1p_tpm", "HG00096")


def test_every_row_that_is_not_used_is_counted_by_its_first_reason(case: Paths, tmp_path: Path) -> None:
    table = table_of(case)
    table = table[(table["sample"] != "D00") | (table["tissue"] != "liver")]
    kept = len(table)
    more = [
        ("D00", "ENSG00000000001.7", "liver", 1.0, "no_cres"),
        ("D00", "ENSG00000000002.7", "lung", 1.0, "ok"),
        ("D00", "ENSG00000009999.1", "liver", 1.0, "ok"),
        ("nobody", "ENSG00000000001.7", "liver", 1.0, "ok"),
        ("nobody", "ENSG00000000002.7", "liver", np.nan, "ok"),
        ("D00", "ENSG00000000001.7", "K562", 1.0, "ok"),
        ("D00", "ENSG00000000003.7", "liver", 1.0, "unseen_gene"),
        ("D00", "ENSG00000000004.7", "liver", 1.0, None),
    ]
    table = pd.concat([table, pd.DataFrame(more, columns=list(table))])
    table.to_parquet(tmp_path / "more.parquet")
    grid, people = grid_of(case)
    found = read_predictions([(None, each) for each in open_predictions(tmp_path / "more.parquet")], grid, people)
    assert {reason: n for reason, n in found.left_out.items() if n} == {
        "status no_cres": 1,
        "tissue is not measured": 1,
        "gene is not measured": 1,
        "donor is not measured": 1,
        "value is no number": 1,
        "tissue is not measured in the donor": 1,
        "status unseen_gene": 1,
        "status none": 1,
    }
    assert np.isfinite(found.values).sum() == kept


def test_genes_that_a_split_holds_out_may_be_unseen(case: Paths, tmp_path: Path) -> None:
    table = table_of(case).assign(status="unseen_gene")
    table.to_parquet(tmp_path / "unseen.parquet")
    split = split_of().with_genes({f"ENSG{number:011d}": "test" if number % 2 else "train" for number in range(8)})
    grid, people = grid_of(case, (split,))
    found = read_predictions([(None, each) for each in open_predictions(tmp_path / "unseen.parquet")], grid, people)
    assert set(grid.genes["gene_part"]) == {"train", "test"}
    assert np.isfinite(found.values).any()


def split_of(**chromosomes: dict[str, str]) -> Split:
    """D00 to D05 trained on, D06 and D07 to validate, the rest to test."""
    part = {f"D{number:02d}": "train" if number < 6 else "validation" if number < 8 else "test" for number in range(12)}
    return Split({"LAB": part, "MAGE": part}, chromosomes)


def test_a_split_keeps_its_test_part_and_counts_the_rest(case: Paths) -> None:
    split = split_of(ENC={"chr19": "test"})
    grid, people = grid_of(case, (split,), genes=GeneTable.read(case["genes"]))
    found = read_predictions([(None, each) for each in open_predictions(case["A"])], grid, people)
    assert set(grid.samples["donor"][grid.is_tested]) == {"D08", "D09", "D10", "D11", "K562", "HepG2"}
    assert set(grid.samples["donor"][~grid.is_tested]) == {"D06", "D07"}
    trained = table_of(case)["sample"].isin([f"D{number:02d}" for number in range(6)])
    assert found.left_out["donor is trained on"] == trained.sum()
    on_chr1 = (grid.genes["chromosome"] == "chr1").to_numpy()
    lines = grid.samples["is_cell_line"].to_numpy()
    assert grid.left_out["values of chromosomes that are trained on"] == 2 * on_chr1.sum()
    assert np.isnan(grid.observed[np.ix_(on_chr1, lines)]).all()
    assert np.isfinite(grid.observed[np.ix_(~on_chr1, lines)]).all()
    with pytest.raises(InputError, match="nothing says where genes lie"):
        grid_of(case, (split,))


def test_predictions_of_donors_that_the_split_does_not_know_are_counted_as_such(case: Paths) -> None:
    split = Split({"LAB": {"D00": "train"} | {f"D{number:02d}": "test" for number in range(1, 8)}})
    grid, people = grid_of(case, (split,))
    found = read_predictions([(None, each) for each in open_predictions(case["A"])], grid, people)
    known = [f"D{number:02d}" for number in range(8)]
    measured = table_of(case)["sample"].isin(grid.donors)
    assert found.left_out["the split does not know the donor"] == (
        (measured & ~table_of(case)["sample"].isin(known)).sum()
    )
    assert found.left_out["donor is trained on"] == (table_of(case)["sample"] == "D00").sum()


def test_with_folds_each_value_is_of_the_fold_that_tests_it(case: Paths, tmp_path: Path) -> None:
    names = [f"D{number:02d}" for number in range(12)]
    folds = []
    for fold in range(3):
        part = {name: ("test", "validation", "train")[(number - fold) % 3] for number, name in enumerate(names)}
        folds.append(Split({"LAB": part, "MAGE": part}, {"ENC": {"chr19": "test"}}))
    save_folds(folds, tmp_path / "folds")
    table = table_of(case)
    for fold in range(3):
        table.assign(log1p_tpm=float(fold)).to_parquet(tmp_path / f"fold-{fold}.parquet")
    grid, people = grid_of(case, tuple(folds), genes=GeneTable.read(case["genes"]))
    tables = [(fold, each) for fold in range(3) for each in open_predictions(tmp_path / f"fold-{fold}.parquet")]
    found = read_predictions(tables, grid, people).values
    on_chr19 = (grid.genes["chromosome"] == "chr19").to_numpy()
    for column, sample in enumerate(grid.samples.itertuples()):
        if sample.is_cell_line:  # of chr19 in every fold: the first
            assert set(found[on_chr19, column]) == {0}
            assert np.isnan(found[~on_chr19, column]).all()
            continue
        assert set(found[:, column]) == {sample.fold}
        number = int(sample.donor[1:])
        assert sample.donor_part == ("test", "validation", "train")[(number - sample.fold) % 3]
    named = f"A={tmp_path}/fold-{{fold}}.parquet"
    said = refused(case, tmp_path, split=tmp_path / "folds/fold-0.json", predictions=named)
    assert "is named by its fold, and there are none" in said


@pytest.fixture(scope="module")
def folded(case: Paths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four folds of the same donors that hold out other genes each, and a model's predictions of each fold."""
    folder = tmp_path_factory.mktemp("folded")
    part = {f"D{number:02d}": ("train", "validation", "test")[number // 4] for number in range(12)}
    split = Split({"LAB": part, "MAGE": part}, {"ENC": {"chr19": "test"}})
    save_folds(gene_folds(split, [f"ENSG{number:011d}" for number in range(8)], 4), folder / "folds")
    table = table_of(case)
    rng = np.random.default_rng(0)
    for fold in range(4):
        noise = rng.normal(0, 0.5, len(table))
        table.assign(log1p_tpm=table["log1p_tpm"] + noise).to_parquet(folder / f"fold-{fold}.parquet")
    return folder


def spearman_of(frame: pd.DataFrame) -> float:
    return float(stats.spearmanr(frame["predicted"], frame["measured"]).statistic)


def beside(case: Paths, path: Path) -> pd.DataFrame:
    """Predictions of a file beside what was measured."""
    measured = pd.concat([pd.read_csv(case[name]) for name in ("LAB", "MAGE")])
    table = pd.read_parquet(path).rename(columns={"sample": "donor", "log1p_tpm": "predicted"})
    table["gene_id"] = table["gene_id"].str.split(".").str[0]
    found = table.merge(measured, on=["donor", "gene_id", "tissue"])
    return found.assign(measured=np.log1p(found["tpm"]), number=found["donor"].str[1:].astype(int))


def test_folds_that_hold_out_other_genes_are_each_judged_by_their_own_model(
    case: Paths, folded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("variantformer_hf.report.evaluation_report.figures", lambda tables: ())
    splits = load_folds(folded / "folds")
    named = f"A={folded}/fold-{{fold}}.parquet"
    done = run(*arguments(case, output=tmp_path / "o", split=folded / "folds", predictions=named, fewest_donors=3))
    assert done.returncode == 0, done.stderr
    assert "A: 6 donors, 8 genes, 6 tissues of 6, 8 and 6 measured" in done.stderr
    within = pd.read_parquet(tmp_path / "o/within_tissue.parquet")
    of_fold = [beside(case, folded / f"fold-{fold}.parquet") for fold in range(4)]
    assert len(within) > 100
    for row in within.to_dict("records"):
        assert row["gene_part"] == splits[row["fold"]].genes[row["gene_id"]]
        both = of_fold[row["fold"]]
        donors = both["number"] // 4 == ("train", "validation", "test").index(row["donor_part"])
        rows = both[donors & (both["gene_id"] == row["gene_id"]) & (both["tissue"] == row["tissue"])]
        assert row["n"] == len(rows)
        assert row["pearson"] == pytest.approx(stats.pearsonr(rows["predicted"], rows["measured"]).statistic, abs=1e-5)
    parts = within.groupby(["gene_part", "donor_part"])["fold"].nunique()
    assert parts.to_dict() == {
        (gene, donor): 4 for gene in ("train", "validation", "test") for donor in ("validation", "test")
    }
    summary = pd.read_parquet(tmp_path / "o/within_tissue_summary.parquet")
    mean = summary[(summary["fold"] == "mean of folds") & (summary["tissue"] == "all")]
    assert len(mean) == 6
    # Each gene's own number is that of the fold that tests it.
    genes = pd.read_parquet(tmp_path / "o/gene_correlation.parquet").set_index("gene_id")
    for gene in genes.index:
        (fold,) = (number for number, split in enumerate(splits) if split.genes[gene] == "test")
        rows = of_fold[fold][(of_fold[fold]["number"] >= 8) & (of_fold[fold]["gene_id"] == gene)]
        lines = genes.loc[gene, "n"] - len(rows)  # the cell lines have genes of chr19
        assert lines == (2 if int(gene[-1]) % 3 else 0)
        if not lines:
            assert genes.loc[gene, "spearman"] == pytest.approx(spearman_of(rows), abs=1e-6)
    per_gene = pd.read_parquet(tmp_path / "o/per_gene.parquet")
    tested = per_gene[per_gene["gene_part"] == "test"]
    assert set(tested["n_folds"]) == {1}
    trained = per_gene[per_gene["gene_part"] == "train"]
    assert set(trained["n_folds"]) == {2}


@pytest.mark.slow
def test_of_one_file_for_such_folds_only_what_a_fold_tests_is_used(case: Paths, folded: Path, tmp_path: Path) -> None:
    splits = load_folds(folded / "folds")
    models = [f"A={case['A']}", f"B={case['B']}"]
    given = arguments(case, output=tmp_path / "o", split=folded / "folds", predictions=models, fewest_donors=3)
    done = run(*given)
    assert done.returncode == 0, done.stderr
    within = pd.read_parquet(tmp_path / "o/within_tissue.parquet")
    assert set(within["gene_part"]) == set(within["donor_part"]) == {"test"}
    assert all(splits[row.fold].genes[row.gene_id] == "test" for row in within.itertuples())
    assert not within.duplicated(["model", "tissue", "gene_id"]).any()
    comparison = pd.read_parquet(tmp_path / "o/per_gene_comparison.parquet")
    assert comparison["gene_part"].tolist() == ["test"]
    assert comparison["n"].item() == within[within["model"] == "A"]["pearson"].notna().sum()
    genes = pd.read_parquet(tmp_path / "o/gene_correlation.parquet")
    both = beside(case, case["A"])
    row = genes[(genes["model"] == "A") & (genes["gene_id"] == "ENSG00000000003")].iloc[0]
    rows = both[(both["number"] >= 8) & (both["gene_id"] == "ENSG00000000003")]
    assert row["spearman"] == pytest.approx(spearman_of(rows), abs=1e-6)
    counts = pd.read_csv(tmp_path / "o/counts.tsv", sep="\t")
    assert not counts["reason"].str.contains("measured, and not predicted").any()


def test_a_gene_that_no_fold_tests_is_counted(case: Paths, folded: Path, tmp_path: Path) -> None:
    splits = load_folds(folded / "folds")[:3]
    grid, people = grid_of(case, tuple(splits), genes=GeneTable.read(case["genes"]), with_validation=False)
    found = read_predictions([(None, each) for each in open_predictions(case["A"])], grid, people)
    untested = [gene for gene in grid.genes["gene_id"] if all(each.genes[gene] != "test" for each in splits)]
    assert len(untested) == 2
    rows = table_of(case)
    of_tested_donors = rows["sample"].isin(["D08", "D09", "D10", "D11", "K562", "HepG2"])
    of_untested = rows["gene_id"].str.split(".").str[0].isin(untested)
    assert found.left_out["gene is not held out"] == (of_tested_donors & of_untested).sum()


# Bad input


def test_names_that_differ_are_shown_of_both_sides_and_a_column_maps_them(case: Paths, tmp_path: Path) -> None:
    table = table_of(case)
    table.assign(sample=table["sample"] + "_wgs").to_parquet(tmp_path / "suffix.parquet")
    said = refused(case, tmp_path, predictions=f"A={tmp_path / 'suffix.parquet'}")
    assert "share 0 donors" in said
    assert "D00_wgs, D01_wgs, D02_wgs" in said
    assert "the expression D00, D01, D02" in said
    assert "sample as the predictions have it" in said
    people = read_people(case["samples"])
    people.assign(sample=people["donor"] + "_wgs").to_csv(tmp_path / "people.tsv", sep="\t", index=False)
    grid, _ = grid_of(case)
    mapped = read_people(tmp_path / "people.tsv")
    found = read_predictions([(None, each) for each in open_predictions(tmp_path / "suffix.parquet")], grid, mapped)
    np.testing.assert_array_equal(found.values, predicted(case, case["A"]))


def test_predictions_of_trained_donors_alone_are_an_error(case: Paths, tmp_path: Path) -> None:
    table = table_of(case)
    table[table["sample"].isin(["D00", "D01", "D02", "D03"])].to_parquet(tmp_path / "trained.parquet")
    split_of(ENC={"chr19": "test"}).save(tmp_path / "split.json")
    said = refused(case, tmp_path, predictions=f"A={tmp_path / 'trained.parquet'}", split=tmp_path / "split.json")
    assert "predicts donors that were trained on alone, such as D00, D01, D02" in said


def test_predictions_of_another_cohort_are_said_to_be_so(case: Paths, tmp_path: Path) -> None:
    table_of(case).assign(cohort="GTEx").to_parquet(tmp_path / "other.parquet")
    said = refused(case, tmp_path, predictions=f"A={tmp_path / 'other.parquet'}")
    assert "A is of other cohorts than the expression, which is of LAB, MAGE" in said
    is_other = table_of(case)["sample"] == "D05"
    table_of(case).assign(cohort=np.where(is_other, "GTEx", "LAB")).to_parquet(tmp_path / "one.parquet")
    grid, people = grid_of(case)
    found = read_predictions([(None, each) for each in open_predictions(tmp_path / "one.parquet")], grid, people)
    assert 0 < found.left_out["cohort is not measured"] <= is_other.sum()
    assert np.isnan(found.values[:, (grid.samples["donor"] == "D05").to_numpy()]).all()


def test_a_value_that_is_predicted_twice_is_named(case: Paths, tmp_path: Path) -> None:
    table = table_of(case)
    row = table[(table["sample"] == "D04")].iloc[[3]]
    pd.concat([table, row]).to_parquet(tmp_path / "twice.parquet")
    one = row.iloc[0]
    said = refused(case, tmp_path, predictions=f"A={tmp_path / 'twice.parquet'}")
    assert f"twice.parquet: D04, {one['gene_id']}, {one['tissue']}: is there twice" in said
    said = refused(case, tmp_path, predictions=[f"A={case['A']}", f"A={case['A']}"])
    assert "is there twice" in said


@pytest.mark.parametrize(
    "changed",
    [
        {"tissue": "lung"},
        {"gene_id": "ENSG00000009999.1"},
        {"sample": "nobody"},
        {"sample": "nobody", "status": "no_cres", "log1p_tpm": np.nan},
    ],
    ids=["a tissue", "a gene", "a person", "without a value"],
)
def test_so_is_one_that_was_never_measured(case: Paths, tmp_path: Path, changed: dict[str, object]) -> None:
    table = table_of(case)
    rows = table.iloc[[7, 7]].assign(**changed)
    pd.concat([rows.iloc[:1], table, rows.iloc[1:]]).to_csv(tmp_path / "twice.csv", index=False)
    one = rows.iloc[0]
    said = refused(case, tmp_path, predictions=f"A={tmp_path / 'twice.csv'}")
    assert f"twice.csv: {one['sample']}, {one['gene_id']}, {one['tissue']}: is there twice" in said


def test_a_person_of_two_cohorts_is_predicted_in_each(case: Paths, tmp_path: Path) -> None:
    table = table_of(case)
    both = pd.concat([table.assign(cohort="LAB"), table.assign(cohort="MAGE")])
    both.to_parquet(tmp_path / "both.parquet")
    assert np.isfinite(predicted(case, tmp_path / "both.parquet")).any()


def test_units_that_differ_and_a_tpm_under_zero_name_the_files(case: Paths, tmp_path: Path) -> None:
    table = table_of(case).rename(columns={"log1p_tpm": "expression"})
    path = tmp_path / "z.csv"
    table.to_csv(path, index=False)
    assert "does not say what its column expression is" in refused(case, tmp_path, predictions=f"A={path}")
    (tmp_path / "z.csv.report.json").write_text('{"unit": "inverse_normal"}')
    said = refused(case, tmp_path, predictions=f"A={path}")
    assert "z.csv: its values are inverse_normal" in said
    assert "LAB.csv" in said
    table = table_of(case).rename(columns={"log1p_tpm": "tpm"})
    table.loc[5, "tpm"] = -0.5
    table.to_csv(tmp_path / "tpm.csv", index=False)
    said = refused(case, tmp_path, predictions=f"A={tmp_path / 'tpm.csv'}")
    assert "tpm.csv: D00, ENSG00000000005.7, " in said
    assert "has a TPM under 0" in said
    measured = pd.read_csv(case["LAB"])
    measured.loc[7, "tpm"] = -1
    measured.to_csv(tmp_path / "LAB.csv", index=False)
    said = refused(case, tmp_path, expression=tmp_path / "LAB.csv")
    assert "LAB.csv: row 9: tpm is negative" in said


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"samples": "twice.tsv"}, "twice.tsv: D00: is there twice"),
        ({"samples": "truth.tsv"}, "is_cell_line is 'maybe'"),
        ({"samples": "others.tsv"}, "has none of the 14 donors of the expression: it has X1, X2, X3"),
        ({"group_by": "sex"}, "has no column sex"),
        ({"predictions": "x.csv"}, "x.csv: has no column tissue; it has sample, gene_id, log1p_tpm"),
        ({"predictions": "nothing.csv"}, "nothing.csv: no such file"),
        ({"predictions": "words.csv"}, "cannot be read as a table of predictions"),
        ({"predictions": "none.csv"}, "none has no row of predictions"),
        ({"predictable": "nan"}, "--predictable is nan"),
        ({"predictions": "genes.csv.predictions"}, "has no value of a gene and tissue that was measured"),
        ({"predictions": "=x.csv"}, "has no name"),
        ({"value": "score"}, "no table of predictions has the column score"),
        ({"expression": "cohorts.csv"}, "has 3 cohorts"),
        ({"fewest_donors": 1}, "--fewest-donors is 1"),
    ],
)
def test_what_cannot_be_read_is_one_error_that_says_what_to_do(
    case: Paths, tmp_path: Path, changed: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("twice.tsv").write_text("donor\nD00\nD00\n")
    Path("truth.tsv").write_text("donor\tis_cell_line\nD00\tmaybe\n")
    Path("others.tsv").write_text("donor\nX1\nX2\nX3\n")
    Path("x.csv").write_text("sample,gene_id,log1p_tpm\n")
    Path("words.csv").write_text("sample,gene_id,tissue,log1p_tpm\nD00,ENSG00000000001,liver,high\n")
    Path("none.csv").write_text("sample,gene_id,tissue,log1p_tpm\n")
    lines = [f"D{number:02d},SYMBOL,liver,1" for number in range(12)]
    Path("genes.csv.predictions").write_text("\n".join(["sample,gene_id,tissue,log1p_tpm", *lines]) + "\n")
    pd.concat([pd.read_csv(case[name]) for name in ("LAB", "MAGE", "ENC")]).to_csv("cohorts.csv", index=False)
    assert said in refused(case, tmp_path, **changed)


def test_a_list_of_measured_samples_is_a_list_of_people(case: Paths, tmp_path: Path) -> None:
    rows = [("D00|liver", "D00", "liver", "F"), ("D00|lcl", "D00", "lcl", "F"), ("D01|liver", "D01", "liver", "M")]
    pd.DataFrame(rows, columns=["sample", "donor", "tissue", "sex"]).to_parquet(tmp_path / "samples.parquet")
    people = read_people(tmp_path / "samples.parquet")
    assert people.to_dict("list") == {"donor": ["D00", "D01"], "sex": ["F", "M"]}


def test_what_is_not_known_of_a_person_is_no_group_of_its_own(tmp_path: Path) -> None:
    text = "donor\tsample\tsuper_population\tis_cell_line\nD00\tA\tEUR\ttrue\nNA\t\tNA\tNA\nD02\t\tnan\t\n"
    (tmp_path / "people.tsv").write_text(text)
    people = read_people(tmp_path / "people.tsv")
    assert people["donor"].tolist() == ["D00", "NA", "D02"]
    assert people["super_population"].tolist() == ["EUR", "", ""]
    assert people["is_cell_line"].tolist() == [True, False, False]


def test_predictions_of_people_without_another_name_go_by_the_donor(case: Paths, tmp_path: Path) -> None:
    grid, people = grid_of(case)
    table = table_of(case)
    table.assign(sample=table["sample"].replace({"D00": "X00"})).to_parquet(tmp_path / "named.parquet")
    named = people.assign(sample=np.where(people["donor"] == "D00", "X00", ""))
    found = read_predictions([(None, each) for each in open_predictions(tmp_path / "named.parquet")], grid, named)
    np.testing.assert_array_equal(found.values, predicted(case, case["A"]))


def test_a_name_in_the_predictions_that_means_two_donors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "people.tsv").write_text("donor\tcohort\tsample\nD00\tLAB\tS1\nD01\tMAGE\tS1\n")
    with pytest.raises(InputError, match="S1: is the sample of D00, D01"):
        read_people(tmp_path / "people.tsv")
    (tmp_path / "people.tsv").write_text("donor\tcohort\tsample\nD00\tLAB\tS1\nD00\tMAGE\tS1\n")
    assert len(read_people(tmp_path / "people.tsv")) == 2


def test_replicates_are_averaged_as_they_are_compared_and_counted(tmp_path: Path) -> None:
    rows = [("s1", "D0", 0.0), ("s2", "D0", np.expm1(2.0)), ("s3", "D1", 1.0)]
    table = pd.DataFrame(rows, columns=["sample", "donor", "tpm"]).assign(tissue="liver", gene_id="ENSG00000000001.2")
    table.to_csv(tmp_path / "x.csv", index=False)
    measured: Measured = read_measured([tmp_path / "x.csv"])
    assert measured.values.tolist() == [[pytest.approx(1.0), pytest.approx(np.log(2.0))]]
    assert measured.left_out["samples averaged with a replicate"] == 1
    with pytest.raises(InputError, match="is in two files of expression"):
        read_measured([tmp_path / "x.csv", tmp_path / "x.csv"])


def test_gct_and_normalized_bed_are_read_by_their_names(tmp_path: Path) -> None:
    gct = tmp_path / "x.gct"
    gct.write_text(
        "#1.2\n2\t2\nName\tDescription\tGTEX-A-1\tGTEX-B-1\nENSG00000000001.3\tX\t0\t1\nENSG00000000002.3\tY\t3\tNaN\n"
    )
    attributes = tmp_path / "attributes.tsv"
    attributes.write_text("SAMPID\tSMTSD\tSMRIN\nGTEX-A-1\tBrain - Cortex\t7\nGTEX-B-1\tBrain - Cortex\t5\n")
    measured = read_measured([gct], attributes=attributes)
    assert measured.samples.to_dict("list") == {
        "cohort": ["GTEx"],
        "donor": ["GTEX-A"],
        "tissue": ["Brain - Cortex"],
        "is_cell_line": [False],
    }
    assert measured.values[:, 0] == pytest.approx(np.log1p([0, 3]))
    assert measured.left_out["samples: RIN not above 6"] == 1
    bed = tmp_path / "Liver.v8.normalized_expression.bed"
    bed.write_text("#chr\tstart\tend\tgene_id\tA\tB\nchr1\t1\t2\tENSG00000000001.3\t-1.5\t0.5\n")
    measured = read_measured([bed], cohort="LAB")
    assert (measured.scale, measured.values.tolist()) == ("inverse_normal", [[-1.5, 0.5]])
    assert set(measured.samples["cohort"]) == {"LAB"}
    with pytest.raises(InputError, match=r"its values are inverse_normal, and those of .*x\.gct are log1p_tpm"):
        read_measured([gct, bed], attributes=attributes)


def test_a_donor_of_two_cohorts_is_in_both_unless_the_predictions_name_one(tmp_path: Path) -> None:
    for cohort, tpm in (("ONE", 1.0), ("TWO", 2.0)):
        rows = [(f"D{number}", "Brain_Cortex", "ENSG00000000001", tpm + number) for number in range(3)]
        pd.DataFrame(rows, columns=["donor", "tissue", "gene_id", "tpm"]).to_csv(
            tmp_path / f"{cohort}.csv", index=False
        )
    measured = read_measured([tmp_path / "ONE.csv", tmp_path / "TWO.csv"])
    people = pd.DataFrame({"donor": ["D0", "D1", "D2"]})
    grid = evaluation_grid(measured.of_people(people, tmp_path))
    table = pd.DataFrame({"sample": ["D0", "D1", "D2"], "gene_id": "ENSG00000000001.9", "tissue": "brain - cortex"})
    table = table.assign(log1p_tpm=[1.0, 2.0, 3.0])
    for named, wanted in (({}, [1, 2, 3, 1, 2, 3]), ({"cohort": "TWO"}, [np.nan] * 3 + [1, 2, 3])):
        table.assign(**named).to_csv(tmp_path / "x.csv", index=False)
        found = read_predictions([(None, each) for each in open_predictions(tmp_path / "x.csv")], grid, people)
        np.testing.assert_array_equal(found.values[0], wanted)

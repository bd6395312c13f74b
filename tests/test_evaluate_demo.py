"""`make evaluate-demo`, cut down: from nothing to a report, by commands of the package; and the report in the docs."""

import contextlib
import importlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from browser_page import opened_browser, opened_page
from page_blocks import DOCS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLE = DOCS / "evaluate-demo"
MODELS = ("elastic net", "forest", "VariantFormer", "VariantFormer, reference genome", "Variformer", "heads", "oracle")
OF_SEEN_GENES, CONSTANT = MODELS[:2], MODELS[3]


@pytest.fixture(scope="module")
def demo_module() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY))
        return importlib.import_module("benchmarks.quality.evaluate_demo")


@pytest.fixture(scope="module")
def small(demo_module: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """The folder of a run, and its table."""
    folder = tmp_path_factory.mktemp("evaluate") / "demo"
    with contextlib.redirect_stdout(io.StringIO()):
        table = demo_module.evaluate_demo(folder, demo_module.SMALL)
    return folder, table


def correlations(folder: Path, file: str, genes: set[str], donors: set[str]) -> pd.DataFrame:
    """r of each gene (rows) in each tissue over donors, from a table of predictions and what was measured."""
    predicted = pd.read_parquet(folder / file).rename(columns={"sample": "donor"})
    predicted = predicted.assign(gene_id=predicted["gene_id"].str.split(".").str[0]).dropna(subset="log1p_tpm")
    predicted = predicted[predicted["gene_id"].isin(genes) & predicted["donor"].isin(donors)]
    measured = pd.read_csv(folder / "expression.csv.gz").rename(columns={"tpm": "measured"})
    rows = measured.merge(predicted, on=["donor", "gene_id", "tissue"])
    found: dict[tuple[str, str], float] = {}
    for key, pair in rows.groupby(["gene_id", "tissue"]):
        assert set(pair["donor"]) == donors and len(pair) == len(donors)
        is_constant = pair["log1p_tpm"].nunique() == 1
        found[key] = np.nan if is_constant else np.corrcoef(np.log1p(pair["measured"]), pair["log1p_tpm"])[0, 1]
    return pd.Series(found, dtype=float).unstack() if found else pd.DataFrame()


@pytest.mark.slow
def test_the_table_is_what_the_files_say(small: tuple[Path, pd.DataFrame], demo_module: ModuleType) -> None:
    folder, table = small
    assert tuple(table.index) == tuple(demo_module.PREDICTIONS) == MODELS
    split = json.loads((folder / "split.json").read_text())
    donors = {donor for donor, part in split["donors"]["SIM"].items() if part == "test"}
    for part, column in (("train", "r within a tissue"), ("test", "r, unseen genes")):
        genes = {gene for gene, its in split["genes"].items() if its == part}
        found = {name: correlations(folder, file, genes, donors) for name, file in demo_module.PREDICTIONS.items()}
        there = [name for name in MODELS if part == "train" or name not in OF_SEEN_GENES]
        assert all(found[name].empty for name in MODELS if name not in there)
        assert {found[name].shape for name in there} == {(len(genes), 3)}
        assert found[CONSTANT].isna().all(axis=None)
        if part == "train":
            wanted = {name: found[name].fillna(0).to_numpy().mean() for name in there}
        else:  # of pairs in which no model that says anything is constant
            varied = np.all([found[name].notna() for name in there if name != CONSTANT], axis=0)
            wanted = {name: found[name].where(varied).mean(axis=1).mean() for name in there}
        shown = {name: wanted.get(name, np.nan) for name in MODELS}
        assert table[column].to_dict() == pytest.approx(shown, abs=1e-4, nan_ok=True), column
    # With h2 = 0.5 the truth itself is at an r of 0.7, however few donors say so.
    oracle = table.loc["oracle", "r within a tissue"]
    assert oracle > 0.4
    assert (table["of the oracle's"] * oracle).tolist() == pytest.approx(table["r within a tissue"].tolist())
    shown_rows = (folder / "table.md").read_text().splitlines()[2:]
    assert [line.split(" | ")[0] for line in shown_rows] == [f"| {model}" for model in MODELS]


@pytest.mark.slow
def test_what_is_done_is_not_done_again(
    small: tuple[Path, pd.DataFrame], demo_module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, table = small
    made = [step.made for step in demo_module.steps(demo_module.SMALL)]
    (folder / "forest.parquet").unlink()
    (folder / "forest.parquet.report.json").unlink()
    seconds = (folder / "seconds.csv").read_text()
    again = demo_module.evaluate_demo(folder, demo_module.SMALL)
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.endswith(" is there")] == [
        f"{name} is there" for name in made if name != "forest.parquet"
    ]
    assert [line.split()[2:5] for line in said if line.startswith("$")] == [["baseline", "predict", "forest"]]
    assert (folder / "seconds.csv").read_text().startswith(seconds + "forest.parquet,")
    pd.testing.assert_frame_equal(again, table)
    with pytest.raises(SystemExit, match="was begun with other sizes"):
        demo_module.evaluate_demo(folder, replace(demo_module.SMALL, epochs=2))


# The report, as a reader sees it


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with opened_browser() as opened:
        yield opened


def assert_is_whole(browser: "Browser", path: Path, models: tuple[str, ...]) -> None:
    """A report of ``evaluate predictions`` shows everything, is silent, and asks for nothing."""
    with opened_page(browser, path) as seen:
        page = seen.page
        assert (seen.errors, seen.requests) == ([], [])
        assert page.title() == "Evaluation of predicted expression"
        text = page.inner_text("body")
        assert "Tested on the people and genes that split.json holds out." in text
        assert f"Models: {', '.join(models)}. Unit: log1p_tpm." in text
        titles = [each.inner_text() for each in page.query_selector_all("h2")]
        assert titles[0] == "What is compared"
        assert {"Gene correlation", "Subject correlation", "Coverage", "Within a tissue"} <= set(titles)
        links = [each.get_attribute("href") for each in page.query_selector_all("nav a")]
        assert len(links) == len(titles)
        assert all(page.query_selector(str(link)) for link in links)
        figures = page.query_selector_all("figure svg")
        assert len(figures) >= 6
        for drawing in figures:
            box = drawing.bounding_box()
            assert box is not None and box["width"] > 100 and box["height"] > 100
        overlap = page.query_selector_all("section:first-of-type tbody tr")
        assert [row.query_selector_all("td")[0].inner_text() for row in overlap] == list(models)


@pytest.mark.slow
@pytest.mark.browser
def test_the_report_shows_everything_and_asks_for_nothing(small: tuple[Path, pd.DataFrame], browser: "Browser") -> None:
    folder, table = small
    assert_is_whole(browser, folder / "report" / "report.html", MODELS)
    shown = within_tissue(folder / "report" / "report.html")
    assert shown == pytest.approx(table["r within a tissue"].to_dict(), abs=5e-4)


def test_the_report_in_the_docs_is_small_whole_and_of_the_numbers_that_the_page_shows() -> None:
    page = (DOCS / "evaluation.md").read_text()
    table = page[page.index("| | r within a tissue |") :].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert [row[0] for row in rows[2:]] == list(MODELS)
    shown = {row[0]: float(row[rows[0].index("r within a tissue")]) for row in rows[2:]}
    assert within_tissue(EXAMPLE / "report.html") == pytest.approx(shown, abs=6e-4)
    files = [path for path in EXAMPLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 1_000_000
    assert all(f"evaluate-demo/{path.name}" in page for path in files)
    assert not re.findall(r">/\w+/", (EXAMPLE / "report.html").read_text())  # files by their names alone


@pytest.mark.browser
def test_the_report_in_the_docs_shows_everything_and_asks_for_nothing(browser: "Browser") -> None:
    assert_is_whole(browser, EXAMPLE / "report.html", MODELS)


class _Rows(HTMLParser):
    """The cells of all rows of a page's tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._is_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_cell = tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        elif self._is_cell:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_cell = False

    def handle_data(self, data: str) -> None:
        if self._is_cell:
            self.rows[-1][-1] += data


def within_tissue(path: Path) -> dict[str, float]:
    """Model -> r within a tissue over test donors and genes that were trained on, as a report shows it."""
    rows = _Rows(path.read_text()).rows
    head = next(place for place, row in enumerate(rows) if {"tissue", "gene_part", "donor_part"} <= set(row))
    found: dict[str, float] = {}
    for row in rows[head + 1 :]:
        if len(row) != len(rows[head]):
            break
        cells = dict(zip(rows[head], row, strict=True))
        if (cells["tissue"], cells["gene_part"], cells["donor_part"]) == ("all", "train", "test"):
            found[cells["model"]] = float(cells["mean_constant_as_zero"])
    return found

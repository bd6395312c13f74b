"""The page of a person in a real browser: what is read, in which colours, by whom, and that nothing is asked for."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from browser_page import NARROW, WIDE, SeenPage, opened_browser, opened_page
from command_line import run
from report_case import GENES, MOVED, QUOTES, SCRIPT, TISSUES, VALUES, write_case

from variantformer_hf.applications.risk.forest_folder import RESEARCH_USE
from variantformer_hf.report.colour_scale import ColourScale

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

pytestmark = pytest.mark.browser
# Each width and each of light and dark once; the others are slow.
READERS = [
    pytest.param(width, dark, marks=pytest.mark.slow if (width == NARROW) != dark else [])
    for width, dark in itertools.product((NARROW, WIDE), (False, True))
]
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3, of text
# Of each text that is shown: the words, their colour, and that of the nearest ground that is not transparent.
_TEXTS = """() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), owner = walker.currentNode.parentElement;
    if (!text || owner.closest("title, script") || !owner.getClientRects().length) continue;
    let ground = owner;
    while (ground && getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
    const style = getComputedStyle(owner), ink = owner.closest("svg") ? style.fill : style.color;
    found.push([text, ink, ground ? getComputedStyle(ground).backgroundColor : "rgb(255, 255, 255)"]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with opened_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    case = write_case(folder)
    given = [item for name in ("reference", "effects", "risk") for item in (f"--{name}", case[name])]
    genes = ["--gene", "APOE", "--gene", QUOTES]
    done = run("report", case["predictions"], *given, *genes, "-o", folder / "report.html")
    assert done.returncode == 0, done.stderr
    return folder / "report.html"


@pytest.fixture(scope="module")
def still(browser: "Browser", page: Path) -> Iterator[SeenPage]:
    """The page as it opens, for those who only look."""
    with opened_page(browser, page) as opened:
        yield opened


@pytest.fixture
def seen(browser: "Browser", page: Path) -> Iterator[SeenPage]:
    with opened_page(browser, page) as opened:
        yield opened


def computed(cell: "Locator", style: str) -> str:
    return str(cell.evaluate("(node, style) => getComputedStyle(node)[style]", style))


def rgb(colour: str | None) -> str:
    assert colour is not None
    return f"rgb({', '.join(str(each) for each in bytes.fromhex(colour[1:]))})"


@pytest.mark.parametrize(("width", "dark"), READERS)
def test_it_is_read_narrow_and_wide_light_and_dark(browser: "Browser", page: Path, width: int, dark: bool) -> None:
    with opened_page(browser, page, width=width, dark=dark) as seen:
        seen.keep_screenshot(f"report-{width}-{'dark' if dark else 'light'}")
        assert (seen.errors, seen.requests) == ([], [])
        assert seen.page.evaluate("document.documentElement.scrollWidth") == width  # what is wider scrolls by itself
        assert seen.page.inner_text("h1") == "Predicted expression of P1"
        ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (_luminance(ground) < 0.1) is dark
        for text, ink, behind in seen.page.evaluate(_TEXTS):
            assert _contrast(ink, behind) >= LEAST_CONTRAST, (text, ink, behind)


def test_contrast_is_that_of_wcag() -> None:
    assert _contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert _contrast("rgb(118, 118, 118)", "rgb(255, 255, 255)") == pytest.approx(4.54, abs=0.01)


def test_all_is_there_without_javascript(browser: "Browser", page: Path) -> None:
    with opened_page(browser, page) as seen, opened_page(browser, page, scripts=False) as plain:
        assert plain.page.locator("input, button, #tip").count() == 0
        assert plain.page.inner_text("main") == seen.page.inner_text("main")
        assert plain.errors == []


def test_sections_and_sentences_stand_in_their_order(still: SeenPage) -> None:
    assert still.page.locator("h2").all_inner_texts() == [
        "What was asked, and what was used",
        "Statuses and warnings",
        "Expression",
        "Differences from the reference genome",
        "Chosen genes",
        "Variants with the largest effects",
        "What forests of a disease say",
        "How it was made",
    ]
    assert still.page.locator("h3").all_inner_texts() == ["APOE", QUOTES]
    text = still.page.inner_text("main")
    for said in (RESEARCH_USE, "432 of these changed a sequence", "6 of 20 predictions have no number", "made <model>"):
        assert said in text, said
    links = still.page.locator("nav a").all()
    assert [link.get_attribute("href") for link in links] == [f"#section-{number}" for number in range(8)]


def test_every_cell_has_the_colour_of_its_number(still: SeenPage) -> None:
    """Both heatmaps, each cell found by what it says."""
    maps = still.page.locator("svg:has(g.row)")
    assert maps.count() == 2
    for drawn, values, label in (
        (maps.nth(0), VALUES, "log1p TPM"),
        (maps.nth(1), np.where(np.isnan(VALUES), np.nan, MOVED), "log1p TPM, person minus reference"),
    ):
        diverging = "minus" in label
        scale = ColourScale.of(values, label, diverging=diverging)
        cells: list[list[Any]] = drawn.locator("g.row rect").evaluate_all(
            "cells => cells.map(cell => [cell.textContent, getComputedStyle(cell).fill])"
        )
        found = {said.partition(": ")[0]: (said, fill) for said, fill in cells}
        assert len(cells) == len(found) == VALUES.size
        for (gene, name), (tissue, of_tissue) in itertools.product(enumerate(GENES.values()), enumerate(TISSUES)):
            said, fill = found[f"{name}, {of_tissue}"]
            value = float(values[gene, tissue])
            if np.isnan(value):
                assert said.endswith(": no number") and fill.startswith('url("#')
            else:
                assert (said, fill) == (f"{name}, {of_tissue}: {value:.4g} {label}", rgb(scale.colour(value)))


def test_the_body_has_the_colours_of_the_gene(still: SeenPage) -> None:
    figure = still.page.locator("figure.body").nth(0)
    assert figure.locator("svg").count() == 1 + 3
    scale = ColourScale.of(VALUES[0], "")
    for shape, tissue in (("liver", 0), ("lung", 1), ("brain_cortex", 2), ("blood", 3)):
        for drawn in figure.locator(f"[data-shape={shape}]").all():
            assert computed(drawn, "fill") == rgb(scale.colour(float(VALUES[0, tissue]))), shape
    assert computed(figure.locator("[data-shape=spleen]").first, "fill").startswith('url("#map-0-')
    assert figure.locator("li").all_inner_texts() == ["K562: 0.5"]
    other = still.page.locator("figure.body").nth(1)
    assert computed(other.locator("[data-shape=blood]").first, "fill").startswith('url("#map-1-')


def test_names_of_every_kind_are_text(browser: "Browser", page: Path) -> None:
    with opened_page(browser, page) as seen:
        said: list[str] = []
        seen.page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        seen.page.reload()
        assert seen.page.locator("script").count() == 1
        text = seen.page.inner_text("main")
        assert SCRIPT in text and QUOTES in text
        assert said == [] and seen.errors == []


def test_every_picture_is_told_in_words_and_every_table_named(still: SeenPage) -> None:
    pictures = still.page.locator("svg").all()
    assert len(pictures) == 2 + 2 * (1 + 4) + 1
    words = [picture.get_attribute("aria-label") or "" for picture in pictures]
    assert all(len(each) > 20 for each in words) and len(set(words)) == len(words)
    assert all(picture.get_attribute("role") == "img" for picture in pictures)
    assert all("log1p TPM" in each for each in words)
    assert all(still.page.locator("table").nth(n).locator("caption").inner_text() for n in range(9))
    assert all(field.get_attribute("aria-label") for field in still.page.locator("input").all())
    assert still.page.locator("html").get_attribute("lang") == "en"


def test_every_axis_has_its_unit(still: SeenPage) -> None:
    for picture in still.page.locator("figure svg").all():
        text = picture.text_content() or ""
        if picture.locator("g.scale, g.bar").count():
            assert "log1p TPM" in text


def test_rows_are_sorted_and_filtered(seen: SeenPage) -> None:
    table = seen.page.locator("table.rows").nth(0)
    assert "largest differences" in table.locator("caption").inner_text()

    def genes() -> list[str]:
        return [row.locator("td").first.inner_text() for row in table.locator("tbody tr:visible").all()]

    assert genes() == ["APOE", SCRIPT]  # 0.5, -0.25
    head = table.locator("th", has_text="difference")
    head.locator("button").click()
    assert (genes(), head.get_attribute("aria-sort")) == ([SCRIPT, "APOE"], "ascending")
    head.locator("button").press("Enter")
    assert (genes(), head.get_attribute("aria-sort")) == (["APOE", SCRIPT], "descending")
    seen.page.locator("input").first.fill("aLERT")
    assert genes() == [SCRIPT]
    seen.page.locator("input").first.fill("")
    assert genes() == ["APOE", SCRIPT]


def test_small_and_scientific_numbers_are_sorted_as_numbers(seen: SeenPage) -> None:
    table = seen.page.locator("table.rows").nth(1)
    table.locator("th", has_text="effect").locator("button").click()
    column = [row.locator("td").nth(3).inner_text() for row in table.locator("tbody tr").all()]
    assert column == ["-3e-05", "0.75"]


def test_what_is_under_the_pointer_is_said_once(seen: SeenPage) -> None:
    tip = seen.page.locator("#tip")
    assert not tip.is_visible()
    cell = seen.page.locator("g.row rect").first
    words = cell.text_content()
    cell.scroll_into_view_if_needed()
    cell.hover()
    assert tip.is_visible() and tip.inner_text() == words
    assert cell.locator("title").count() == 0  # or the browser would say it too
    seen.page.locator("h1").hover()
    assert not tip.is_visible() and cell.text_content() == words
    liver = seen.page.locator("[data-shape=liver]").first
    liver.hover()
    assert tip.inner_text() == "liver: 1.5 log1p TPM"


def _luminance(colour: str) -> float:
    channels = [int(each) / 255 for each in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def _contrast(ink: str, ground: str) -> float:
    light, dark = sorted((_luminance(ink), _luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)

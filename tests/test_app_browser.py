"""The app in a real browser, from end to end: each tab, each bad upload, several readers, and what is left behind."""

import itertools
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from app_case import BAD, SCRIPT, AppCase, app_case
from browser_page import NARROW, WIDE, browser_path, opened_browser, opened_site

from variantformer_hf.app.server import running
from variantformer_hf.app.visits import Visits
from variantformer_hf.report.person_report import FIRST

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
TABS = ("Expression", "Body", "Match report", "Variant effects", "Enhancer map", "Downloads")
# The other two are slow, as all that differs in them is seen by those who look.
READERS = [
    pytest.param(width, dark, marks=pytest.mark.slow if (width == NARROW) != dark else [])
    for width, dark in itertools.product((NARROW, WIDE), (False, True))
]


@dataclass
class Site:
    """The app, running in this process.

    Attributes:
        address: of the page.
        case: its files.
        visits: what is its readers'.
        slow: while set, each layer of the network takes a while.
    """

    address: str
    case: AppCase
    visits: Visits
    slow: threading.Event

    def files(self) -> list[Path]:
        """All that is kept of readers."""
        folder = self.visits.served.parent
        return [path for each in ("served", "requests") for path in (folder / each).rglob("*")]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with opened_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    pytest.importorskip("gradio")
    browser_path()
    case, slow = app_case(tmp_path_factory.mktemp("app")), threading.Event()
    import torch

    drag = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda _module, _given: time.sleep(0.05) if slow.is_set() else None
    )
    with running(lambda _: case.served, port=0) as (address, visits):
        yield Site(address, case, visits, slow)
        folder = visits.served.parent
    drag.remove()
    assert not folder.exists()


@pytest.fixture(autouse=True)
def nothing_stays(site: Site) -> Iterator[None]:
    """After each test, when its browsers are gone, nothing of its readers is there."""
    yield
    site.slow.clear()
    until(lambda: not site.files() and not len(site.visits))


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def choose(page: "Page", place: str, label: str) -> None:
    """Choose from a list by typing."""
    field = page.locator(f"#{place} input")
    field.click()
    field.fill("")
    field.press_sequentially(label)
    page.get_by_role("option", name=label).first.click()


def name_gene(page: "Page", gene: str) -> None:
    page.locator("#gene textarea, #gene input").fill(gene)


def ask(page: "Page", *, gene: str = "DEMO1", whose: str | None = None) -> None:
    name_gene(page, gene)
    if whose is not None:
        page.get_by_label(whose).check()
    page.locator("#predict").click()


def upload(page: "Page", path: Path, place: str = "person") -> None:
    if place == "person":
        page.get_by_label("uploaded VCF").check()
    page.locator(f"#{place} input[type=file]").set_input_files(path)


def said(page: "Page", place: str, text: str | re.Pattern[str], seconds: float = 60) -> str:
    """Wait until a place says something; all that it says."""
    found = page.locator(f"#{place}", has_text=text)
    found.wait_for(timeout=1_000 * seconds, state="attached")
    return found.inner_text().strip()


def to_tab(page: "Page", name: str) -> None:
    """Open a tab; in a narrow window the last ones are in a menu."""
    if page.get_by_role("tab", name=name).count():
        page.get_by_role("tab", name=name).click()
    else:
        page.locator(".overflow-menu > button").click()
        page.locator(".overflow-dropdown button", has_text=name).click()


def open_tab(page: "Page", name: str) -> str:
    to_tab(page, name)
    place = f"tab-{name.lower().replace(' ', '-')}"
    return page.locator(f"#{place}").inner_text()


def test_each_tab_of_the_demo_person(browser: "Browser", site: Site, tmp_path: Path) -> None:
    with opened_site(browser, site.address) as seen:
        page = seen.page
        assert FIRST in page.locator("#head").inner_text()
        page.locator("#variants-part button").first.click()
        page.locator("#variants textarea").fill(site.case.uploads["variants.txt"].read_text())
        ask(page)
        said(page, "status", "DEMO1 of person, 4 tissue(s), log1p TPM")
        text = open_tab(page, "Expression")
        served = site.case.load()
        wanted = served._predictor.predict(site.case.files.fasta, site.case.files.vcf, genes=["DEMO1"])
        for tissue, value in zip(wanted["tissue"], wanted["log1p_tpm"], strict=True):
            assert re.search(rf"{re.escape(tissue)}\t{value:.4g}\t", text), (tissue, value, text)
        assert page.locator("#tab-expression g.bar").count() == 4
        assert page.locator("#tab-expression g.bar path.mark").count() == 4
        assert open_tab(page, "Body").startswith("log1p TPM")
        assert page.locator("#tab-body [data-shape=liver]").count() >= 1
        assert "of these changed a sequence" in open_tab(page, "Match report")
        effects = open_tab(page, "Variant effects")
        assert "The largest effects." in effects and "No variant was given" not in effects
        assert page.locator("#tab-variant-effects g.bar").count() == 3 * 2  # heterozygous, homozygous
        assert "Attention is not an effect" in open_tab(page, "Enhancer map")
        assert page.locator("#tab-enhancer-map rect.cre").count() > 100
        to_tab(page, "Downloads")
        for name in ("Parquet", "CSV", "Report"):
            with page.expect_download() as given:
                page.locator(f"#get-{name.lower()}").click()
            given.value.save_as(tmp_path / given.value.suggested_filename)
        table = pd.read_parquet(tmp_path / "predictions.parquet")
        assert table["log1p_tpm"].to_numpy() == pytest.approx(wanted["log1p_tpm"].to_numpy(), abs=1e-5)
        assert len(pd.read_csv(tmp_path / "predictions.csv")) == 4
        assert "Predicted expression of person" in (tmp_path / "report.html").read_text()
        assert (seen.errors, seen.requests) == ([], [])


def test_bad_uploads_are_a_sentence_in_the_page(browser: "Browser", site: Site) -> None:
    with opened_site(browser, site.address) as seen:
        page = seen.page
        name_gene(page, "DEMO1")
        for name, sentence in BAD.items():
            upload(page, site.case.uploads[name])
            said(page, "of-person", name)
            if "Ready." in page.locator("#of-person").inner_text():
                page.locator("#predict").click()
                assert said(page, "status", name).startswith(sentence)
            else:
                assert page.locator("#of-person").inner_text().strip() == sentence
            until(lambda: not site.files())
        upload(page, site.case.uploads["large.vcf"])
        page.get_by_text(re.compile("exceed the maximum allowed size of 20")).first.wait_for()
        until(lambda: not site.files())
        assert page.locator("#tab-expression").inner_text() == "Name a gene, and press Predict."
        assert (seen.errors, seen.requests) == ([], [])


def test_two_readers_do_not_see_each_others(browser: "Browser", site: Site) -> None:
    with opened_site(browser, site.address) as one, opened_site(browser, site.address) as two:
        readers = {"first": one.page, "second": two.page}
        for name, page in readers.items():
            upload(page, site.case.uploads[f"{name}.vcf"])
            said(page, "of-person", f"{name}.vcf: Ready.")
            name_gene(page, "DEMO1")
        for page in readers.values():
            page.locator("#predict").click()
        texts = {}
        for name, page in readers.items():
            said(page, "status", "DEMO1 of person")
            to_tab(page, "Downloads")
            with page.expect_download() as given:
                page.locator("#get-report").click()
            texts[name] = Path(given.value.path()).read_text()
        assert "first.vcf" in texts["first"] and "second.vcf" not in texts["first"]
        assert "second.vcf" in texts["second"] and "first.vcf" not in texts["second"]
        numbers = [page.locator("#tab-expression table").inner_text() for page in readers.values()]
        assert numbers[0] != numbers[1]
        assert not list((site.visits.served.parent / "requests").iterdir())
        assert (one.requests, two.requests) == ([], [])


def test_a_sample_is_asked_for(browser: "Browser", site: Site) -> None:
    with opened_site(browser, site.address) as seen:
        page = seen.page
        upload(page, site.case.uploads["two.vcf"])
        said(page, "of-person", "two.vcf: 2 samples: choose one.")
        choose(page, "sample", "P<2>")
        ask(page, gene="DEMO1")
        said(page, "status", "DEMO1 of P<2>")
        assert not page.locator("#sample").is_visible()
        assert seen.errors == []


def test_a_name_that_is_a_script_is_text(browser: "Browser", site: Site) -> None:
    with opened_site(browser, site.address) as seen:
        page, boxes = seen.page, []
        page.on("dialog", lambda box: (boxes.append(box.message), box.dismiss()))
        ask(page, gene=SCRIPT)
        assert said(page, "status", " of person").startswith(SCRIPT)
        assert all(SCRIPT in open_tab(page, name) for name in ("Expression", "Body", "Enhancer map"))
        assert (boxes, seen.errors) == ([], [])


def test_long_work_shows_how_far_it_is_and_is_stopped(browser: "Browser", site: Site) -> None:
    with opened_site(browser, site.address) as seen:
        page = seen.page
        upload(page, site.case.uploads["plain.vcf"])
        said(page, "of-person", "plain.vcf: Ready.")
        site.slow.set()
        ask(page)
        page.get_by_text("predicting DEMO1 of the person").first.wait_for()
        page.locator("#stop").click()
        said(page, "status", "Stopped; nothing of it is kept.")
        until(lambda: not site.files())
        site.slow.clear()
        ask(page, whose="reference genome")
        said(page, "status", "DEMO1 of reference")


def test_a_killed_browser_leaves_nothing(browser: "Browser", site: Site, tmp_path: Path) -> None:
    words = [browser_path(), "--headless", "--no-sandbox", "--remote-debugging-port=0", f"--user-data-dir={tmp_path}"]
    process = subprocess.Popen([*words, "about:blank"], stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    line = next(line for line in process.stderr if "DevTools listening on" in line)
    try:
        page = browser.browser_type.connect_over_cdp(line.split()[-1]).contexts[0].new_page()
        page.goto(site.address)
        upload(page, site.case.uploads["plain.vcf"])
        said(page, "of-person", "plain.vcf: Ready.")
        site.slow.set()
        ask(page)
        page.get_by_text("predicting DEMO1 of the person").first.wait_for()
        assert site.files()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()
    until(lambda: not site.files())


@pytest.mark.parametrize(("width", "dark"), READERS)
def test_it_is_read_narrow_and_wide_light_and_dark(browser: "Browser", site: Site, width: int, dark: bool) -> None:
    with opened_site(browser, site.address, width=width, dark=dark) as seen:
        page, light = seen.page, "dark" if dark else "light"
        seen.keep_screenshot(f"app-{width}-{light}-empty")
        ask(page)
        said(page, "status", "DEMO1 of person")
        for tab in TABS:
            to_tab(page, tab)
            seen.keep_screenshot(f"app-{width}-{light}-{tab.lower().replace(' ', '-')}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, tab
        assert (seen.errors, seen.requests) == ([], [])

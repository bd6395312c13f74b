"""What the tests of pages hear of a page: a harness that hears nothing proves nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_page import NARROW, browser_path, opened_browser, opened_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
PAGE = """<!doctype html><title>x</title><body><style>p { color: rgb(1, 2, 3) }
@media (prefers-color-scheme: dark) { p { color: rgb(4, 5, 6) } }</style><p>text</p>"""


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with opened_browser() as opened:
        yield opened


def test_a_page_that_asks_for_nothing_is_silent(browser: "Browser", tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGE)
    with opened_page(browser, tmp_path / "page.html") as seen:
        assert (seen.errors, seen.requests) == ([], [])
        assert seen.page.inner_text("p") == "text"


def test_errors_and_requests_are_heard(browser: "Browser", tmp_path: Path) -> None:
    asks = (
        '<img src="https://example.org/x.png"><img src="beside.png"><script>console.error("said"); missing()</script>'
    )
    (tmp_path / "page.html").write_text(PAGE + asks)
    with opened_page(browser, tmp_path / "page.html") as seen:
        assert {"https://example.org/x.png", (tmp_path / "beside.png").as_uri()} == set(seen.requests)
        assert "said" in seen.errors and any("missing" in error for error in seen.errors)
    with opened_page(browser, tmp_path / "page.html", scripts=False) as seen:
        assert not any("said" in error or "missing" in error for error in seen.errors)


@pytest.mark.parametrize(("dark", "colour"), [(False, "rgb(1, 2, 3)"), (True, "rgb(4, 5, 6)")])
def test_the_reader_has_a_width_and_a_light(browser: "Browser", tmp_path: Path, dark: bool, colour: str) -> None:
    (tmp_path / "page.html").write_text(PAGE)
    with opened_page(browser, tmp_path / "page.html", width=NARROW, dark=dark) as seen:
        assert seen.page.evaluate("[innerWidth, getComputedStyle(document.querySelector('p')).color]") == [360, colour]


def test_without_a_browser_a_machine_that_must_have_one_fails_and_a_users_skips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHROMIUM", "no-such-browser")
    monkeypatch.delenv("VARIANTFORMER_REQUIRE_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-browser is not here"):
        browser_path()
    monkeypatch.setenv("VARIANTFORMER_REQUIRE_BROWSER", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-browser is not here"):
        browser_path()

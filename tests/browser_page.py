"""Pages as a real browser shows them: Debian's chromium, or what ``CHROMIUM`` names, with the network off."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome")
NARROW, WIDE = 360, 1440
_HEIGHT = 900


@dataclass
class SeenPage:
    """A page that is open, and what was heard of it.

    Attributes:
        page: Playwright's.
        errors: of the console, and of scripts.
        requests: addresses asked for beside the file itself and what it holds, or of other hosts than the page's,
            answered or not.
    """

    page: "Page"
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def keep_screenshot(self, name: str) -> None:
        """Keep a picture of the whole page, where ``VARIANTFORMER_SCREENSHOTS`` names a folder."""
        if folder := os.environ.get("VARIANTFORMER_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def browser_path() -> str:
    """The browser; without one the test is skipped, and on a machine that must have one it fails."""
    named = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [named] if named else _NAMES)), None)
    if found:
        return found
    reason = f"{named or 'chromium'} is not here (apt-get install chromium, or name a browser in CHROMIUM)"
    if os.environ.get("VARIANTFORMER_REQUIRE_BROWSER") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def opened_browser() -> Iterator["Browser"]:
    """A browser without a window."""
    path = browser_path()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened_page(
    browser: "Browser", path: Path, *, width: int = WIDE, dark: bool = False, scripts: bool = True
) -> Iterator[SeenPage]:
    """A file of HTML in a browser without a network.

    Args:
        browser: of :func:`opened_browser`.
        path: the file.
        width: of the window, in CSS pixels.
        dark: the reader asks for a dark page.
        scripts: JavaScript runs.
    """
    address = path.resolve().as_uri()
    with _opened(
        browser, address, lambda url: url.partition("#")[0] == address, width, dark, javascript=scripts, offline=True
    ) as seen:
        yield seen


@contextmanager
def opened_site(browser: "Browser", address: str, *, width: int = WIDE, dark: bool = False) -> Iterator[SeenPage]:
    """A page of a server of this machine, in a browser of its own; what is asked of another host is not sent.

    Args:
        browser, width, dark: as of :func:`opened_page`.
        address: of the server, without a last slash.
    """

    def is_own(url: str) -> bool:
        return url.startswith((f"{address}/", "data:", "blob:"))

    with _opened(browser, f"{address}/", is_own, width, dark, javascript=True, offline=False) as seen:
        yield seen


@contextmanager
def _opened(
    browser: "Browser",
    address: str,
    is_own: Callable[[str], bool],
    width: int,
    dark: bool,
    *,
    javascript: bool,
    offline: bool,
) -> Iterator[SeenPage]:
    context = browser.new_context(
        viewport={"width": width, "height": _HEIGHT},
        color_scheme="dark" if dark else "light",
        java_script_enabled=javascript,
        offline=offline,
    )
    if not offline:
        context.route(lambda url: not is_own(url), lambda route: route.abort())
    seen = SeenPage(context.new_page())
    seen.page.on("console", lambda said: seen.errors.append(said.text) if said.type == "error" else None)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    context.on("request", lambda asked: None if is_own(asked.url) else seen.requests.append(asked.url))
    try:
        seen.page.goto(address)
        yield seen
    finally:
        context.close()

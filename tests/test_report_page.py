"""docs/report.md does what it says, and prints what it shows."""

import shutil
from pathlib import Path

import pytest
from page_blocks import DOCS, assert_as_shown, everything, shown_blocks

BLOCKS = shown_blocks((DOCS / "report.md").read_text())


# The cookbook's blocks have these commands, too, and are not slow.
@pytest.mark.slow
def test_the_blocks_print_what_is_shown(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo, tmp_path / "demo-output")
    monkeypatch.chdir(tmp_path)
    assert [block.language for block in BLOCKS] == ["sh", "sh", "python"]
    for block in BLOCKS:
        assert_as_shown(everything(block.run()[-1:]), block.shown)
    page = (tmp_path / "report.html").read_text()
    assert "All 6 genes in 4 tissues." in page and "<h3>DEMO1</h3>" in page
    assert (tmp_path / "any.svg").stat().st_size > 10_000

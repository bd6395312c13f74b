"""docs/columns.md does what it says."""

from pathlib import Path

import pytest
from page_blocks import DOCS, assert_as_shown, blocks, everything
from published_case import perf_summary

PAGE = (DOCS / "columns.md").read_text()


@pytest.mark.slow
def test_the_commands_print_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    perf_summary().to_csv("perf_summary.csv", index=False)
    found = blocks(PAGE)
    assert [bool(block.shown) for block in found] == [False, False, True, True]
    for block in found:
        printed = everything(block.run())
        if block.shown:
            assert_as_shown(printed, block.shown)

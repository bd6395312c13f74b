"""docs/intervals.md does what it says, prints what it shows, and names every column."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from page_blocks import DOCS, assert_as_shown, blocks, everything, texts

PAGE = (DOCS / "intervals.md").read_text()


# The cookbook has these commands, too, and is not slow; test_intervals has what they print.
@pytest.mark.slow
def test_the_page_runs(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo, tmp_path / "demo-output")
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"__name__": "page"}
    _, *own = blocks(PAGE)  # the first names files of nobody
    for block in own:
        code = block._replace(code=block.code.replace("$C", "demo-output/cohort"))
        said = everything(code.run(known))
        if block.shown and "predict" not in block.code:
            assert_as_shown(said, block.shown)
    rows = next(text for text in texts(PAGE) if text.startswith("sample,"))
    for shown, line in zip(rows.splitlines(), Path("predictions.csv").read_text().splitlines(), strict=False):
        assert_as_shown(line, shown)
    columns = pd.read_csv("predictions.csv", nrows=1).columns
    added = columns[columns.get_loc("reason") + 1 :]
    assert [column for column in added if f"`{column}`" not in PAGE] == []

"""docs/weights.md does what it says, and prints what it shows."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from page_blocks import DOCS, assert_as_shown, blocks, everything

PAGE = (DOCS / "weights.md").read_text()


def test_the_page_runs(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo, tmp_path / "demo-output")
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"__name__": "page"}
    first, *others = blocks(PAGE)
    assert first.code == "variantformer demo --output demo-output\n"
    for block in others:
        code = block._replace(code=block.code.replace("$C", "demo-output/cohort"))
        said = everything(code.run(known))
        if block.shown:
            assert_as_shown("\n".join(line for line in said.splitlines() if line), block.shown)
    columns = [*pd.read_csv("genes.tsv", sep="\t", nrows=1).columns]
    assert [column for column in columns if f"`{column}`" not in PAGE] == []

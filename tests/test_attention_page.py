"""docs/attention.md does what it says, and prints what it shows."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from page_blocks import DOCS, assert_as_shown, shown_blocks

PAGE = (DOCS / "attention.md").read_text()


def test_each_block_prints_what_is_shown(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyBigWig")
    shutil.copytree(demo, tmp_path / "demo-output")
    monkeypatch.chdir(tmp_path)
    blocks = shown_blocks(PAGE)
    assert [block.language for block in blocks] == ["sh", "python", "sh", "python"]
    for block in blocks:
        assert_as_shown(block.run()[-1].stdout, block.shown, rel=2e-3, abs=2e-4)
    assert {"demo1.png", "layers.png"} <= {path.name for path in tmp_path.iterdir()}
    tables = [pd.read_parquet("demo1.parquet"), *(pd.read_csv(path, sep="\t") for path in tmp_path.glob("*.tsv"))]
    assert len(tables) == 5
    for table in tables:
        assert [name for name in table.columns if f"`{name}`" not in PAGE] == []

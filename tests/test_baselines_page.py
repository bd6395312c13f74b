"""docs/baselines.md does what it says, and prints what it shows."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from page_blocks import DOCS, assert_as_shown, blocks, texts

PAGE = (DOCS / "baselines.md").read_text()


@pytest.mark.slow
def test_the_page_runs(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo, tmp_path / "demo-output")
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"__name__": "page"}
    said: list[str] = []
    for block in blocks(PAGE.replace("$C", "demo-output/cohort")):
        said += [line for step in block.run(known) for line in step.stderr.splitlines()]
    printed, rows, of_heads = texts(PAGE)
    for text in (printed, of_heads):
        first, *_ = lines = text.splitlines()
        place = said.index(first)
        assert said[place : place + len(lines)] == lines
    lines = rows.splitlines()
    for found, line in zip(Path("predictions.csv").read_text().splitlines()[: len(lines)], lines, strict=True):
        assert_as_shown(found, line)
    assert known["report"]["genes"] == {"fitted": 6}
    assert Path("top-snp/model.safetensors").is_file()
    for name in ("heads.csv", "net.csv"):
        assert ",ok,NA" in Path(name).read_text()

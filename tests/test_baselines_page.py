"""docs/baselines.md does what it says, and prints what it shows."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from page_blocks import DOCS, assert_as_shown, blocks, texts

PAGE = (DOCS / "baselines.md").read_text()


def test_the_page_runs(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo, tmp_path / "demo-output")
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"__name__": "page"}
    said = ""
    for block in blocks(PAGE.replace("$C", "demo-output/cohort")):
        said += "".join(step.stderr for step in block.run(known))
    printed, rows = texts(PAGE)
    assert "\n".join(line for line in said.splitlines() if line)[: len(printed) - 1] == printed.rstrip("\n")
    lines = rows.splitlines()
    for found, line in zip(Path("predictions.csv").read_text().splitlines()[: len(lines)], lines, strict=True):
        assert_as_shown(found, line)
    assert known["report"]["genes"] == {"fitted": 6}
    assert Path("top-snp/model.safetensors").is_file()

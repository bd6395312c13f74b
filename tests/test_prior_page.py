"""docs/prior.md does what it says, and prints what it shows."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from page_blocks import DOCS, assert_as_shown, blocks, texts

PAGE = (DOCS / "prior.md").read_text()


@pytest.mark.slow
def test_the_page_runs(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo, tmp_path / "demo-output")
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {"__name__": "page"}
    steps = [step for block in blocks(PAGE.replace("$C", "demo-output/cohort")) for step in block.run(known)]
    fitted = next(step for step in steps if "in_prior" in step.stderr)
    printed, rows, trusted = texts(PAGE)
    assert "\n".join(line for line in fitted.stderr.splitlines() if line) + "\nfitted" == printed.rstrip("\n")
    assert fitted.stdout == "fitted\n"
    for text, name in ((rows, "predictions.csv"), (trusted, "trusted.csv")):
        for shown, line in zip(text.splitlines(), Path(name).read_text().splitlines(), strict=False):
            assert_as_shown(line, shown)

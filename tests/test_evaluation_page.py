"""docs/evaluation.md does what it says, and has the papers' numbers."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from page_blocks import DOCS, assert_as_shown, everything, shown_blocks

PAGE = (DOCS / "evaluation.md").read_text()
PUBLISHED = Path(__file__).with_name("published_numbers.tsv")


def test_the_commands_print_what_the_page_shows(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo / "cohort", tmp_path / "demo-output" / "cohort")
    monkeypatch.chdir(tmp_path)
    blocks = shown_blocks(PAGE)
    assert [block.language for block in blocks] == ["sh", "sh"]
    for block in blocks:
        assert_as_shown(everything(block.run()), block.shown)


def test_every_published_number_stands_under_its_table() -> None:
    sections = re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]
    published = pd.read_csv(PUBLISHED, sep="\t", dtype=str, keep_default_na=False)
    assert len(published) == 127
    for row in published.itertuples():
        (section,) = (text for text in sections if f"`{row.table}`" in text.splitlines()[0])
        numbers = set(re.findall(r"-?\d+(?:\.\d+)?", section))
        assert {row.value, *(each for each in (row.low, row.high) if each)} <= numbers, row

"""docs/evaluation.md does what it says, and has the papers' numbers."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from command_line import run

PAGE = Path(__file__).resolve().parents[1] / "docs" / "evaluation.md"
PUBLISHED = Path(__file__).with_name("published_numbers.tsv")
_BLOCK = re.compile(r"```sh\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
_NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?")


def test_the_commands_print_what_the_page_shows(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(demo / "cohort", tmp_path / "demo-output" / "cohort")
    monkeypatch.chdir(tmp_path)
    blocks = _BLOCK.findall(PAGE.read_text())
    assert len(blocks) == 2
    for code, shown in blocks:
        printed = ""
        for line in code.replace("\\\n", "").splitlines():
            if line.startswith("variantformer "):
                done = run(*shlex.split(line)[1:])
                assert done.returncode == 0, done.stderr
                printed += done.stderr + done.stdout
            else:
                printed += subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout
        assert _NUMBER.sub("#", printed).split() == _NUMBER.sub("#", shown).split()
        found, expected = ([float(value) for value in _NUMBER.findall(text)] for text in (printed, shown))
        assert found == pytest.approx(expected, abs=2e-3)


def test_every_published_number_stands_under_its_table() -> None:
    sections = re.split(r"^### ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    published = pd.read_csv(PUBLISHED, sep="\t", dtype=str, keep_default_na=False)
    assert len(published) == 102
    for row in published.itertuples():
        (section,) = (text for text in sections if f"`{row.table}`" in text.splitlines()[0])
        numbers = set(re.findall(r"-?\d+\.\d+", section))
        assert {row.value, *(each for each in (row.low, row.high) if each)} <= numbers, row

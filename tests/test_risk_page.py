"""docs/risk.md: each command that reads the made store or genotypes does what it says, and prints what it shows."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
from command_line import run
from risk_page_case import write_case

PAGE = Path(__file__).resolve().parents[1] / "docs" / "risk.md"
_BLOCK = re.compile(r"```(sh|python)\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
_NUMBER = re.compile(r"\d+\.\d+")
OWN = ("risk train", "risk evaluate", "risk predict forests", "RiskForests.open")


def blocks() -> list[tuple[str, str, str]]:
    return [each for each in _BLOCK.findall(PAGE.read_text()) if any(name in each[1] for name in OWN)]


def test_the_page_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_case(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert [language for language, _, _ in blocks()] == ["sh", "python", "sh", "sh", "sh"]
    for language, code, shown in blocks():
        if language == "sh":
            done = run(*shlex.split(code.replace("\\\n", ""))[1:])
            assert done.returncode == 0, done.stderr
            printed = done.stderr
        else:
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(code, {})
            printed = out.getvalue()
        assert _NUMBER.sub("#", printed).split() == _NUMBER.sub("#", shown).split()
        found, expected = ([float(value) for value in _NUMBER.findall(text)] for text in (printed, shown))
        assert found == pytest.approx(expected, abs=2e-3)


def test_the_page_says_research_use_only() -> None:
    assert "**Research use only.**" in PAGE.read_text()

"""docs/attention.md does what it says, and prints what it shows."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from command_line import run

PAGE = Path(__file__).resolve().parents[1] / "docs" / "attention.md"
BLOCKS = re.findall(r"```(sh|python)\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
_NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?")


def printed_by(language: str, code: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a block prints; our own command in this process, where others follow theirs alone."""
    if language == "python":
        exec(compile(code, str(PAGE), "exec"), {"__name__": "page"})
        return capsys.readouterr().out
    ours, *others = code.replace("\\\n", "").splitlines()
    done = run(*shlex.split(ours)[1:])
    assert done.returncode == 0, done.stderr
    if not others:
        return done.stdout
    return subprocess.run(["bash", "-euc", "\n".join(others)], check=True, capture_output=True, text=True).stdout


def test_each_block_prints_what_is_shown(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyBigWig")
    shutil.copytree(demo, tmp_path / "demo-output")
    monkeypatch.chdir(tmp_path)
    assert [language for language, _, _ in BLOCKS] == ["sh", "python", "sh", "python"]
    for language, code, shown in BLOCKS:
        printed = printed_by(language, code, capsys)
        assert _NUMBER.sub("#", printed).split() == _NUMBER.sub("#", shown).split(), printed
        found, expected = ([float(value) for value in _NUMBER.findall(text)] for text in (printed, shown))
        assert found == pytest.approx(expected, rel=2e-3, abs=2e-4)
    assert {"demo1.png", "layers.png"} <= {path.name for path in tmp_path.iterdir()}
    tables = [pd.read_parquet("demo1.parquet"), *(pd.read_csv(path, sep="\t") for path in tmp_path.glob("*.tsv"))]
    assert len(tables) == 5
    for table in tables:
        assert [name for name in table.columns if f"`{name}`" not in PAGE.read_text()] == []

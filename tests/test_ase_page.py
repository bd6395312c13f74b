"""docs/ase.md and docs/variant-suites.md do what they say, and print what they show."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from command_line import run

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = {name: (DOCS / name).read_text() for name in ("ase.md", "variant-suites.md")}
_BLOCK = re.compile(r"```(sh|python)\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
BLOCKS = [(name, *block) for name, page in PAGES.items() for block in _BLOCK.findall(page)]
_NUMBER = re.compile(r"[-+]?\d+\.\d+(?:e[-+]?\d+)?")


@pytest.fixture(scope="module")
def place(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ase-page")
    shutil.copytree(demo, folder / "demo-output")
    return folder


def printed_by(language: str, code: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a block prints; ours in this process, all else by the shell."""
    if language == "python":
        exec(compile(code, "page", "exec"), {"__name__": "page"})
        return capsys.readouterr().out
    ours = re.search(r"^variantformer (.*?[^\\])$", code, re.DOTALL | re.MULTILINE)
    assert ours is not None
    before, behind = code[: ours.start()], code[ours.end() :]
    subprocess.run(["bash", "-euc", before], check=True)
    done = run(*shlex.split(ours[1].replace("\\\n", "")))
    assert done.returncode == 0, done.stderr
    return subprocess.run(["bash", "-euc", behind], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_block_prints_what_is_shown(
    number: int, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    name, language, code, shown = BLOCKS[number]
    printed = printed_by(language, code, capsys)
    assert _NUMBER.sub("#", printed).split() == _NUMBER.sub("#", shown).split(), printed
    found, expected = ([float(value) for value in _NUMBER.findall(text)] for text in (printed, shown))
    assert found == pytest.approx(expected, rel=2e-3, abs=2e-4)

    for path in place.glob("*.tsv") if name == "ase.md" else ():
        columns = pd.read_csv(path, sep="\t", nrows=1).columns
        assert [column for column in columns if f"`{column}`" not in PAGES[name]] == [], path

"""The quick starts of the README do what it says, and print what it shows."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from accelerate.state import AcceleratorState
from command_line import invoke
from forked_commands import forked_commands
from page_blocks import Block, assert_as_shown, blocks, shown_blocks

REPOSITORY = Path(__file__).resolve().parents[1]


def quick_starts() -> list[Block]:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    return shown_blocks(readme[readme.index("## Quick starts") : readme.index("## Install")])


@dataclass(frozen=True)
class Place:
    """Where `make demo` was run, and a folder with the commands."""

    folder: Path
    commands: Path

    def run(self, *command: str | Path, folder: Path | None = None) -> str:
        """Run a command of this environment there, or in another folder; what it printed."""
        path = f"{self.commands}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        changes = {"PATH": path, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "HF_HOME": str(self.folder)}
        done = subprocess.run(
            command,
            check=False,
            cwd=folder or self.folder,
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, **changes},
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr[-3_000:]
        return done.stdout


@pytest.fixture(scope="module")
def place(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(demo, folder / "demo-output")
    with forked_commands() as commands:
        yield Place(folder, commands)


@pytest.fixture
def own_place(demo: Path, tmp_path: Path) -> Path:
    """Another, to train in."""
    shutil.copytree(demo, tmp_path / "demo-output")
    return tmp_path


def training_block() -> str:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (block,) = (block for block in blocks(readme) if block.language == "sh" and "demo-output/cohort" in block.code)
    return block.code


def test_publishing_and_training_on_the_demo(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's commands in this process, by runs of two steps."""
    for config in (own_place / "demo-output/cohort").glob("*.yaml"):
        config.write_text(config.read_text().replace("loop:\n", "loop:\n  max_steps: 2\n"))
    monkeypatch.chdir(own_place)
    printed = ""
    for line in training_block().replace("\\\n", "").splitlines():
        AcceleratorState._reset_state(reset_partial_state=True)
        printed += invoke(*shlex.split(line, comments=True)[1:])
    check_training(printed, own_place)


@pytest.mark.slow
def test_two_minutes_of_training_on_the_demo(place: Place, own_place: Path) -> None:
    check_training(place.run("bash", "-euc", training_block(), folder=own_place), own_place)


def check_training(printed: str, folder: Path) -> None:
    assert '"labels"' in printed  # of the plan of stage 1
    assert '"pairs"' in printed  # of the plan of stage 2
    table = pd.read_csv(folder / "trained.csv")
    assert set(table["status"]) == {"ok"}
    assert len(table) == 6 * 3


def test_there_are_four_ways_in() -> None:
    assert [block.language for block in quick_starts()] == ["sh", "python", "python", "python"]


@pytest.mark.parametrize("number", range(4))
def test_quick_start(number: int, place: Place, tmp_path: Path) -> None:
    language, code, shown = quick_starts()[number]
    if language == "sh":
        printed = place.run("bash", "-euc", code)
    else:
        (tmp_path / "code.py").write_text(code)
        printed = place.run("python", tmp_path / "code.py")
    assert_as_shown(printed, shown)


@pytest.mark.slow
def test_the_quick_start_without_the_package(place: Place) -> None:
    """In an interpreter that has imported nothing of it; test_modeling_custom_code has one that does not have it."""
    _, code, shown = quick_starts()[3]
    assert "variantformer_hf" not in code
    assert_as_shown(place.run(sys.executable, "-c", code), shown)


def test_the_readme_points_to_every_page_and_to_nothing_else() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in target]
    assert len(targets) > 8
    pages = {f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("*.md")}
    assert pages - {target.partition("#")[0] for target in targets} == set()
    assert [target for target in targets if not (REPOSITORY / target.partition("#")[0]).exists()] == []

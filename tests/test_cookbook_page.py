"""The cookbook and the skill have every command, and each of their blocks does what it says."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accelerate.state import AcceleratorState
from command_line import get_command
from cookbook_case import STAND_INS, use_bucket, write_place
from page_blocks import DOCS, Block, assert_as_shown, blocks, everything
from test_app_page import COMMAND_LINE, served

from variantformer_hf.cli import app

PAGES = {"cookbook": DOCS / "cookbook.md", "skill": DOCS.parent / "skills/variantformer/SKILL.md"}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
# The cookbook's first block, which the fixture of the demo has run, and which the skill has in a sentence.
FIRST = "variantformer demo --output demo-output\ncd demo-output\n"
# Commands that have no block here: why.
ELSEWHERE = {}
# A span of code that names something that is written: a file with a suffix, or a folder.
_WRITTEN = re.compile(r"[\w./-]+(?:\.\w+|/)")


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that can be run, by the words that name it."""
    command = command or get_command(app)
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from commands(each, (*path, name))
    else:
        yield path, command


COMMANDS = dict(commands())


def command_of(words: list[str]) -> tuple[str, ...] | None:
    """The command that words begin with."""
    return next((path for path in COMMANDS if tuple(words[: len(path)]) == path), None)


def options_of(command: Any) -> set[str]:
    return {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}


def run_in(code: Block) -> set[tuple[str, ...] | None]:
    """The commands of a block that is run."""
    found = [shlex.split(line, comments=True)[1:] for line in code.own_commands()]
    return {command_of(words) for words in found}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_stands_in_a_block_that_is_run(page: str) -> None:
    found = {path for block in blocks(TEXTS[page]) if block.language == "sh" for path in run_in(block)}
    assert len(COMMANDS) > 40
    assert None not in found
    assert {*COMMANDS} - found - {*ELSEWHERE} == ({("demo",)} if page == "skill" else set())
    assert [path for path in ELSEWHERE if path in found] == []


def test_the_skill_says_how_the_demo_is_made() -> None:
    assert "`variantformer demo --output demo-output`, then `cd demo-output`" in " ".join(TEXTS["skill"].split())


@pytest.mark.parametrize("page", PAGES)
def test_every_option_of_the_prose_is_one_of_its_command(page: str) -> None:
    """Those of blocks are looked at for all documents, see test_release."""
    anywhere = set().union(*map(options_of, COMMANDS.values()))
    spans = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", TEXTS[page], flags=re.DOTALL))
    named = 0
    for span in spans:
        words = span.removeprefix("variantformer ").split()
        path = command_of(words)
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= (options_of(COMMANDS[path]) if path else anywhere), span
        named += len(options)
    assert named > 10


def test_the_cookbook_lists_what_the_demo_does_not_make() -> None:
    table = TEXTS["cookbook"].partition("| name |")[2].partition("\n\n")[0]
    listed = {name for row in table.splitlines()[2:] for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    assert listed == STAND_INS


def serve(words: list[str], folder: Path) -> None:
    """Start the app on a port that is free, ask it for its page, and end it."""
    words[words.index("--port") + 1] = "0"
    assert "is ready" in served(COMMAND_LINE, words, folder)


def written(page: str, block: Block, following: str) -> list[str]:
    """What a page says that a block writes.

    Args:
        page: the cookbook says it below, the skill in the comments of the block.
        block: the block.
        following: the page's text up to the next block.
    """
    if page == "skill":
        told = re.findall(r"^#.*-> ([^;\n]+)", block.code, re.MULTILINE)
        return [name.strip() for text in told for name in text.split(",")]
    told = re.findall(r"^What comes out: (.*?)(?:\n\n|\Z)", following, re.MULTILINE | re.DOTALL)
    spans = [span for text in told for span in re.findall(r"`([^`]+)`", text)]
    return [span for span in spans if _WRITTEN.fullmatch(span)]


# The cookbook has the same commands, and more said of each.
@pytest.mark.parametrize("page", ["cookbook", pytest.param("skill", marks=pytest.mark.slow)])
def test_the_blocks_run_one_after_the_other(
    page: str, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_bucket(tmp_path / "bucket", monkeypatch)
    monkeypatch.chdir(write_place(demo, tmp_path / "demo-output"))
    found, text = blocks(TEXTS[page]), TEXTS[page]
    if page == "cookbook":
        first, *found = found
        assert first.code == FIRST
    assert len(found) > 10
    names: dict[str, Any] = {"__name__": "page"}
    n_written = 0
    for block, behind in zip(found, [*found[1:], None], strict=True):
        AcceleratorState._reset_state(reset_partial_state=True)
        text = text[text.index(block.code) + len(block.code) :]
        if ("app",) in run_in(block):
            (command,) = block.own_commands()
            serve(shlex.split(command)[1:], tmp_path)
            continue
        steps = block.run(names)
        if block.shown:
            assert_as_shown(everything(steps), block.shown)
        told = written(page, block, text if behind is None else text[: text.index(behind.code)])
        assert [name for name in told if not Path(name).exists()] == [], block.code
        n_written += len(told)
    assert n_written > 40

"""The blocks of a page of the docs: what they print, beside what the page shows."""

import contextlib
import io
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from command_line import Finished, run

DOCS = Path(__file__).resolve().parents[1] / "docs"
_BLOCK = re.compile(r"```(sh|python)\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
_TEXT = re.compile(r"```text\n(.*?)```", re.DOTALL)
_OWN_COMMAND = re.compile(r"^(variantformer (?:.*\\\n)*.*)\n?", re.MULTILINE)
_NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?")


class Block(NamedTuple):
    """Code of a page, and the text right behind it."""

    language: str
    code: str
    shown: str

    def own_commands(self) -> list[str]:
        """Our own commands of a shell block, each in one line."""
        return [part.replace("\\\n", "") for part in _OWN_COMMAND.split(self.code)[1::2]]

    def run(self, names: dict[str, Any] | None = None) -> list[Finished]:
        """Run it in the current folder, all of it successfully; what each step left behind.

        A python block is one step, which knows and adds to ``names``. In a shell block each of our own commands is
        one, in this process, and so are all lines between two of them, in a shell.
        """
        if self.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(self.code, "page", "exec"), {"__name__": "page"} if names is None else names)
            return [Finished(0, out.getvalue(), "")]
        steps = []
        for number, part in enumerate(_OWN_COMMAND.split(self.code)):
            if number % 2:
                steps.append(run(*shlex.split(part.replace("\\\n", ""), comments=True)[1:]))
            elif part.strip():
                done = subprocess.run(["bash", "-euc", part], check=False, capture_output=True, text=True)
                steps.append(Finished(done.returncode, done.stdout, done.stderr))
            else:
                continue
            assert steps[-1].returncode == 0, steps[-1].stderr
        return steps


def blocks(text: str) -> list[Block]:
    """All blocks of code of a page, of which one that no text follows at once shows nothing."""
    return [Block(*found) for found in _BLOCK.findall(text)]


def shown_blocks(text: str) -> list[Block]:
    """Those that show what they print."""
    return [block for block in blocks(text) if block.shown]


def texts(text: str) -> list[str]:
    """All texts of a page, behind code or not."""
    return _TEXT.findall(text)


def everything(steps: list[Finished]) -> str:
    """What a reader of the terminal sees."""
    return "".join(step.stderr + step.stdout for step in steps)


def assert_as_shown(printed: str, shown: str, **tolerance: float) -> None:
    """The same words, tabs and whole numbers; numbers with a point as near as ``pytest.approx`` is told (2e-3).

    Spaces and ends of lines may be others: a page folds its lines, and a table is as wide as its numbers. Sums of
    floats differ in their last digits from machine to machine.
    """
    found, expected = (re.split("[ \n]+", _NUMBER.sub("#", text).strip(" \n")) for text in (printed, shown))
    assert found == expected, printed
    numbers, wanted = ([float(value) for value in _NUMBER.findall(text)] for text in (printed, shown))
    assert numbers == pytest.approx(wanted, **(tolerance or {"abs": 2e-3}))

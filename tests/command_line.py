"""The command line in this process."""

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from functools import cache
from unittest import mock

import typer
from typer.testing import CliRunner

from variantformer_hf.cli import app, main
from variantformer_hf.errors import InputError

# The tree of commands takes a tenth of a second to build: once a process, not once a call.
get_command = cache(typer.main.get_command)


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: object) -> Finished:
    """Run a command as the entry point does."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(typer.main, "get_command", get_command),
        mock.patch.object(sys, "argv", ["variantformer", *map(str, arguments)]),
        mock.patch.dict(os.environ, {"COLUMNS": "200"}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Finished(code, out.getvalue(), err.getvalue())


def invoke(*arguments: object) -> str:
    """Run a command; what it printed. Bad input is raised, any other failure fails the test."""
    with mock.patch.object(typer.testing, "_get_command", get_command):
        result = CliRunner().invoke(app, [*map(str, arguments)])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output

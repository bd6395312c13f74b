"""The command line in this process."""

from typer.testing import CliRunner

from variantformer_hf.cli import app
from variantformer_hf.errors import InputError


def invoke(*arguments: object) -> str:
    """Run a command; what it printed. Bad input is raised, any other failure fails the test."""
    result = CliRunner().invoke(app, [*map(str, arguments)])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output

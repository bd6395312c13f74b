"""The command line: ``variantformer COMMAND``."""

import logging
import os
import sys
from typing import Annotated

import typer

from ..errors import InputError
from ..files import OF_WRITING, output_error
from ..inference.processes import is_first_process
from ..version import __version__
from .ancestry import ancestry
from .artifacts import artifacts
from .ase import ase
from .associate import associate
from .attention import attention
from .baseline import baseline
from .calibrate import calibrate
from .convert import convert
from .counterfactual import counterfactual
from .demo import demo
from .doctor import doctor
from .drivers import drivers
from .edit import edit
from .effects import effects
from .embed import embed
from .eqtl import eqtl
from .evaluate import evaluate
from .export import export
from .fetch import fetch
from .fit import fit
from .heritability import heritability
from .ingest import ingest
from .knockout import knockout
from .linearize import linearize
from .magma import magma
from .map import map_embeddings
from .mutagenesis import mutagenesis
from .null import null
from .outputs import closing
from .precompute import precompute
from .predict import predict
from .predictability import predictability
from .publish import publish
from .report import report
from .risk import risk
from .serve import serve_app
from .stopping import Stopped, signals_raise
from .train import train

EXIT_BAD_INPUT = 1
EXIT_REJECTED_NAMES = 3

app = typer.Typer(
    name="variantformer",
    help="Gene expression predicted from a person's own genome.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (
    predict,
    effects,
    embed,
    mutagenesis,
    knockout,
    attention,
    counterfactual,
    eqtl,
    heritability,
    predictability,
    calibrate,
    fit,
    ancestry,
    drivers,
    ase,
    linearize,
    export,
    report,
    null,
    edit,
    precompute,
    ingest,
    train,
    doctor,
    convert,
    publish,
    demo,
):
    app.command()(closing(command))
app.command("map")(closing(map_embeddings))
app.command("app")(closing(serve_app))
app.add_typer(fetch, name="fetch")
app.add_typer(artifacts, name="artifacts")
app.add_typer(risk, name="risk")
app.add_typer(magma, name="magma")
app.add_typer(evaluate, name="evaluate")
app.add_typer(baseline, name="baseline")
app.add_typer(associate, name="associate")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"variantformer-hf {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more about what is being done.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    from rich.console import Console
    from rich.logging import RichHandler

    handler = RichHandler(console=Console(stderr=True), show_time=False, show_path=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler], force=True)
    logging.getLogger("variantformer_hf").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("huggingface_hub").propagate = False  # it prints by itself


def main() -> None:
    """Entry point of ``variantformer``: what can be foreseen is a line on stderr and a non-zero exit, no traceback."""
    with signals_raise():
        try:
            app()
        except Stopped as stop:
            if is_first_process():
                _say(str(stop), stop)
            sys.exit(stop.exit_code)
        except InputError as error:
            _say(f"error: {error}", error)
            sys.exit(EXIT_REJECTED_NAMES if type(error).__name__ == "RejectedQueryError" else EXIT_BAD_INPUT)
        except MemoryError as error:
            _say("error: memory ran out. Ask for less at a time, or use a larger machine.", error)
            sys.exit(EXIT_BAD_INPUT)
        except OSError as error:
            _say(f"error: {_of_the_system(error)}", error)
            sys.exit(EXIT_BAD_INPUT)


def _of_the_system(error: OSError) -> str:
    """What the system refused, in a line."""
    name = None if error.filename is None else os.fsdecode(error.filename)
    if error.errno in OF_WRITING:
        return str(output_error(name, error.errno))
    return " ".join(str(error).split()) if name is None or error.errno is None else f"{name}: {error.strerror}"


def _say(text: str, error: BaseException) -> None:
    """A line on stderr, with what the command says is kept."""
    notes = getattr(error, "__notes__", ())
    typer.echo(" ".join([f"{text.rstrip('.')}.", *notes]) if notes else text, err=True)

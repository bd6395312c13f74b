"""``variantformer app``: a page in a browser, on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError, check_number
from .options import DEVICE, FASTA, given_file

if TYPE_CHECKING:
    from ..app.server import Served

_MOST_PORT = 65_535


def serve_app(
    model: Annotated[
        str | None, typer.Argument(help="Model folder (from `variantformer convert`), or a Hub id. Default: the demo.")
    ] = None,
    fasta: Annotated[Path | None, typer.Option(parser=given_file, metavar="PATH", help=FASTA)] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="A synthetic genome and person, and a tiny model with random weights.")
    ] = False,
    port: Annotated[int, typer.Option(help="To listen on, on this machine alone; 0 = any that is free.")] = 7860,
    device: Annotated[str, typer.Option(help=DEVICE)] = "auto",
) -> None:
    """Show a page in which a gene of a person is predicted, until Ctrl-C: expression, the body, what was used of a VCF,
    effects of variants, an enhancer map, downloads.

    It listens on 127.0.0.1 alone. What is uploaded stays in this process and goes when its request ends.
    """
    if model is not None and demo:
        raise InputError("--demo has a model of its own", remedy="Leave out --demo, or the model.")
    if (model is None) != (fasta is None):
        given, other = ("a model", "--fasta") if fasta is None else ("--fasta", "a model")
        raise InputError(f"{given} is given without {other}", remedy="Give both, or none for the demo.")
    check_number("--port", port, 0, _MOST_PORT)

    from ..app.server import Served, serve, write_demo
    from .settings import quiet_libraries

    quiet_libraries()

    def served(folder: Path) -> "Served":
        if model is None or fasta is None:
            return write_demo(folder, device=device)
        return Served(model, fasta, device=device)

    serve(served, lambda line: typer.echo(line, err=True), port=port)

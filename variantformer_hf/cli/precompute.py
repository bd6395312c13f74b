"""``variantformer precompute``: the reference's elements are encoded once, for all people."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import ForceCompanionsOption
from .outputs import say_what_is_kept
from .progress import progress


def precompute(
    model: Annotated[str, typer.Argument(help="Model folder (from `variantformer convert`), or a Hub id.")],
    fasta: Annotated[Path, typer.Option(help="Reference genome, plain or bgzipped.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the store. Default: where `predict` looks for it by itself."),
    ] = None,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "released"],
        typer.Option(help="As it will be given to `predict`; a store serves one precision."),
    ] = "auto",
    device: Annotated[str, typer.Option(help="auto = cuda, else mps, else cpu; or a torch device.")] = "auto",
    force_companions: ForceCompanionsOption = False,
) -> None:
    """Encode the cCREs of the reference genome, so that predictions encode only what differs from them.

    A run that was cut short, or a new gene table, adds what is missing.
    """
    from transformers.utils.logging import disable_progress_bar

    from ..files import check_folder
    from ..genome.reference import ReferenceGenome
    from ..inference.precompute import precompute as run
    from ..zoo.families import load_gene_model
    from ..zoo.gene_model import StoringGeneModel

    disable_progress_bar()
    reference = ReferenceGenome(fasta)
    loaded = load_gene_model(model, device=device, precision=precision, force_companions=force_companions)
    loaded.require("store", "precompute")
    assert isinstance(loaded, StoringGeneModel)
    folder = loaded.store_folder(output)
    check_folder(folder)
    say_what_is_kept(lambda: f"{folder} keeps what is encoded: the same command goes on from there.")
    with progress("encoding", "elements") as on_elements:
        done = run(loaded, reference, folder, on_elements=on_elements)
    typer.echo(f"{done.elements:,} elements, {done.encoded:,} encoded now; {done.size / 1e6:,.1f} MB", err=True)
    typer.echo(str(done.folder))

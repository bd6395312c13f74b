"""``variantformer precompute``: the reference's cCREs are encoded once, for all people."""

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    DEVICE,
    FASTA,
    AddressOption,
    EngineOption,
    ForceCompanionsOption,
    ModelArgument,
    Precision,
    WorkersOption,
    given_file,
)
from .outputs import refuse_address, say_what_is_kept
from .progress import progress
from .settings import ModelSettings, chosen_engine, chosen_precision, quiet_libraries


def precompute(
    model: ModelArgument,
    fasta: Annotated[Path, typer.Option(help=FASTA, parser=given_file, metavar="PATH")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the store. Default: where `predict` looks for it by itself."),
    ] = None,
    precision: Annotated[
        Precision,
        typer.Option(help="As it will be given to `predict`; a store serves one precision."),
    ] = "auto",
    device: Annotated[str, typer.Option(help=DEVICE)] = "auto",
    force_companions: ForceCompanionsOption = False,
    engine: EngineOption = "process",
    address: AddressOption = None,
    workers: WorkersOption = None,
) -> None:
    """Encode the cCREs of the reference genome, so that predictions encode only what differs from them.

    A run that was cut short, or a new gene table, adds what is missing.
    """
    from ..files import check_folder
    from ..genome.reference import ReferenceGenome
    from ..inference.precompute import precompute as run
    from ..zoo.gene_model import StoringGeneModel

    refuse_address(output)
    quiet_libraries()
    units_on = chosen_engine(engine, address, workers, device)
    of_model = ModelSettings(
        model, precision=chosen_precision(precision, units_on), device=device, force_companions=force_companions
    )
    of_model.kind().require("store", "precompute")
    reference = ReferenceGenome(fasta)
    loaded = of_model.load()
    assert isinstance(loaded, StoringGeneModel)
    folder = loaded.store_folder(output)
    check_folder(folder)
    say_what_is_kept(lambda: f"{folder} keeps what is encoded: the same command goes on from there.")
    with progress("encoding", "cCREs") as on_cres:
        done = run(loaded, reference, folder, on_cres=on_cres, engine=units_on)
    typer.echo(f"{done.cres:,} cCREs, {done.encoded:,} encoded now; {done.size / 1e6:,.1f} MB", err=True)
    typer.echo(str(done.folder))

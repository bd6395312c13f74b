"""``variantformer fetch``: public files, selected, verified and resumed."""

from pathlib import Path
from typing import Annotated

import typer

from .outputs import claim_folder, closing

fetch = typer.Typer(help="Fetch public files: `variantformer fetch released`.", no_args_is_help=True)


@fetch.callback()
def _fetch() -> None:
    """Fetch public files."""


@fetch.command()
@closing
def released(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files; made, or gone on with.")],
    models: Annotated[str, typer.Option(help="pcg, ag, or both with a comma.")] = "pcg",
    what: Annotated[
        str,
        typer.Option(
            help="With commas: weights, genes, cres, reference, example, frequencies, maps, populations, risk."
        ),
    ] = "weights,genes,cres",
    copy: Annotated[
        Path | None,
        typer.Option("--from", help="A local copy instead: the released downloader's folder, or the bucket's layout."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="A mirror of the bucket, e.g. s3://... or a folder.")] = None,
    code_source: Annotated[str | None, typer.Option(help="A mirror of the code repository's files.")] = None,
    endpoint_url: Annotated[str | None, typer.Option(help="Address of another S3 service.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Files at a time.")] = 4,
) -> None:
    """Fetch the released VariantFormer files from their public bucket, for `variantformer convert --artifacts`.

    The weights are 14 GB a model. A run that broke off goes on where it was; sizes and checksums are compared.
    """
    from ..conversion.fetch import fetch_released
    from ..conversion.fetched import RECORD
    from ..conversion.local_copy import copy_released
    from ..conversion.released_files import BUCKET, CODE
    from .progress import progress

    claim_folder(output, kept=lambda: f"{output} keeps what was fetched: the same command goes on from there.")
    groups, names = (tuple(part.strip() for part in text.split(",") if part.strip()) for text in (what, models))
    with progress("fetching", "MB") as step:

        def on_bytes(done: int, total: int) -> None:
            step(done // 1_000_000, max(1, total // 1_000_000))

        if copy is not None:
            files = copy_released(copy, output, what=groups, models=names, on_bytes=on_bytes)
        else:
            options = {} if endpoint_url is None else {"endpoint_url": endpoint_url}
            files = fetch_released(
                output,
                what=groups,
                models=names,
                source=source or BUCKET,
                code=code_source or CODE,
                workers=workers,
                storage_options=options,
                on_bytes=on_bytes,
            )
    counts: dict[str, int] = {}
    for file in files:
        counts[file.verified] = counts.get(file.verified, 0) + 1
    shown = ", ".join(f"{count} by {how}" for how, count in sorted(counts.items()))
    typer.echo(f"{len(files)} files, {sum(file.size for file in files):,} bytes; compared: {shown}", err=True)
    typer.echo(str(output / RECORD))

"""``variantformer publish``: a model folder becomes a repository of the Hub."""

from pathlib import Path
from typing import Annotated

import typer


def publish(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The model folder.")],
    repository: Annotated[str, typer.Argument(metavar="USER/NAME", help="The repository; made where there is none.")],
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    create_pr: Annotated[
        bool, typer.Option("--create-pr", help="Propose the upload as a pull request instead of committing it.")
    ] = False,
    tag: Annotated[
        str | None, typer.Option(help="Name of this version; by default v and the package's version.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the folder and list files, sizes and hashes; send nothing.")
    ] = False,
    refresh_code: Annotated[
        bool, typer.Option("--refresh-code", help="First write this version's model code into the folder.")
    ] = False,
) -> None:
    """Check a model folder, list what leaves this machine, upload it and tag the version.

    The login is that of huggingface-hub: run `hf auth login` once. An upload that broke off goes on when started again.
    """
    from rich.console import Console
    from rich.table import Table
    from transformers.utils.logging import disable_progress_bar

    from ..hub.card import licence_of
    from ..hub.folder_check import refresh_model_code
    from ..hub.publication import describe, plan_publication, size_text
    from ..hub.publication import publish as upload

    disable_progress_bar()
    if refresh_code:
        refresh_model_code(folder)
    plan = plan_publication(folder, repository, tag=tag, private=private, create_pr=create_pr)
    table = Table("file", "size", "SHA-256", title=f"{folder} -> {repository}", title_justify="left")
    for row in describe(plan):
        table.add_row(*row, style=None)
    Console(stderr=True, width=max(120, Console().width)).print(table)
    what = "as a pull request" if create_pr else f"tagged {plan.tag}"
    typer.echo(f"{len(plan.files)} files, {size_text(plan.size)}, {what}; the folder passed every check", err=True)
    typer.echo(f"licence of the weights: {licence_of((folder / 'README.md').read_text(encoding='utf-8'))}", err=True)
    if dry_run:
        typer.echo("dry run: nothing was sent", err=True)
        return
    address = upload(plan, on_file=lambda file: typer.echo(f"sending {file.path.name}", err=True))
    typer.echo(address)

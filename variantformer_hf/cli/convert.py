"""``variantformer convert``: a released checkpoint becomes a model folder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .outputs import claim_folder

if TYPE_CHECKING:
    from ..conversion.summary import ConversionSummary


def convert(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A new folder for the model; with --artifacts the folder for all."),
    ] = None,
    artifacts: Annotated[
        Path | None,
        typer.Option(help="Folder of `variantformer fetch released`: every model in it, without naming files."),
    ] = None,
    encoder_checkpoint: Annotated[
        Path | None, typer.Option(help="The released encoder file (hyper-parameters, or weights).")
    ] = None,
    vocabulary: Annotated[Path | None, typer.Option(help="The released tokenizer's JSON.")] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="The released expression checkpoint; without it the encoder file alone is converted."),
    ] = None,
    tissues: Annotated[Path | None, typer.Option(help="Tissue vocabulary, YAML.")] = None,
    genes: Annotated[Path | None, typer.Option(help="Gene table: CSV as released, GTF, GFF3 or Parquet.")] = None,
    cres: Annotated[
        Path | None, typer.Option(help="cCRE BED of the ENCODE registry (V3), .gz too, or Parquet.")
    ] = None,
    dtype: Annotated[
        Literal["as-saved", "float32", "bfloat16", "float16"], typer.Option(help="Type of the written weights.")
    ] = "as-saved",
) -> None:
    """Convert a released checkpoint to a folder for from_pretrained.

    With --artifacts the files are found by their released names. With --checkpoint the result predicts expression, and
    --tissues, --genes and --cres are needed; without it the encoder file becomes a VariantFormerForChromatinActivity.
    """
    from ..errors import InputError

    if artifacts is not None:
        named = [checkpoint, encoder_checkpoint, vocabulary, tissues, genes, cres]
        if any(path is not None for path in named):
            raise InputError("--artifacts finds its files by itself", remedy="Leave the other files out.")
        _convert_artifacts(artifacts, output or Path(), dtype)
        return
    if output is None or encoder_checkpoint is None or vocabulary is None:
        raise InputError(
            "needs --artifacts, or --output, --encoder-checkpoint and --vocabulary",
            remedy="Run `variantformer fetch released --output DIR` and `variantformer convert --artifacts DIR`.",
        )
    tables = {name: path for name, path in (("tissues", tissues), ("genes", genes), ("cres", cres)) if path is not None}
    missing = [f"--{name}" for name in ("tissues", "genes", "cres") if name not in tables]
    if checkpoint is not None and missing:
        raise InputError(f"an expression model needs {', '.join(missing)} too", remedy="Give the released files.")
    files = {"encoder_checkpoint": encoder_checkpoint, "vocabulary": vocabulary}
    if checkpoint is not None:
        files |= {"checkpoint": checkpoint, **tables}
    _convert(files, output, dtype)


def _convert_artifacts(artifacts: Path, folder: Path, dtype: str) -> None:
    """Every model that a copy of the release holds, each into a folder of its own; one that is there is left."""
    from ..conversion.released_files import find_needed, models_in
    from ..errors import InputError

    if not artifacts.is_dir():
        raise InputError("is not a folder", file=artifacts, remedy="Run `variantformer fetch released` first.")
    plans = [(f"variantformer-{model}", find_needed(artifacts, model)) for model in models_in(artifacts)]
    if not plans:
        plans = [("variantformer-encoder", find_needed(artifacts, None))]
    for name, files in plans:
        output = folder / name
        if (output / "config.json").is_file():
            typer.echo(f"{output} is there already and is left as it is", err=True)
        else:
            _convert(files, output, dtype)


def _convert(files: Mapping[str, Path], output: Path, dtype: str) -> None:
    """Convert one model from its files, by the names that the converters have for them."""
    claim_folder(output, kept=lambda: f"Nothing of {output} is kept: the same command begins anew.", is_new=True)

    import torch

    from ..conversion.variantformer import convert_encoder, convert_expression_model
    from ..hub.card import licence_of

    convert_model: Callable[..., ConversionSummary] = (
        convert_expression_model if "checkpoint" in files else convert_encoder
    )
    summary = convert_model(**files, output=output, dtype=None if dtype == "as-saved" else getattr(torch, dtype))
    typer.echo(f"{summary.architecture}: {summary.n_parameters:,} parameters in {len(summary.files)} file(s)", err=True)
    for reason, count in summary.dropped.items():
        typer.echo(f"left out: {reason} ({count})", err=True)
    card = (summary.output / "README.md").read_text(encoding="utf-8")
    typer.echo(f"licence of the weights: {licence_of(card)}", err=True)
    typer.echo(str(summary.output))

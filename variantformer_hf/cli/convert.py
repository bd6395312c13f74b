"""``variantformer convert``: a released checkpoint becomes a model folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from ..conversion.variantformer import ConversionSummary


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
    cres: Annotated[Path | None, typer.Option(help="cCRE BED with 10 columns, .gz too.")] = None,
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
    tables = {"--tissues": tissues, "--genes": genes, "--cres": cres}
    missing = [option for option, path in tables.items() if path is None]
    if checkpoint is not None and missing:
        raise InputError(f"an expression model needs {', '.join(missing)} too", remedy="Give the released files.")

    import torch

    from ..conversion.variantformer import convert_encoder, convert_expression_model

    written_dtype = None if dtype == "as-saved" else getattr(torch, dtype)
    if checkpoint is None:
        summary = convert_encoder(
            encoder_checkpoint=encoder_checkpoint, vocabulary=vocabulary, output=output, dtype=written_dtype
        )
    else:
        assert tissues is not None
        assert genes is not None
        assert cres is not None
        summary = convert_expression_model(
            checkpoint=checkpoint,
            encoder_checkpoint=encoder_checkpoint,
            vocabulary=vocabulary,
            tissues=tissues,
            genes=genes,
            cres=cres,
            output=output,
            dtype=written_dtype,
        )
    _show(summary)


def _convert_artifacts(artifacts: Path, folder: Path, dtype: str) -> None:
    """Every model that a copy of the release holds, each into a folder of its own; one that is there is left."""
    import torch

    from ..conversion.released_files import find_needed, models_in
    from ..conversion.variantformer import convert_encoder, convert_expression_model
    from ..errors import InputError

    if not artifacts.is_dir():
        raise InputError("is not a folder", file=artifacts, remedy="Run `variantformer fetch released` first.")
    written_dtype = None if dtype == "as-saved" else getattr(torch, dtype)
    plans = [(f"variantformer-{model}", find_needed(artifacts, model)) for model in models_in(artifacts)]
    if not plans:
        plans = [("variantformer-encoder", find_needed(artifacts, None))]
    for name, files in plans:
        output = folder / name
        if (output / "config.json").is_file():
            typer.echo(f"{output} is there already and is left as it is", err=True)
        elif "checkpoint" in files:
            _show(
                convert_expression_model(
                    checkpoint=files["checkpoint"],
                    encoder_checkpoint=files["encoder_checkpoint"],
                    vocabulary=files["vocabulary"],
                    tissues=files["tissues"],
                    genes=files["genes"],
                    cres=files["cres"],
                    output=output,
                    dtype=written_dtype,
                )
            )
        else:
            _show(
                convert_encoder(
                    encoder_checkpoint=files["encoder_checkpoint"],
                    vocabulary=files["vocabulary"],
                    output=output,
                    dtype=written_dtype,
                )
            )


def _show(summary: "ConversionSummary") -> None:
    typer.echo(f"{summary.architecture}: {summary.n_parameters:,} parameters in {len(summary.files)} file(s)", err=True)
    for reason, count in summary.dropped.items():
        typer.echo(f"left out: {reason} ({count})", err=True)
    typer.echo(str(summary.output))

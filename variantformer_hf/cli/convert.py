"""``variantformer convert``: a released checkpoint becomes a model folder."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def convert(
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder for the model.")],
    encoder_checkpoint: Annotated[Path, typer.Option(help="The released encoder file (hyper-parameters, or weights).")],
    vocabulary: Annotated[Path, typer.Option(help="The released tokenizer's JSON.")],
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

    With --checkpoint the result predicts expression, and --tissues, --genes and --cres are needed; without it the
    encoder file becomes a VariantFormerForChromatinActivity.
    """
    from ..errors import InputError

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
    typer.echo(f"{summary.architecture}: {summary.n_parameters:,} parameters in {len(summary.files)} file(s)", err=True)
    for reason, count in summary.dropped.items():
        typer.echo(f"left out: {reason} ({count})", err=True)
    typer.echo(str(summary.output))

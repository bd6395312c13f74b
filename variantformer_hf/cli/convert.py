"""``variantformer convert``: a released checkpoint, or another library's folder, becomes a model folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .outputs import claim_folder

if TYPE_CHECKING:
    from ..conversion.planned import PlannedConversion


def convert(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="A folder with all of one model, of the kinds that need it."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Kind of the files: enformer, grelu-enformer, borzoi, grelu-borzoi, variformer, dnabert2, epinformer, "
            "ukbioformer (docs/zoo.md). Default: variantformer, a released checkpoint."
        ),
    ] = None,
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
        typer.Option(
            help="The released expression checkpoint, without which the encoder file alone is converted; of other "
            "kinds the file with the weights."
        ),
    ] = None,
    tissues: Annotated[Path | None, typer.Option(help="Tissue vocabulary, YAML.")] = None,
    genes: Annotated[
        Path | None, typer.Option(help="Gene table: CSV as released, GTF, GFF3, Parquet, or Variformer's CSV of TSSs.")
    ] = None,
    cres: Annotated[
        Path | None, typer.Option(help="cCRE BED of the ENCODE registry (V3), .gz too, or Parquet.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="config.json of another library's checkpoint, as it was published with it.")
    ] = None,
    gamma_norm: Annotated[
        Literal["feature", "position"] | None,
        typer.Option(
            help="Of Enformer: what its gamma features are divided by the largest over; by default its config's."
        ),
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option(
            help="Of Enformer and Borzoi: the file that names their tracks, such as targets_human.txt. With it and "
            "--genes the model predicts people's genes."
        ),
    ] = None,
    head: Annotated[
        str | None, typer.Option(help="Of Enformer and Borzoi: whose tracks --targets names. Default: human.")
    ] = None,
    tissue: Annotated[
        list[str] | None,
        typer.Option(
            help="Of models of people's expression: name of an output, in the order of the outputs; may stand several "
            "times."
        ),
    ] = None,
    trained_genes: Annotated[
        Path | None, typer.Option(help="Of Variformer: a list of the genes that it was trained on.")
    ] = None,
    elements: Annotated[
        Path | None,
        typer.Option(help="Of EPInformer: elements of the genes with distance, activity and contact, CSV, TSV or BED."),
    ] = None,
    gene_features: Annotated[
        Path | None, typer.Option(help="Of EPInformer: a table of what is known of each gene, CSV or TSV.")
    ] = None,
    gene_embeddings: Annotated[
        Path | None,
        typer.Option(help="Of EPInformer: vectors of the genes as `embed` writes them, where it was trained with any."),
    ] = None,
    window: Annotated[
        int | None, typer.Option(min=1, help="Of Variformer and UKBioFormer: bases around the TSS that it reads.")
    ] = None,
    embedding_model: Annotated[
        str | None,
        typer.Option(help="Of UKBioFormer: the UKBioBERT that made its embeddings, a folder or a Hub id."),
    ] = None,
    embedding_window: Annotated[
        int | None, typer.Option(min=1, help="Of UKBioFormer: bases around the TSS that its UKBioBERT reads.")
    ] = None,
    keep_heads: Annotated[
        bool, typer.Option("--keep-heads", help="Of Variformer: write the heads of the original Enformer, too.")
    ] = False,
    dtype: Annotated[
        Literal["as-saved", "float32", "bfloat16", "float16"], typer.Option(help="Type of the written weights.")
    ] = "as-saved",
) -> None:
    """Convert a released checkpoint, or another library's, to a folder for from_pretrained.

    With --artifacts the files are found by their released names. With --checkpoint the result predicts expression, and
    --tissues, --genes and --cres are needed; without it the encoder file becomes a VariantFormerForChromatinActivity.
    """
    from ..conversion.planned import ConversionRequest
    from ..zoo.families import converter_of

    named = {
        "checkpoint": checkpoint,
        "encoder_checkpoint": encoder_checkpoint,
        "vocabulary": vocabulary,
        "tissues": tissues,
        "genes": genes,
        "cres": cres,
        "config": config,
        "targets": targets,
        "trained_genes": trained_genes,
        "elements": elements,
        "gene_features": gene_features,
        "gene_embeddings": gene_embeddings,
    }
    given = {
        "gamma_norm": gamma_norm,
        "head": head,
        "tissue": tuple(tissue or ()) or None,
        "window": window,
        "embedding_model": embedding_model,
        "embedding_window": embedding_window,
        "keep_heads": keep_heads or None,
    }
    options = {name: value for name, value in given.items() if value is not None}
    files = {name: path for name, path in named.items() if path is not None}
    for planned in converter_of(kind)(ConversionRequest(source, artifacts, files, output, options)):
        if planned.keeps_existing and (planned.output / "config.json").is_file():
            typer.echo(f"{planned.output} is there already and is left as it is", err=True)
        else:
            _convert(planned, dtype)


def _convert(planned: "PlannedConversion", dtype: str) -> None:
    output = planned.output
    claim_folder(output, kept=lambda: f"Nothing of {output} is kept: the same command begins anew.", is_new=True)

    import torch

    from ..hub.card import licence_of

    summary = planned.convert(None if dtype == "as-saved" else getattr(torch, dtype))
    typer.echo(f"{summary.architecture}: {summary.n_parameters:,} parameters in {len(summary.files)} file(s)", err=True)
    for reason, count in summary.dropped.items():
        typer.echo(f"left out: {reason} ({count})", err=True)
    card = (summary.output / "README.md").read_text(encoding="utf-8")
    typer.echo(f"licence of the weights: {licence_of(card)}", err=True)
    typer.echo(str(summary.output))

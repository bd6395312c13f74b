"""``variantformer demo``: the main job on a synthetic person, from nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .outputs import claim_folder

if TYPE_CHECKING:
    import pandas as pd


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the example's files.")] = Path(
        "variantformer-demo"
    ),
) -> None:
    """Make a synthetic genome, person and tiny model; predict; show the table and save a plot.

    The weights are random: the numbers show how the package works and mean nothing. The folder's `cohort` has all that
    `variantformer train` needs, and `model` passes `variantformer publish --dry-run`.
    """
    claim_folder(output, kept=lambda: "The same command makes its files anew.")

    from rich.console import Console
    from transformers.utils.logging import disable_progress_bar

    from ..inference.predictor import ExpressionPredictor
    from ..report.plots import check_plot, difference_heatmap
    from ..report.tables import write_json, write_table
    from ..simulation.model import write_demo
    from ..simulation.training_files import write_demo_cohort

    disable_progress_bar()
    image = output / "person_minus_reference.png"
    check_plot(image)
    console = Console()
    console.print("Synthetic genome and person, tiny model with [bold]random weights[/bold]: the numbers mean nothing.")
    files, model = write_demo(output), output / "model"
    predictor = ExpressionPredictor.from_pretrained(model, device="cpu")
    person = predictor.run(files.fasta, files.vcf)
    reference = predictor.run(files.fasta)
    table = write_table(person.table, output / "predictions.parquet", {})
    report = write_json(person.report, output / "predictions.parquet.report.json")
    _show(console, person.table)
    counts = person.report["samples"]["person"]["total"]
    console.print(f"{counts['in_windows']} records in the windows, {counts['applied']} applied.")
    plot = difference_heatmap(person.table, reference.table, image, title="Synthetic person, random weights")
    cohort = write_demo_cohort(output / "cohort").folder
    for path in (model, table, report, plot, cohort):
        typer.echo(f"wrote {path}")
    typer.echo("The same by hand:")
    typer.echo(f"  variantformer predict {model} --fasta {files.fasta} --vcf {files.vcf} --output out.parquet")
    typer.echo("Training, two minutes:")
    for stage in ("encoder", "expression"):
        typer.echo(f"  variantformer train {stage} --config {cohort / stage}.yaml")


def _show(console: object, table: "pd.DataFrame") -> None:
    from rich.console import Console
    from rich.table import Table

    assert isinstance(console, Console)
    tissues = list(table["tissue"].unique())
    shown = Table("gene", *tissues, title="Predicted expression, log1p TPM")
    for gene_name, rows in table.groupby("gene_name", sort=False):
        values = dict(zip(rows["tissue"], rows["log1p_tpm"], strict=True))
        shown.add_row(str(gene_name), *(f"{values[tissue]:.3f}" for tissue in tissues))
    console.print(shown)

"""``variantformer knockout``: the enhancer map of a gene."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import (
    AllowUnusedOption,
    BackgroundOption,
    DeviceOption,
    FastaOption,
    ForceCompanionsOption,
    ModelArgument,
    ModeOption,
    OverwriteOption,
    SampleOption,
    TissueOption,
    VcfOption,
    open_one,
)
from .outputs import claim
from .predict import INPUTS, OUTPUT
from .progress import progress


def knockout(
    model: ModelArgument,
    fasta: FastaOption,
    gene: Annotated[str, typer.Option(help="Symbol or Ensembl id.", rich_help_panel=INPUTS)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Table: .parquet, .tsv or .csv; - = stdout.", rich_help_panel=OUTPUT)
    ],
    vcf: VcfOption = None,
    sample: SampleOption = None,
    background: BackgroundOption = None,
    tissue: TissueOption = None,
    mode: ModeOption = "iupac",
    how: Annotated[
        Literal["drop", "shuffle"],
        typer.Option(help="Take the element away, or put its bases in random order.", rich_help_panel=INPUTS),
    ] = "drop",
    shuffles: Annotated[int, typer.Option(help="How often an element is shuffled.", rich_help_panel=INPUTS)] = 5,
    seed: Annotated[int, typer.Option(help="Of the shuffles.", rich_help_panel=INPUTS)] = 0,
    plot: Annotated[
        Path | None, typer.Option(help="Map of the first tissue (.png, .pdf).", rich_help_panel=OUTPUT)
    ] = None,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    allow_unused: AllowUnusedOption = False,
    force_companions: ForceCompanionsOption = False,
) -> None:
    """Take away, or shuffle, each of a gene's cCREs in turn: which elements the prediction rests on."""
    from ..report.plots import check_plot, knockout_plot
    from ..report.tables import check_format, write_table

    check_format(output, "tidy")
    out = claim(output, beside=[plot], overwrite=overwrite, stdout=True)
    if plot is not None:
        check_plot(plot)

    from ..analysis.knockout import knockout as knock_out
    from ..zoo.statuses import check_finite

    scorer, person = open_one(model, fasta, vcf, sample, background, mode, device, force_companions=force_companions)
    with progress("knocking out", "elements") as on_element:
        table = knock_out(
            scorer,
            person,
            gene,
            tissues=tissue,
            how=how,
            n_shuffles=shuffles,
            seed=seed,
            allow_unused=allow_unused,
            on_element=on_element,
        )
    written = [
        write_table(table, out.path, {"model": scorer.model.identity.name, "unit": scorer.model.unit.name, "how": how})
    ]
    if plot is not None:
        written.append(knockout_plot(table, table["tissue"].iloc[0], plot))
    out.deliver(written)
    check_finite(table["gene_name"], table["status"])

"""``variantformer knockout``: the enhancer map of a gene."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import (
    INPUTS,
    OUTPUT,
    AllowUnusedOption,
    BackgroundOption,
    DeviceOption,
    FastaOption,
    ForceCompanionsOption,
    GeneOption,
    MinProbabilityOption,
    ModelArgument,
    ModeOption,
    OverwriteOption,
    SampleOption,
    TableOption,
    TissueOption,
    VcfOption,
    written_file,
)
from .outputs import claim
from .progress import progress
from .settings import GenomeSettings, GenotypeSettings, ModelSettings, quiet_libraries


def knockout(
    model: ModelArgument,
    fasta: FastaOption,
    gene: GeneOption,
    output: TableOption,
    vcf: VcfOption = None,
    sample: SampleOption = None,
    background: BackgroundOption = None,
    tissue: TissueOption = None,
    mode: ModeOption = None,
    min_probability: MinProbabilityOption = 0.9,
    how: Annotated[
        Literal["drop", "shuffle"],
        typer.Option(help="Take the cCRE away, or put its bases in random order.", rich_help_panel=INPUTS),
    ] = "drop",
    shuffles: Annotated[int, typer.Option(help="How often a cCRE is shuffled.", rich_help_panel=INPUTS)] = 5,
    seed: Annotated[int, typer.Option(help="Of the shuffles.", rich_help_panel=INPUTS)] = 0,
    plot: Annotated[
        Path | None,
        typer.Option(
            parser=written_file, metavar="PATH", help="Map of the first tissue (.png, .pdf).", rich_help_panel=OUTPUT
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    allow_unused: AllowUnusedOption = False,
    force_companions: ForceCompanionsOption = False,
) -> None:
    """Take away, or shuffle, each of a gene's cCREs in turn: which of them the prediction rests on."""
    from ..report.plots import check_plot, knockout_plot
    from ..report.tables import check_format, write_table

    check_format(output, "tidy")
    out = claim(output, beside=[plot], overwrite=overwrite, stdout=True)
    if plot is not None:
        check_plot(plot)

    from ..analysis.knockout import knockout as knock_out
    from ..zoo.statuses import check_finite

    quiet_libraries()
    of_model = ModelSettings(model, device=device, force_companions=force_companions)
    kind = of_model.kind()
    kind.require("cres", "a knock-out")
    genomes = GenomeSettings(
        fasta, vcf, sample, background, GenotypeSettings(mode=mode, min_probability=min_probability)
    )
    person = genomes.open_one(of_model).genome
    scorer = of_model.scorer()
    with progress("knocking out", "cCREs") as on_cre:
        table = knock_out(
            scorer,
            person,
            gene,
            tissues=tissue,
            how=how,
            n_shuffles=shuffles,
            seed=seed,
            allow_unused=allow_unused,
            on_cre=on_cre,
        )
    written = [
        write_table(table, out.path, {"model": scorer.model.identity.name, "unit": scorer.model.unit.name, "how": how})
    ]
    if plot is not None:
        written.append(knockout_plot(table, next(iter(table["tissue"]), ""), plot, scorer.model.unit))
    out.deliver(written)
    check_finite(table["gene_name"], table["status"])

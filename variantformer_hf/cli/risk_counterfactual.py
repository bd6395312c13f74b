"""``variantformer risk counterfactual``: log odds ratios of carriers as they are and as they would be."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .counterfactual import opened_edits, say_who_is_changed
from .options import (
    GENOTYPE,
    OUTPUT,
    AllowUnusedOption,
    DeviceOption,
    EditsOption,
    FastaOption,
    ForceCompanionsOption,
    ForestsArgument,
    ForestsPrecisionOption,
    GenesOption,
    GenotypeOption,
    MinProbabilityOption,
    ModelArgument,
    ModeOption,
    OverwriteOption,
    PeopleVcfOption,
    SamplesFileOption,
    SamplesOption,
    TableOption,
    TissueOption,
    written_file,
)
from .outputs import claim
from .progress import progress
from .rejected import report_rejected
from .settings import GenotypeSettings, ModelSettings, asked_samples, quiet_libraries


def counterfactual(
    forests: ForestsArgument,
    model: ModelArgument,
    fasta: FastaOption,
    vcf: PeopleVcfOption,
    edits: EditsOption,
    gene: GenesOption,
    output: TableOption,
    sample: SamplesOption = None,
    samples_file: SamplesFileOption = None,
    genotype: GenotypeOption = GENOTYPE,
    tissue: TissueOption = None,
    mode: ModeOption = None,
    min_probability: MinProbabilityOption = 0.9,
    plot: Annotated[
        Path | None,
        typer.Option(
            parser=written_file, metavar="PATH", help="Forest plot (.png, .pdf, .svg).", rich_help_panel=OUTPUT
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    precision: ForestsPrecisionOption = None,
    device: DeviceOption = "auto",
    allow_unused: AllowUnusedOption = False,
    force_companions: ForceCompanionsOption = False,
) -> None:
    """Set genotypes in everybody whose genome that changes, and ask forests about both embeddings.

    OUTPUT has a row per carrier, gene and tissue; OUTPUT.summary.tsv the log odds ratio of each gene, observed over
    edited, the mean over tissues and carriers, with an interval over carriers and one over tissues. `--genotype absent`
    takes the variants away. Research use only.
    """
    from ..report.plots import check_plot
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, beside=[plot], overwrite=overwrite, stdout=True)
    beside = {name: out.beside(name) for name in ("summary.tsv", "rejected.tsv", "report.json")}
    out.add(beside.values())
    if plot is not None:
        check_plot(plot)

    from ..applications.risk.counterfactual import risk_counterfactual
    from ..applications.risk.forest_folder import RESEARCH_USE, RiskForests
    from ..report.risk_plots import forest_plot
    from ..zoo.statuses import check_finite

    quiet_libraries()
    opened = RiskForests.open(forests)
    of_model = ModelSettings(
        model,
        precision=precision or opened.description.precision or "auto",
        device=device,
        force_companions=force_companions,
    )
    kind = of_model.kind()
    kind.require("embeddings", "risk")
    options = GenotypeSettings(mode=mode, min_probability=min_probability).options(of_model)
    table, wanted, people = opened_edits(fasta, vcf, edits, genotype, asked_samples(sample, samples_file), options)
    scorer = of_model.scorer()
    with progress("predicting", "carriers and genes") as on_person:
        found = risk_counterfactual(
            opened, scorer, people, wanted, gene, tissues=tissue, allow_unused=allow_unused, on_person=on_person
        )
    identity = scorer.model.identity
    described = {
        "model": {"name": identity.name, "sha256": identity.sha256},
        "precision": scorer.model.precision,
        "unit": "natural logarithm of odds ratios; probabilities of a case in the sample of the forests",
        "forests": asdict(opened.description),
        "research_use": RESEARCH_USE,
    }
    written = [write_table(found.table, out.path, described)]
    written.append(write_table(found.summary, beside["summary.tsv"], described))
    written.append(write_json({**described, "edits": table.counts(), **found.report}, beside["report.json"]))
    written += report_rejected(table, beside["rejected.tsv"])
    if plot is not None:
        written.append(forest_plot(found.table, found.summary, plot, phenotype=opened.description.phenotype))
    say_who_is_changed(found.table["sample"].nunique(), len(people), found.left_out)
    for entry in found.summary.to_dict("records"):
        intervals = (
            f"95 % over {entry[f'n_{over}']} {over} {_interval(entry[f'ci_low_{over}'], entry[f'ci_high_{over}'])}"
            for over in ("carriers", "tissues")
        )
        typer.echo(
            f"{entry['gene_name']}: log odds ratio {entry['log_odds_ratio']:+.3f}; {'; '.join(intervals)}", err=True
        )
    for name, count in found.report["flags"].items():
        typer.echo(f"  {count:,} rows {name} (column flags; docs/risk.md)", err=True)
    typer.echo(RESEARCH_USE, err=True)
    out.deliver(written)
    check_finite(found.table["gene_name"], found.table["status"])


def _interval(low: float, high: float) -> str:
    return "not known" if math.isnan(low) else f"{low:.3f} to {high:.3f}"

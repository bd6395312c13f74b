"""``variantformer eqtl``: predicted effects against observed slopes."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import (
    INPUTS,
    OUTPUT,
    AllowUnusedOption,
    BackgroundOption,
    DeviceOption,
    EmbeddingModelOption,
    FastaOption,
    ForceCompanionsOption,
    MinProbabilityOption,
    ModelArgument,
    ModeOption,
    OverwriteOption,
    ReadOutOption,
    SampleOption,
    TissueOption,
    VcfOption,
    WindowOption,
    given_file,
    written_file,
)
from .outputs import claim
from .progress import progress
from .rejected import report_rejected
from .settings import GenomeSettings, GenotypeSettings, ModelSettings, quiet_libraries


def eqtl(
    model: ModelArgument,
    fasta: FastaOption,
    table: Annotated[
        Path,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Variants with gene_id and beta (or slope); maybe pip, maf, tissue, dataset_id, AF_EUR ...",
            rich_help_panel=INPUTS,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            parser=written_file,
            metavar="PATH",
            help="Correlations: .tsv, .csv or .parquet; - = stdout.",
            rich_help_panel=OUTPUT,
        ),
    ],
    vcf: VcfOption = None,
    sample: SampleOption = None,
    background: BackgroundOption = None,
    tissue: TissueOption = None,
    mode: ModeOption = None,
    min_probability: MinProbabilityOption = 0.9,
    score: Annotated[
        Literal["effect", "log2fc_tpm", "released_score"],
        typer.Option(help="What is held against the slopes.", rich_help_panel=OUTPUT),
    ] = "effect",
    min_pip: Annotated[
        float | None,
        typer.Option(help="Lowest PIP of the table's column pip: fine-mapped variants only.", rich_help_panel=INPUTS),
    ] = None,
    bootstraps: Annotated[int, typer.Option(help="Resamplings for the intervals.", rich_help_panel=OUTPUT)] = 1_000,
    seed: Annotated[int, typer.Option(help="Of the resamplings.", rich_help_panel=OUTPUT)] = 0,
    plot: Annotated[
        Path | None,
        typer.Option(parser=written_file, metavar="PATH", help="Scatter plot (.png, .pdf).", rich_help_panel=OUTPUT),
    ] = None,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    allow_unused: AllowUnusedOption = False,
    read_out: ReadOutOption = None,
    window: WindowOption = None,
    embedding_model: EmbeddingModelOption = None,
    force_companions: ForceCompanionsOption = False,
) -> None:
    """Rank correlation of predicted effects and observed eQTL slopes, by tissue and data set.

    With bootstrap intervals; for all pairs, for rare (MAF < 0.05) and common ones, and for those enriched in Europeans
    (AF_EUR > 0.10 and AF_AFR < 0.05) or Africans. OUTPUT.pairs.tsv has the pairs.
    """
    from ..report.plots import check_plot, eqtl_scatter
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, parts=["parts"], stdout=True)
    beside = {name: out.beside(name) for name in ("pairs.tsv", "rejected.tsv", "report.json")}
    out.add([*beside.values(), plot])
    if plot is not None:
        check_plot(plot)

    from ..analysis.eqtl import eqtl_benchmark
    from ..zoo.statuses import check_finite

    quiet_libraries()
    of_model = ModelSettings(
        model,
        device=device,
        force_companions=force_companions,
        read_out=read_out,
        window=window,
        embedding_model=embedding_model,
    )
    genomes = GenomeSettings(
        fasta, vcf, sample, background, GenotypeSettings(mode=mode, min_probability=min_probability)
    )
    genome = genomes.open_one(of_model.kind())
    scorer = of_model.scorer()
    with progress("scoring", "genes") as on_gene:
        found = eqtl_benchmark(
            scorer,
            table,
            [genome],
            tissues=tissue,
            score=score,
            min_pip=min_pip,
            n_bootstraps=bootstraps,
            seed=seed,
            allow_unused=allow_unused,
            on_gene=on_gene,
            parts=out.beside("parts"),
            overwrite_parts=overwrite,
        )
    described = {"model": scorer.model.identity.name, "unit": scorer.model.unit.name, "score": score}
    written = [
        write_table(found.correlations, out.path, described),
        write_table(found.pairs, beside["pairs.tsv"], {}),
    ]
    if plot is not None:
        written.append(eqtl_scatter(found.pairs, found.correlations, plot))
    counts = {**found.scored.report, "pairs": len(found.pairs)}
    written.append(write_json({**described, "min_pip": min_pip, "counts": counts}, beside["report.json"]))
    written += report_rejected(found.variants, beside["rejected.tsv"])
    out.deliver(written)
    found.scored.remove_parts()
    check_finite(found.scored.table["gene_name"], found.scored.table["status"])

"""``variantformer eqtl``: predicted effects against observed slopes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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

if TYPE_CHECKING:
    from ..analysis.eqtl import ScoreFile


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
    snps_only: Annotated[
        bool, typer.Option("--snps-only", help="Leave out all variants but SNVs.", rich_help_panel=INPUTS)
    ] = False,
    max_maf: Annotated[
        float | None,
        typer.Option(help="MAF below it only; by the column maf or af, or --af-table.", rich_help_panel=INPUTS),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            help="So many rows of each data set and tissue, those of least p (column pvalue, p_value, pval_nominal), "
            "after the other filters; and so many of each set enriched in Europeans or Africans.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Table of label and tissue, for the column tissue; paper = the six of VariantFormer's paper.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    populations: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="YAML of populations, as of `effects --background`: each one's scores, and their weighted mean.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    af_table: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Allele frequencies (columns or INFO AF_EUR or EUR_AF), beside those of the table.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    scores: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            help="Scores of another program: AlphaGenome's tidy scores, or a table with variant, gene_id, tissue and "
            "score; repeat.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    score_column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=COLUMN",
            help="Which column of a --scores file is the score: a difference or log ratio, ALT over REF; repeat.",
            rich_help_panel=INPUTS,
        ),
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
    (AF_EUR > 0.10 and AF_AFR < 0.05) or Africans. OUTPUT.pairs.tsv has the pairs. Of several methods, such as
    --populations and --scores, the pairs count that all of them score.
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
    from ..analysis.eqtl_selection import EqtlSelection, read_labels
    from ..errors import InputError
    from ..zoo.statuses import check_finite

    quiet_libraries()
    if populations is not None and (background is not None or vcf or sample is not None):
        raise InputError(
            "--populations names the genomes", remedy="Leave out --background, --vcf and --sample, or --populations."
        )
    selection = EqtlSelection(snps_only, min_pip, max_maf, top)
    of_labels = None if labels is None else read_labels(labels)
    others = _score_files(scores or [], score_column or [])
    of_model = ModelSettings(
        model,
        device=device,
        force_companions=force_companions,
        read_out=read_out,
        window=window,
        embedding_model=embedding_model,
    )
    genomes = GenomeSettings(
        fasta, vcf, sample, populations or background, GenotypeSettings(mode=mode, min_probability=min_probability)
    )
    backgrounds = [genomes.open_one(of_model)] if populations is None else genomes.open(of_model)
    scorer = of_model.scorer()
    with progress("scoring", "genes") as on_gene:
        found = eqtl_benchmark(
            scorer,
            table,
            backgrounds,
            tissues=tissue,
            score=score,
            selection=selection,
            labels=of_labels,
            af_table=af_table,
            others=others,
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
    counts = found.counts()
    _say(counts)
    report = {**described, **asdict(selection), "counts": {**found.scored.report, **counts}}
    report["medians"] = found.medians()
    written.append(write_json(report, beside["report.json"]))
    written += report_rejected(found.variants, beside["rejected.tsv"])
    out.deliver(written)
    found.scored.remove_parts()
    check_finite(found.scored.table["gene_name"], found.scored.table["status"])


def _score_files(scores: Sequence[str], columns: Sequence[str]) -> "list[ScoreFile]":
    """Files of scores, and the column of each.

    Raises:
        InputError: one has no name; a column of a file that is not given.
    """
    from ..analysis.eqtl import ScoreFile
    from ..errors import InputError

    def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
        found = {}
        for text in texts:
            name, _, value = text.partition("=")
            if not name or not value or name in found:
                raise InputError(f"{option} {text!r} has no name, or one again", remedy="Write NAME=..., each once.")
            found[name] = value
        return found

    files, column_of = pairs(scores, "--scores"), pairs(columns, "--score-column")
    unknown = next((name for name in column_of if name not in files), None)
    if unknown is not None:
        raise InputError(
            f"--score-column names {unknown!r}, and no --scores does", remedy="Give --scores NAME=FILE of that name."
        )
    return [ScoreFile(name, Path(path), column_of.get(name)) for name, path in files.items()]


def _say(counts: Mapping[str, Any]) -> None:
    """How many rows each filter left, and what became of other programs' scores."""
    filters = counts["filters"]
    if len(filters) > 1:
        typer.echo("rows: " + ", ".join(f"{count} {name}" for name, count in filters.items()), err=True)
    for name, each in counts["scores"].items():
        rejected = "".join(f", {count} {kind}" for kind, count in each["rejected"].items())
        typer.echo(f"{name}: {each['used']} of {each['read']} rows, {each['swapped']} swapped{rejected}", err=True)
    missing = ", ".join(f"{count} without {name}" for name, count in counts["without_score"].items() if count)
    if missing:
        typer.echo(f"{counts['pairs_of_all_methods']} of {counts['pairs']} pairs have all scores: {missing}", err=True)

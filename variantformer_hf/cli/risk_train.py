"""``variantformer risk train`` and ``evaluate``: forests of a disease, and how they do on other donors."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .options import (
    FASTA,
    FILES,
    INPUTS,
    MACHINE,
    OUTPUT,
    ForestsArgument,
    GenesFileOption,
    MinProbabilityOption,
    OverwriteOption,
    TableOption,
    TissueOption,
    given_file,
)
from .outputs import claim, claim_folder
from .progress import progress

if TYPE_CHECKING:
    from ..applications.risk.features import Features

FOREST, KEPT = "Forests", "keeps the units that are done: the same command goes on from there."

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--embedding-store",
        metavar="DIR",
        help="Embeddings of all donors, of `predict --embedding-store`: a forest a gene and tissue.",
        rich_help_panel=INPUTS,
    ),
]
EmbeddingsFileOption = Annotated[
    Path | None,
    typer.Option(
        "--embeddings",
        parser=given_file,
        metavar="PATH",
        help="Instead: vectors of `embed`, .safetensors with its .tsv: a forest a gene.",
        rich_help_panel=INPUTS,
    ),
]
VcfOption = Annotated[
    list[str] | None,
    typer.Option(
        "--vcf",
        help=f"Instead: genotypes of all donors ({FILES}), SNPs around each TSS of --gtf: a forest a gene.",
        rich_help_panel=INPUTS,
    ),
]
GtfOption = Annotated[
    Path | None,
    typer.Option(
        parser=given_file,
        metavar="PATH",
        help="With --vcf: genes and their TSS, GTF, GFF3, CSV or TSV.",
        rich_help_panel=INPUTS,
    ),
]
FastaOption = Annotated[
    Path | None,
    typer.Option(
        parser=given_file, metavar="PATH", help=f"With --vcf, of a PLINK BED: {FASTA}", rich_help_panel=INPUTS
    ),
]
LabelsOption = Annotated[
    Path,
    typer.Option(
        parser=given_file,
        metavar="PATH",
        help="TSV or CSV with the columns donor and label: 1 = case, 0 = control.",
        rich_help_panel=INPUTS,
    ),
]
GenesOption = Annotated[
    list[str] | None,
    typer.Option("--gene", help="Symbol or Ensembl id; repeat. Default: all.", rich_help_panel=INPUTS),
]
ReplicatesOption = Annotated[
    int, typer.Option(min=1, help="Replicates of the nested bootstrap.", rich_help_panel=FOREST)
]


def train(
    labels: LabelsOption,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder of the forests; made.", rich_help_panel=OUTPUT),
    ],
    embedding_store: StoreOption = None,
    embeddings: EmbeddingsFileOption = None,
    vcf: VcfOption = None,
    gtf: GtfOption = None,
    radius: Annotated[
        int, typer.Option(min=0, help="With --vcf: bases on each side of a TSS.", rich_help_panel=INPUTS)
    ] = 150_000,
    min_maf: Annotated[
        float,
        typer.Option(
            min=0.0, max=0.5, help="With --vcf: SNPs with a rarer minor allele are left out.", rich_help_panel=INPUTS
        ),
    ] = 0.01,
    fasta: FastaOption = None,
    min_probability: MinProbabilityOption = 0.9,
    held_out: Annotated[
        Path | None,
        typer.Option(
            "--held-out",
            parser=given_file,
            metavar="PATH",
            help="Donors, one a line, who are not trained on: the kept units are scored on them.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    gene: GenesOption = None,
    genes_file: GenesFileOption = None,
    tissue: TissueOption = None,
    phenotype: Annotated[str, typer.Option(help="What label 1 means, for the files.", rich_help_panel=INPUTS)] = "case",
    trees: Annotated[str, typer.Option(help="Numbers of trees, with commas.", rich_help_panel=FOREST)] = "100,500,1000",
    depths: Annotated[str, typer.Option(help="Greatest depths, with commas.", rich_help_panel=FOREST)] = "10,20,30",
    folds: Annotated[int, typer.Option(help="Stratified folds, 3 or more.", rich_help_panel=FOREST)] = 10,
    seed: Annotated[int, typer.Option(help="Of folds, forests and bootstrap.", rich_help_panel=FOREST)] = 0,
    rank_by: Annotated[
        Literal["auroc", "auprc"],
        typer.Option("--rank-by", help="Cross-validated score that chooses and ranks.", rich_help_panel=FOREST),
    ] = "auroc",
    top: Annotated[int, typer.Option(min=1, help="Units that are kept, and scored.", rich_help_panel=FOREST)] = 10,
    only_kept: Annotated[
        bool, typer.Option("--only-kept", help="Store no forests of other units.", rich_help_panel=OUTPUT)
    ] = False,
    replicates: ReplicatesOption = 2_000,
    workers: Annotated[int, typer.Option(min=1, help="Units at a time.", rich_help_panel=MACHINE)] = 1,
    overwrite: OverwriteOption = False,
) -> None:
    """Train a random forest of cases and controls for each gene and tissue; rank, keep and score the best.

    DIR holds a file a gene, forests.json, units.tsv (every unit and its cross-validated scores), donors.tsv,
    summary.json and, with --held-out, held_out.tsv. Labels of donors held out change neither forests nor ranking.
    Research use only: a probability is a classifier's score in a case-control sample, not a person's risk.
    """
    claim_folder(output, kept=lambda: f"{output} {KEPT}")

    from ..applications.risk.forest_grid import Grid
    from ..applications.risk.labels import read_labels
    from ..applications.risk.training import TrainingRequest, train_forests
    from ..genome.gene_lists import read_gene_names
    from ..genome.sample_names import read_sample_names

    request = TrainingRequest(
        labels=read_labels(labels),
        held_out=() if held_out is None else read_sample_names(held_out),
        phenotype=phenotype,
        grid=Grid(_numbers("--trees", trees), _numbers("--depths", depths), folds, seed, rank_by),
        top=top,
        only_kept=only_kept,
        genes=[*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None,
        tissues=tissue,
        replicates=replicates,
        workers=workers,
    )
    features = _features(
        embedding_store,
        embeddings,
        vcf,
        gtf,
        tissue,
        radius=radius,
        least_maf=min_maf,
        fasta=fasta,
        min_probability=min_probability,
    )
    with progress("training", "units") as on_unit:
        found = train_forests(features, output, request, overwrite=overwrite, on_unit=on_unit)
    _say_trained(found.summary)
    for path in found.files:
        typer.echo(str(path))


def evaluate(
    forests: ForestsArgument,
    labels: LabelsOption,
    output: TableOption,
    embedding_store: StoreOption = None,
    embeddings: EmbeddingsFileOption = None,
    vcf: VcfOption = None,
    gtf: GtfOption = None,
    fasta: FastaOption = None,
    min_probability: MinProbabilityOption = 0.9,
    gene: GenesOption = None,
    genes_file: GenesFileOption = None,
    tissue: TissueOption = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.", rich_help_panel=FOREST)] = 0,
    replicates: ReplicatesOption = 2_000,
    overwrite: OverwriteOption = False,
) -> None:
    """Score stored forests on other donors: AUPRC, AUROC, Brier score and calibration.

    Without --gene and --tissue the kept units are scored. OUTPUT has a row a unit; OUTPUT.report.json the means over
    units with their intervals (nested bootstrap) and the reliability. Donors trained on are refused.
    """
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, stdout=True)
    report = out.beside("report.json")
    out.add([report])

    from ..applications.risk.forest_folder import RESEARCH_USE, RiskForests
    from ..applications.risk.labels import read_labels
    from ..applications.risk.scores import evaluate_forests
    from ..genome.gene_lists import read_gene_names

    found = evaluate_forests(
        stored := RiskForests.open(forests),
        _features(embedding_store, embeddings, vcf, gtf, tissue, fasta=fasta, min_probability=min_probability),
        read_labels(labels),
        genes=[*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None,
        tissues=tissue,
        replicates=replicates,
        seed=seed,
    )
    described = {
        "phenotype": stored.description.phenotype,
        "model": None if stored.description.model is None else dict(stored.description.model),
        "base_rate": stored.description.base_rate,
        "unit": "probability",
        "research_use": RESEARCH_USE,
    }
    written = [write_table(found.table, out.path, described), write_json({**described, **found.summary}, report)]
    _say_scores(found.summary, "evaluated")
    out.deliver(written)


def _features(
    store: Path | None,
    embeddings: Path | None,
    vcf: list[str] | None,
    gtf: Path | None,
    tissue: list[str] | None,
    **options: Any,
) -> "Features":
    """What the forests read.

    Raises:
        InputError: none of the three is given, or several; options of another.
    """
    from ..applications.risk.features import GenotypeFeatures, StoreFeatures, VectorFeatures
    from ..errors import InputError
    from ..genome.genes import GeneTable

    given = [
        name for name, value in (("--embedding-store", store), ("--embeddings", embeddings), ("--vcf", vcf)) if value
    ]
    if len(given) != 1:
        raise InputError(
            f"{' and '.join(given)} are given" if given else "no features are given",
            remedy="Give one of --embedding-store, --embeddings and --vcf.",
        )
    if tissue and store is None:
        raise InputError(f"--tissue is given, and {given[0]} has genes alone", remedy="Leave it out.")
    if bool(vcf) != (gtf is not None):
        raise InputError("--vcf and --gtf go together", remedy="Name the genes with --gtf, or leave it out.")
    if store is not None:
        return StoreFeatures(store)
    if embeddings is not None:
        return VectorFeatures(embeddings)
    assert vcf and gtf is not None
    return GenotypeFeatures(vcf[0] if len(vcf) == 1 else vcf, GeneTable.read(gtf), **options)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    from ..errors import InputError

    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"{option} is {text!r}", remedy="Give whole numbers with commas, such as 100,500.") from None


def _say_trained(summary: Any) -> None:
    donors, units, folds = summary["donors"], summary["units"], summary["folds"]
    typer.echo(f"{donors['train']} donors trained on, {donors['cases']} of them cases", err=True)
    for name, what in (("labels_of_nobody", "labels are of nobody there"), ("without_a_label", "donors have no label")):
        if donors[name]:
            typer.echo(f"{donors[name]} {what}: left out", err=True)
    if folds["used"] < folds["asked"]:
        typer.echo(f"{folds['used']} folds in the place of {folds['asked']}: each has a case and a control", err=True)
    counts = ", ".join(f"{count:,} {status}" for status, count in units["by_status"].items())
    typer.echo(f"{units['total']:,} units: {counts}; {units['kept']} kept", err=True)
    typer.echo(
        "cross-validated: " + ", ".join(f"{k.upper()} {v:.3f}" for k, v in summary["cross_validated"].items()), err=True
    )
    if summary["held_out"] is not None:
        _say_scores(summary["held_out"], "held out")


def _say_scores(scores: Any, what: str) -> None:
    shown = ", ".join(
        f"{name.upper()} {scores[name]['mean']:.3f} ({scores[name]['low']:.3f} to {scores[name]['high']:.3f})"
        for name in ("auprc", "auroc")
    )
    typer.echo(f"{what}, {scores['donors']} donors, {scores['units']} units: {shown}", err=True)
    if scores["flags"]:
        typer.echo(f"warning: {', '.join(scores['flags'])}: not what the forests were trained on", err=True)

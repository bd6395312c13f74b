"""``variantformer associate``: weights of genes for, and in, association studies."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..errors import InputError
from .options import (
    FASTA,
    FILES,
    INPUTS,
    OUTPUT,
    GenesFileOption,
    MinProbabilityOption,
    OverwriteOption,
    PeopleVcfOption,
    SamplesFileOption,
    SamplesOption,
    TableOption,
    given_file,
)
from .outputs import claim, claim_new, closing, parts_of
from .progress import progress
from .settings import asked_samples, quiet_htslib, quiet_libraries

if TYPE_CHECKING:
    from ..applications.association.weights import AssociationWeights
    from ..genome.genes import GeneTable
    from ..genome.reference import ReferenceGenome

associate = typer.Typer(
    help="Weights of variants for association studies: PrediXcan, S-PrediXcan, FUSION. Research use only.",
    no_args_is_help=True,
)
# What shows that a folder is of these commands.
REPORT = "associate.json"
WeightsArgument = Annotated[
    str,
    typer.Argument(
        metavar="WEIGHTS", help="Folder of a model of dosages (`baseline fit elastic-net`), or PrediXcan's .db."
    ),
]
OptionalFastaOption = Annotated[
    Path | None, typer.Option("--fasta", help=FASTA, parser=given_file, metavar="PATH", rich_help_panel=INPUTS)
]
PanelOption = Annotated[
    list[str] | None,
    typer.Option("--vcf", help=f"Genotypes of a panel, of any format; {FILES}.", rich_help_panel=INPUTS),
]
GeneNamesOption = Annotated[
    list[str] | None, typer.Option("--gene", help="Symbol or Ensembl id; repeat. Default: all.", rich_help_panel=INPUTS)
]
TissueNamesOption = Annotated[
    list[str] | None, typer.Option("--tissue", help="Name; repeat. Default: all.", rich_help_panel=INPUTS)
]
FolderOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="Folder, which is made.", rich_help_panel=OUTPUT)
]


@associate.callback()
def _associate() -> None:
    """Weights of variants for association studies: PrediXcan, S-PrediXcan, FUSION. Research use only."""


@associate.command()
@closing
def export(
    weights: WeightsArgument,
    output: FolderOption,
    layout: Annotated[
        Literal["predixcan", "fusion", "parquet"],
        typer.Option("--format", help="predixcan = a .db a tissue; fusion = text; parquet.", rich_help_panel=OUTPUT),
    ],
    ids: Annotated[
        Literal["rsid", "chr_pos_ref_alt_b38"],
        typer.Option("--ids", help="What variants are called; rsid needs --rsids.", rich_help_panel=OUTPUT),
    ] = "chr_pos_ref_alt_b38",
    rsids: Annotated[
        Path | None,
        typer.Option(
            "--rsids",
            parser=given_file,
            metavar="PATH",
            help="Indexed VCF with rs numbers (dbSNP), .pvar, .bim or table.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    fasta: OptionalFastaOption = None,
    vcf: PanelOption = None,
    populations: Annotated[
        Path | None,
        typer.Option(
            "--populations",
            parser=given_file,
            metavar="PATH",
            help="Table of the panel, donor and super_population: covariances of each population.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    phi: Annotated[
        bool,
        typer.Option(
            "--phi",
            help="Of predixcan: each gene's inflation in a polygenic trait, from the panel, for --gwas_h2.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    phi_variants: Annotated[
        int | None,
        typer.Option(
            "--phi-variants",
            min=1,
            help="Variants of the whole genome that phi is a mean over. Default: those of the panel.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    gene: GeneNamesOption = None,
    genes_file: GenesFileOption = None,
    tissue: TissueNamesOption = None,
    min_probability: MinProbabilityOption = 0.9,
    overwrite: OverwriteOption = False,
) -> None:
    """Write weights as other programs read them.

    predixcan: TISSUE.db for PrediXcan and S-PrediXcan, and with --vcf its covariances, TISSUE.txt.gz. fusion:
    TISSUE.pos and a table a gene. parquet: weights.parquet and genes.parquet. OUTPUT/associate.json has the counts.
    """
    claim_new(output, overwrite=overwrite, kept=lambda: "Nothing is kept.", is_ours=lambda name: name == REPORT)
    for given, name, needed in (
        (populations, "--populations", vcf and layout == "predixcan"),
        (phi, "--phi", vcf and layout == "predixcan"),
        (phi_variants, "--phi-variants", phi),
        (vcf, "--vcf", fasta and layout != "parquet"),
        (rsids, "--rsids", fasta and ids == "rsid"),
    ):
        if given and not needed:
            what = {"--vcf": "--fasta and --format predixcan or fusion", "--rsids": "--fasta and --ids rsid"}
            what |= {"--phi-variants": "--phi"}
            raise InputError(f"{name} needs {what.get(name, '--vcf and --format predixcan')}", remedy="Give them.")
    if ids == "rsid" and rsids is None:
        raise InputError("--ids rsid needs a file of rs numbers", remedy="Give it: --rsids dbsnp.vcf.gz.")

    from ..applications.association.weights import variant_name
    from ..report.tables import write_json
    from ..whole_folders import replace_folder

    found, reference, table = _opened(weights, fasta, gene, genes_file, tissue, by_place=bool(vcf))
    names = [variant_name(each, _assembly(found, reference)) if each.chrom else "" for each in found.variants]
    called = [name or own for name, own in zip(names, found.ids, strict=True)]
    report: dict[str, Any] = {"weights": dict(found.counts), "variants": {"all": len(found.variants)}}
    if rsids is not None and reference is not None:
        from ..applications.association.rsids import with_rsids
        from ..genome.variant import VariantNormalizer

        called, report["variants"]["rsid"] = with_rsids(found, rsids, VariantNormalizer(reference))

    def write(partial: Path) -> None:
        from ..report import weight_files

        nonlocal found
        if layout == "parquet":
            weight_files.write_weight_tables(found, called, partial)
        elif layout == "fusion":
            report["fusion"] = _write_fusion(found, called, partial, table, vcf, reference, min_probability)
        else:
            if phi:
                found, report["phi"] = _with_phi(found, vcf or [], reference, min_probability, phi_variants)
            weight_files.write_predixcan(found, called, names, partial)
            if vcf:
                report["panel"] = _write_covariances(
                    found, called, partial, vcf, reference, populations, min_probability
                )
        write_json(_described(weights) | report, partial / REPORT)

    replace_folder(output, write)
    _say(report)
    for path in sorted(output.iterdir()):
        typer.echo(str(path))


@associate.command()
@closing
def predict(
    weights: WeightsArgument,
    fasta: Annotated[
        Path, typer.Option("--fasta", help=FASTA, parser=given_file, metavar="PATH", rich_help_panel=INPUTS)
    ],
    vcf: PeopleVcfOption,
    output: FolderOption,
    layout: Annotated[
        Literal["parquet", "tsv", "predixcan"],
        typer.Option("--format", help="predixcan = FID, IID and genes.", rich_help_panel=OUTPUT),
    ] = "parquet",
    sample: SamplesOption = None,
    samples_file: SamplesFileOption = None,
    gene: GeneNamesOption = None,
    genes_file: GenesFileOption = None,
    tissue: TissueNamesOption = None,
    constant: Annotated[
        bool,
        typer.Option(
            "--constant/--no-constant",
            help="Add the genes' constants; PrediXcan's sums have none.",
            rich_help_panel=OUTPUT,
        ),
    ] = True,
    min_probability: MinProbabilityOption = 0.9,
    overwrite: OverwriteOption = False,
) -> None:
    """Predict people's expression by weights: a table a tissue, a row a person, a column a gene.

    Genotypes of any format are read, and of them the weights' variants alone. OUTPUT/genes.tsv says what was used of
    each gene, OUTPUT/associate.json has the counts. A run that was cut short goes on where it was; until then
    OUTPUT.parts holds what is done.
    """
    parts = parts_of(output)

    def kept() -> str:
        some = parts.is_dir() and any(parts.iterdir())
        return f"{parts} keeps what is done: the same command goes on from there." if some else "Nothing is kept."

    claim_new(output, overwrite=overwrite, kept=kept, is_ours=lambda name: name == REPORT)

    import shutil

    from ..applications.association.prediction import predict_people
    from ..genome.cohort_files import contents_of
    from ..genome.cohort_rows import Reading
    from ..genome.sample_names import ALL_SAMPLES
    from ..genome.variant_dosages import VariantDosages
    from ..genome.variant_files import genotype_source
    from ..report.association_files import write_people
    from ..report.tables import write_json
    from ..run_key import run_key
    from ..whole_folders import replace_folder

    found, reference, _ = _opened(weights, fasta, gene, genes_file, tissue, by_place=True)
    assert reference is not None
    people = asked_samples(sample, samples_file) or ALL_SAMPLES
    with (
        VariantDosages(vcf, people, reference, Reading(reference, min_probability)) as file,
        progress("predicting", "genes x tissues") as on_group,
    ):
        key = run_key(
            _described(weights)
            | {
                "weights": found.digest(),
                "fasta": dict(reference.contigs),
                "genotypes": contents_of(genotype_source(vcf)),
                "people": file.samples,
                "options": [constant, min_probability],
            }
        )
        predicted = predict_people(found, file, parts, key, constants=constant, on_group=on_group)
    report = {"people": len(predicted.samples), "weights": dict(found.counts), "variants": predicted.counts}
    described = _described(weights)

    def write(partial: Path) -> None:
        write_people(predicted, partial, layout, described)
        write_json(described | report, partial / REPORT)

    replace_folder(output, write)
    shutil.rmtree(parts, ignore_errors=True)
    _say(report)
    for path in sorted(output.iterdir()):
        typer.echo(str(path))


@associate.command()
@closing
def summary(
    weights: WeightsArgument,
    gwas: Annotated[
        Path,
        typer.Option("--gwas", parser=given_file, metavar="PATH", help="Summary statistics.", rich_help_panel=INPUTS),
    ],
    output: TableOption,
    covariance: Annotated[
        Path | None,
        typer.Option(
            "--covariance",
            metavar="PATH",
            help="PrediXcan's covariances: a file, or of several tissues the folder with TISSUE.txt.gz.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    vcf: PanelOption = None,
    fasta: OptionalFastaOption = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="WHAT=NAME",
            help="Of --gwas: variant, chrom, pos, effect_allele, other_allele, z, beta, se, or, p; repeat.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    match: Annotated[
        Literal["place", "id"],
        typer.Option("--match", help="How rows of --gwas are found, where both can be.", rich_help_panel=INPUTS),
    ] = "place",
    ambiguous: Annotated[
        Literal["keep", "drop"],
        typer.Option(
            "--ambiguous", help="A/T and C/G: taken to be of one strand, or left out.", rich_help_panel=INPUTS
        ),
    ] = "keep",
    duplicates: Annotated[
        Literal["refuse", "first"],
        typer.Option("--duplicates", help="Rows of a variant that say different things.", rich_help_panel=INPUTS),
    ] = "refuse",
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Repair covariances that are not positive definite.", rich_help_panel=INPUTS),
    ] = False,
    gwas_n: Annotated[
        float | None,
        typer.Option("--gwas-n", min=1, help="People: with --gwas-h2 z is calibrated by phi.", rich_help_panel=INPUTS),
    ] = None,
    gwas_h2: Annotated[
        float | None,
        typer.Option("--gwas-h2", min=0, max=1, help="Heritability of the trait.", rich_help_panel=INPUTS),
    ] = None,
    gene: GeneNamesOption = None,
    genes_file: GenesFileOption = None,
    tissue: TissueNamesOption = None,
    min_probability: MinProbabilityOption = 0.9,
    overwrite: OverwriteOption = False,
) -> None:
    """Associate genes' predicted expression with a trait from a GWAS's summary statistics (S-PrediXcan).

    A row a gene and tissue: z, effect, p, variance and numbers of variants, as S-PrediXcan writes them, and a status.
    OUTPUT.report.json says what became of the rows of the GWAS.
    """
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, stdout=True)
    out.add([out.beside("report.json")])
    if (covariance is None) == (vcf is None):
        raise InputError("give --covariance or --vcf", remedy="Of both, one.")
    if vcf is not None and fasta is None:
        raise InputError("--vcf needs --fasta", remedy="Give it.")
    if (gwas_n is None) != (gwas_h2 is None):
        raise InputError("--gwas-n and --gwas-h2 go together", remedy="Give both.")

    from ..applications.association.covariance_sources import of_files, of_panel
    from ..applications.association.gwas import GwasOptions, read_gwas
    from ..applications.association.summary import Calibration, summary_association
    from ..genome.variant import VariantNormalizer
    from ..report.weight_files import tissue_stems

    found, reference, _ = _opened(weights, fasta, gene, genes_file, tissue, by_place=bool(vcf))
    calibration = None if gwas_n is None or gwas_h2 is None else Calibration(gwas_n, gwas_h2)
    if calibration and not any("phi" in each.said for each in found.genes):
        raise InputError(
            "has no phi, by which z would be calibrated",
            file=weights,
            remedy="Make it: `associate export --format predixcan --phi --vcf PANEL`; or leave out --gwas-n.",
        )
    counts = Counter[str]()
    normalizer = None if reference is None or match == "id" else VariantNormalizer(reference)
    statistics = read_gwas(
        gwas, found, normalizer, GwasOptions(_columns(column or []), ambiguous == "drop", duplicates == "first")
    )
    if covariance is not None:
        sources = of_files(found, covariance, tissue_stems(found), counts)
    else:
        assert vcf is not None and reference is not None
        sources = of_panel(found, vcf, reference, min_probability, counts)
    table = summary_association(found, statistics, sources, repairs=repair, calibration=calibration)
    report = {
        "weights": dict(found.counts),
        "gwas_columns": dict(statistics.columns),
        "gwas": dict(statistics.counts),
        "covariance": dict(counts),
        "genes": dict(Counter(table["status"])),
    }
    described = _described(weights)
    written = [write_table(table, out.path, described), write_json(described | report, out.beside("report.json"))]
    _say(report)
    out.deliver(written)


def _opened(
    weights: str,
    fasta: Path | None,
    gene: list[str] | None,
    genes_file: Path | None,
    tissue: list[str] | None,
    *,
    by_place: bool,
) -> "tuple[AssociationWeights, ReferenceGenome | None, GeneTable | None]":
    """Weights, in their one spelling where there is a FASTA; it; the table of their genes, which a database has not.

    Args:
        weights, fasta, gene, genes_file, tissue: as of the commands.
        by_place: they are looked for in genotypes; else weights that say no places may be matched by their ids.

    Raises:
        InputError: there are no such weights, or of another assembly, or without places; a gene or tissue has none.
    """
    from ..applications.association.weight_database import is_weight_database, read_weight_database
    from ..applications.association.weights import in_one_spelling, weights_of_model
    from ..genome.gene_lists import read_gene_names
    from ..genome.reference import ReferenceGenome
    from ..genome.variant import VariantNormalizer
    from ..zoo.assembly import check_assembly

    table = None
    quiet_htslib()
    if is_weight_database(weights):
        found = read_weight_database(weights)
    else:
        from ..zoo.dosage.gene_model import LinearDosageGeneModel
        from .settings import ModelSettings

        quiet_libraries()
        model = ModelSettings(weights, device="cpu").load()
        if not isinstance(model, LinearDosageGeneModel):
            raise InputError(
                f"is a model of the type {model.model_type!r}, which has no weight a variant",
                file=weights,
                remedy="Give a linear model of dosages, such as `baseline fit elastic-net` writes.",
            )
        found, table = weights_of_model(model), model.gene_table
    genes = [*(gene or []), *(read_gene_names(genes_file) if genes_file else [])]
    found = found.chosen(genes, tissue or [])
    if fasta is None:
        return found, None, table
    reference = ReferenceGenome(fasta)
    check_assembly(reference, found.assembly)
    if by_place or found.has_places:
        found = in_one_spelling(found, VariantNormalizer(reference))
    return found, reference, table


def _assembly(weights: "AssociationWeights", reference: "ReferenceGenome | None") -> str | None:
    from ..genome.contigs import identify_assembly

    return weights.assembly or (None if reference is None else identify_assembly(reference.contigs))


def _described(weights: str) -> dict[str, Any]:
    from ..version import __version__

    return {"package": {"name": "variantformer-hf", "version": __version__}, "source": weights}


def _columns(given: list[str]) -> dict[str, str]:
    """What -> name of the column.

    Raises:
        InputError: it is not of the form, or not known.
    """
    from ..applications.association.gwas import COLUMNS

    found = {}
    for text in given:
        what, equals, name = text.partition("=")
        if not equals or what not in COLUMNS:
            raise InputError(
                f"--column {text} names no column", remedy=f"Write WHAT=NAME, WHAT of {', '.join(COLUMNS)}."
            )
        found[what] = name
    return found


def _write_fusion(
    weights: "AssociationWeights",
    ids: list[str],
    folder: Path,
    table: "GeneTable | None",
    vcf: list[str] | None,
    reference: "ReferenceGenome | None",
    min_probability: float,
) -> dict[str, int]:
    from ..applications.association.deviations import dosage_deviations
    from ..report.weight_files import write_fusion

    if table is None:
        raise InputError(
            "does not say where its genes are, which FUSION's list has",
            file=weights.name,
            remedy="Give the folder of the model.",
        )
    places = {gene.gene_id: (gene.chrom, gene.start, gene.end) for gene in table}
    deviation, counts = dosage_deviations(weights, vcf, reference, min_probability)
    _, left_out = write_fusion(weights, ids, deviation, folder, places.__getitem__)
    return dict(counts + left_out)


def _with_phi(
    weights: "AssociationWeights",
    vcf: list[str],
    reference: "ReferenceGenome | None",
    min_probability: float,
    n_variants: int | None,
) -> "tuple[AssociationWeights, dict[str, int]]":
    from ..applications.association.inflation import InflationOptions, with_inflation
    from ..genome.cohort_rows import Reading
    from ..genome.dosages import DosageFile
    from ..genome.variant_dosages import VariantDosages

    assert reference is not None
    reading = Reading(reference, min_probability)
    with (
        VariantDosages(vcf, "all", reference, reading) as people,
        DosageFile(vcf, reference=reference, reading=reading) as panel,
        progress("correlating", "contigs") as on_contig,
    ):
        found, n = with_inflation(weights, people, panel, InflationOptions(n_variants=n_variants), on_contig)
    return found, {"variants": n, "genes": sum("phi" in gene.said for gene in found.genes)}


def _write_covariances(
    weights: "AssociationWeights",
    ids: list[str],
    folder: Path,
    vcf: list[str],
    reference: "ReferenceGenome | None",
    populations: Path | None,
    min_probability: float,
) -> dict[str, int]:
    from ..applications.ancestry.labels import read_populations
    from ..applications.association.covariance_sources import opened_panel
    from ..applications.association.panel_covariance import panel_covariances
    from ..report.weight_files import write_covariances

    assert reference is not None
    counts = Counter[str]()
    labels = None if populations is None else read_populations(populations)
    with opened_panel(vcf, reference, min_probability, labels) as (panel, groups):
        write_covariances(weights, panel_covariances(weights, panel, groups, counts), ids, folder)
    people = {f"people_{name}" if name else "people": len(numbers) for name, numbers in groups.items()}
    return people | dict(counts)


def _say(report: dict[str, Any]) -> None:
    """The counts, and names of columns, a line each, on stderr."""
    for name, counts in report.items():
        some = {what: count for what, count in counts.items() if count} if isinstance(counts, dict) else {}
        if some:
            each = (f"{n} as {what}" if isinstance(n, str) else f"{n:,} {what}" for what, n in some.items())
            typer.echo(f"{name}: {', '.join(each)}", err=True)

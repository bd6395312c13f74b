"""``variantformer ase``: each haplotype of phased people predicted alone."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    FILES,
    INPUTS,
    OUTPUT,
    AddressOption,
    AllowUnusedOption,
    AllSamplesOption,
    DeviceOption,
    EmbeddingModelOption,
    EngineOption,
    FastaOption,
    ForceCompanionsOption,
    GenesFileOption,
    GvcfOption,
    MinDpOption,
    MinGqOption,
    MinProbabilityOption,
    ModelArgument,
    OnRefMismatchOption,
    OverwriteOption,
    PassOnlyOption,
    ReadOutOption,
    SamplesFileOption,
    SamplesOption,
    SnpsOnlyOption,
    TableOption,
    TissueOption,
    WindowOption,
    WorkersOption,
    given_file,
)
from .outputs import claim
from .progress import progress
from .settings import GenotypeSettings, ModelSettings, asked_samples, chosen_engine, quiet_libraries

if TYPE_CHECKING:
    from ..applications.ase.ratios import HaplotypeRatios

_SHOWN = 5


def ase(
    model: ModelArgument,
    fasta: FastaOption,
    vcf: Annotated[
        list[str],
        typer.Option("--vcf", help=f"Indexed, phased VCF or BCF of the people; {FILES}.", rich_help_panel=INPUTS),
    ],
    output: TableOption,
    sample: SamplesOption = None,
    samples_file: SamplesFileOption = None,
    all_samples: AllSamplesOption = False,
    gene: Annotated[
        list[str] | None,
        typer.Option(help="Symbol or Ensembl id; repeat for several. Default: all genes.", rich_help_panel=INPUTS),
    ] = None,
    genes_file: GenesFileOption = None,
    tissue: TissueOption = None,
    counts: Annotated[
        list[Path] | None,
        typer.Option(
            "--counts",
            parser=given_file,
            metavar="PATH",
            help="Counted reads: phASER's haplotypic_counts.txt or gene_ae, or GTEx's matrix (gw_phased); repeat.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    counts_samples: Annotated[
        Path | None,
        typer.Option(
            "--counts-samples",
            parser=given_file,
            metavar="PATH",
            help="Whose a column or BAM of the counts is: GTEx's sample attributes, or id, sample, tissue.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    min_reads: Annotated[
        int, typer.Option(help="Least reads of both haplotypes, of --counts.", rich_help_panel=INPUTS)
    ] = 8,
    allow_unused: AllowUnusedOption = False,
    gvcf: GvcfOption = False,
    snps_only: SnpsOnlyOption = False,
    pass_only: PassOnlyOption = False,
    min_gq: MinGqOption = None,
    min_dp: MinDpOption = None,
    on_ref_mismatch: OnRefMismatchOption = "error",
    min_probability: MinProbabilityOption = 0.9,
    drivers: Annotated[
        bool,
        typer.Option(
            "--drivers",
            help="Also score each heterozygous record on the haplotype that carries it: OUTPUT.drivers.tsv.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    read_out: ReadOutOption = None,
    window: WindowOption = None,
    embedding_model: EmbeddingModelOption = None,
    force_companions: ForceCompanionsOption = False,
    engine: EngineOption = "process",
    address: AddressOption = None,
    workers: WorkersOption = None,
) -> None:
    """Allele-specific expression: predict each haplotype of phased people alone, and the log2 ratio of the two.

    Genes whose haplotypes are not known, for want of phase, have a status and no number. With --counts the ratios are
    held against counted reads: OUTPUT.agreement.tsv. A run that was cut short goes on where it was.
    """
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, parts=["parts"], stdout=True)
    report, of_records, agreement = (out.beside(name) for name in ("report.json", "drivers.tsv", "agreement.tsv"))
    out.add([report, of_records if drivers else None, agreement if counts else None])

    from ..applications.ase.phaser_counts import CountFiles
    from ..applications.ase.ratios import AseRequest, check_haplotypes, haplotype_ratios
    from ..errors import InputError
    from ..genome.gene_lists import read_gene_names
    from ..genome.options import HAPLOTYPE_MODES
    from ..genome.reference import ReferenceGenome
    from ..zoo.statuses import check_finite

    quiet_libraries()
    if counts_samples is not None and not counts:
        raise InputError("--counts-samples is of counts, and none are given", remedy="Give --counts, or leave it out.")
    units_on = chosen_engine(engine, address, workers, device)
    of_model = ModelSettings(
        model,
        device=device,
        force_companions=force_companions,
        read_out=read_out,
        window=window,
        embedding_model=embedding_model,
    )
    kind = of_model.kind()
    check_haplotypes(kind)
    genotypes = GenotypeSettings(
        mode=HAPLOTYPE_MODES[0],
        gvcf=gvcf,
        snps_only=snps_only,
        pass_only=pass_only,
        min_gq=min_gq,
        min_dp=min_dp,
        on_ref_mismatch=on_ref_mismatch,
        min_probability=min_probability,
    )
    request = AseRequest(
        genes=[*(gene or []), *(read_gene_names(genes_file) if genes_file else [])] if gene or genes_file else None,
        tissues=tissue,
        samples=asked_samples(sample, samples_file, all_samples=all_samples),
        options=genotypes.options(of_model),
        drivers=drivers,
        counts=CountFiles(counts, counts_samples, min_reads) if counts else None,
        allow_unused=allow_unused,
    )
    scorer = of_model.scorer()
    with progress("predicting haplotypes", "genes") as on_gene:
        found = haplotype_ratios(
            scorer,
            ReferenceGenome(fasta),
            vcf,
            request,
            on_gene=on_gene,
            engine=units_on,
            parts=out.beside("parts"),
            overwrite_parts=overwrite,
        )
    described = {"model": scorer.model.identity.name, "unit": scorer.model.unit.name, "note": found.report["note"]}
    written = [write_table(found.table, out.path, described)]
    if found.drivers is not None:
        written.append(write_table(found.drivers, of_records, described))
    if found.agreement is not None:
        written.append(write_table(found.agreement, agreement, described))
    written.append(write_json({**described, "sha256": scorer.model.identity.sha256, **found.report}, report))
    _say(found)
    out.deliver(written)
    found.remove_parts()
    check_finite(found.table["gene_name"], found.table["status"])


def _say(found: "HaplotypeRatios") -> None:
    """How many genes have a ratio, and how the ratios agree with counts, on stderr."""
    people = list(found.report["genes_by_status"].items())
    for name, statuses in people[:_SHOWN]:
        typer.echo(f"{name}: genes by status: {', '.join(f'{n} {status}' for status, n in statuses.items())}", err=True)
    if len(people) > _SHOWN:
        typer.echo(f"... and {len(people) - _SHOWN} people more, in the report", err=True)
    if found.agreement is not None:
        total = found.agreement.iloc[-1]
        rank, low, high = (
            "NA" if math.isnan(value) else f"{value:.3f}" for value in total[["spearman", "ci_low", "ci_high"]]
        )
        typer.echo(
            f"{total['n']} ratios beside counts: Spearman {rank}; the sign agrees in {total['same_sign']} of "
            f"{total['n_signs']} ({low} to {high})",
            err=True,
        )

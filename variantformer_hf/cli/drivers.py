"""``variantformer drivers``: the SNPs that a model's predictions of a cohort rest on."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import (
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
    MinProbabilityOption,
    ModelArgument,
    OverwriteOption,
    PassOnlyOption,
    ReadOutOption,
    SamplesFileOption,
    SamplesOption,
    TableOption,
    TissueOption,
    WindowOption,
    WorkersOption,
    given_file,
)
from .outputs import claim
from .progress import progress
from .settings import ModelSettings, asked_samples, chosen_engine, quiet_libraries


def drivers(
    model: ModelArgument,
    fasta: FastaOption,
    vcf: Annotated[
        list[str],
        typer.Option(
            "--vcf",
            help="Indexed VCF or BCF of the cohort (repeat, or 'FILE.{contig}.vcf.gz', for a file a chromosome).",
            rich_help_panel=INPUTS,
        ),
    ],
    gene: Annotated[
        list[str],
        typer.Option("--gene", help="Symbol or Ensembl id; repeat for several.", rich_help_panel=INPUTS),
    ],
    output: TableOption,
    tissue: TissueOption = None,
    sample: SamplesOption = None,
    samples_file: SamplesFileOption = None,
    all_samples: AllSamplesOption = False,
    selection: Annotated[
        Literal["cumulative", "drivers_only"],
        typer.Option(
            help="What a driver's rise is of: the sum over all SNPs so far, or over the drivers so far.",
            rich_help_panel=OUTPUT,
        ),
    ] = "cumulative",
    expression: Annotated[
        Path | None,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="What was measured: CSV or TSV of person and value, maybe gene_id and tissue; changes no choice.",
            rich_help_panel=INPUTS,
        ),
    ] = None,
    pass_only: PassOnlyOption = False,
    min_probability: MinProbabilityOption = 0.9,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    allow_unused: AllowUnusedOption = False,
    read_out: ReadOutOption = None,
    window: WindowOption = None,
    embedding_model: EmbeddingModelOption = None,
    force_companions: ForceCompanionsOption = False,
    engine: EngineOption = "process",
    address: AddressOption = None,
    workers: WorkersOption = None,
) -> None:
    """Find the driver SNPs of genes in a cohort, of models that read a window of DNA.

    Each SNP of the window that somebody carries is placed on the reference by itself; drivers are the few whose effects
    x dosages follow the predictions of all people. OUTPUT.report.json has r and R2. Without --sample everybody of the
    VCF is asked for, as with --all-samples. A run that was cut short goes on where it was.
    """
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, parts=["parts", "effect-parts"], stdout=True)
    report = out.beside("report.json")
    out.add([report])

    from ..analysis.drivers import DriverRequest, find_drivers
    from ..analysis.observed_expression import read_observed
    from ..genome.reference import ReferenceGenome

    quiet_libraries()
    units_on = chosen_engine(engine, address, workers, device)
    of_model = ModelSettings(
        model,
        precision="float32",
        device=device,
        force_companions=force_companions,
        read_out=read_out,
        window=window,
        embedding_model=embedding_model,
    )
    of_model.kind().require("window", "finding drivers")
    people = asked_samples(sample, samples_file, all_samples=all_samples)
    scorer = of_model.scorer()
    request = DriverRequest(
        gene,
        tissue,
        "all" if people is None else people,
        selection,
        pass_only=pass_only,
        min_probability=min_probability,
        observed={} if expression is None else read_observed(expression, scorer.model),
        allow_unused=allow_unused,
    )
    with progress("finding drivers", "genes") as show:
        found = find_drivers(
            scorer,
            ReferenceGenome(fasta),
            vcf,
            request,
            on_person=lambda done, total: show(done, total, "predicted"),
            on_gene=lambda done, total: show(done, total, "of SNPs scored"),
            engine=units_on,
            parts=(out.beside("parts"), out.beside("effect-parts")),
            overwrite_parts=overwrite,
        )
    described = {"model": scorer.model.identity.name, "unit": scorer.model.unit.name, "selection": selection}
    for each in found.summary:
        typer.echo(
            f"{each['gene_name'] or each['gene_id']}, {each['tissue']}: {each['status']}, "
            f"{each.get('drivers', 0)} of {each['snps']} SNPs are drivers",
            err=True,
        )
    written = [
        write_table(found.table, out.path, described),
        write_json({**described, "sha256": scorer.model.identity.sha256, "genes": found.summary}, report),
    ]
    out.deliver(written)
    found.remove_parts()

"""``variantformer counterfactual``: carriers as they are and as they would be."""

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    FILES,
    GENOTYPE,
    INPUTS,
    AllowUnusedOption,
    DeviceOption,
    EmbeddingModelOption,
    FastaOption,
    ForceCompanionsOption,
    GenotypeOption,
    MinProbabilityOption,
    ModelArgument,
    ModeOption,
    OverwriteOption,
    ReadOutOption,
    SamplesFileOption,
    SamplesOption,
    TableOption,
    TissueOption,
    WindowOption,
    given_file,
)
from .outputs import claim
from .progress import progress
from .rejected import report_rejected
from .settings import GenotypeSettings, ModelSettings, asked_samples, quiet_libraries


def counterfactual(
    model: ModelArgument,
    fasta: FastaOption,
    vcf: Annotated[
        list[str],
        typer.Option(help=f"Indexed VCF or BCF of the people; {FILES}.", rich_help_panel=INPUTS),
    ],
    edits: Annotated[
        Path,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Variants to set together, maybe with a column `genotype`.",
            rich_help_panel=INPUTS,
        ),
    ],
    gene: Annotated[list[str], typer.Option(help="Symbol or Ensembl id; repeat.", rich_help_panel=INPUTS)],
    output: TableOption,
    sample: SamplesOption = None,
    samples_file: SamplesFileOption = None,
    genotype: GenotypeOption = GENOTYPE,
    tissue: TissueOption = None,
    mode: ModeOption = None,
    min_probability: MinProbabilityOption = 0.9,
    overwrite: OverwriteOption = False,
    device: DeviceOption = "auto",
    allow_unused: AllowUnusedOption = False,
    read_out: ReadOutOption = None,
    window: WindowOption = None,
    embedding_model: EmbeddingModelOption = None,
    force_companions: ForceCompanionsOption = False,
) -> None:
    """Set genotypes in everybody whose genome that changes, and predict both ways.

    Everybody is all of the VCF, or who is named with --sample and --samples-file.

    OUTPUT has a row per carrier, gene and tissue, OUTPUT.summary.tsv the mean over carriers with its 95 % confidence
    interval. Who is not changed, and why, is said.
    """
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, stdout=True)
    beside = {name: out.beside(name) for name in ("summary.tsv", "rejected.tsv", "report.json")}
    out.add(beside.values())

    from ..analysis.counterfactual import counterfactual as compare
    from ..genome.reference import ReferenceGenome
    from ..genome.sample_names import ALL_SAMPLES
    from ..genome.variant import VariantNormalizer
    from ..genome.variant_files import genotype_source
    from ..genome.variant_table import read_variants
    from ..inference.people import open_people
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
    options = GenotypeSettings(mode=mode, min_probability=min_probability).options(of_model.kind())
    reference = ReferenceGenome(fasta)
    table = read_variants(edits, VariantNormalizer(reference))
    wanted = table.edits(genotype)
    source = genotype_source(vcf)
    asked = asked_samples(sample, samples_file) or ALL_SAMPLES
    everybody = open_people(reference, source, asked, options)
    people = everybody.opened((0, len(everybody)))
    scorer = of_model.scorer()
    with progress("predicting", "carriers and genes") as on_person:
        found = compare(scorer, people, wanted, gene, tissues=tissue, allow_unused=allow_unused, on_person=on_person)
    described = {"model": scorer.model.identity.name, "unit": scorer.model.unit.name}
    written = [write_table(found.table, out.path, described)]
    written.append(write_table(found.summary, beside["summary.tsv"], {}))
    people_changed = {
        "given": len(people),
        "changed": found.table["sample"].nunique(),
        "left_out": dict(found.left_out),
    }
    report = {**described, "rows": table.counts(), "people": people_changed}
    written.append(write_json(report, beside["report.json"]))
    written += report_rejected(table, beside["rejected.tsv"])
    typer.echo(f"{found.table['sample'].nunique()} of {len(people)} people are changed by the edits", err=True)
    for name, reason in list(found.left_out.items())[:5]:
        typer.echo(f"  {name}: {reason}", err=True)
    out.deliver(written)
    check_finite(found.table["gene_name"], found.table["status"])

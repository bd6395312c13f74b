"""``variantformer ancestry``: the population of a panel that people are nearest to."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .options import (
    FILES,
    INPUTS,
    AllSamplesOption,
    MinProbabilityOption,
    OverwriteOption,
    SamplesFileOption,
    SamplesOption,
    TableOption,
    given_file,
)
from .outputs import claim
from .progress import progress
from .settings import asked_samples

_MODEL = "Model"


def ancestry(
    vcf: Annotated[list[str], typer.Option(help=f"Indexed VCF or BCF of the people; {FILES}.", rich_help_panel=INPUTS)],
    panel: Annotated[
        list[str],
        typer.Option(
            help=f"Indexed VCF or BCF of people whose population is known, such as 1000 Genomes; {FILES}.",
            rich_help_panel=INPUTS,
        ),
    ],
    labels: Annotated[
        Path,
        typer.Option(
            parser=given_file,
            metavar="PATH",
            help="Table of the panel: donor (or sample), super_population (or super_pop, population).",
            rich_help_panel=INPUTS,
        ),
    ],
    output: TableOption,
    sample: SamplesOption = None,
    samples_file: SamplesFileOption = None,
    all_samples: AllSamplesOption = False,
    fasta: Annotated[
        Path | None,
        typer.Option(
            parser=given_file, metavar="PATH", help="Reference genome, for a PLINK 1 BED.", rich_help_panel=INPUTS
        ),
    ] = None,
    min_probability: MinProbabilityOption = 0.9,
    joint: Annotated[
        bool,
        typer.Option(
            "--joint", help="Components of panel and people together, not of the panel alone.", rich_help_panel=_MODEL
        ),
    ] = False,
    components: Annotated[int, typer.Option(help="Principal components.", rich_help_panel=_MODEL)] = 20,
    neighbours: Annotated[int, typer.Option(help="Nearest members of the panel.", rich_help_panel=_MODEL)] = 7,
    min_maf: Annotated[
        float, typer.Option(help="Variants are used from this frequency in the panel on.", rich_help_panel=_MODEL)
    ] = 0.01,
    window: Annotated[int, typer.Option(help="Variants that are pruned together.", rich_help_panel=_MODEL)] = 50,
    step: Annotated[int, typer.Option(help="Variants by which the window moves.", rich_help_panel=_MODEL)] = 5,
    r2: Annotated[
        float, typer.Option(help="Squared correlation above which one of two goes.", rich_help_panel=_MODEL)
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="Of the components and folds.", rich_help_panel=_MODEL)] = 0,
    overwrite: OverwriteOption = False,
) -> None:
    """Infer people's genetic ancestry: the population of their nearest members of a panel.

    SNPs that both have are pruned as `plink1.9 --indep-pairwise 50 5 0.2` does, the panel's principal components are
    computed, the people placed among them. OUTPUT has a row a person, as `evaluate predictions --samples` reads it:
    donor, super_population, probability; OUTPUT.panel.tsv the panel, each as the four other fifths of it say,
    OUTPUT.confusion.tsv how often they are right, OUTPUT.report.json the counts of variants.
    """
    from ..report.tables import check_format, write_json, write_table

    check_format(output, "tidy")
    out = claim(output, overwrite=overwrite, stdout=True)
    beside = {name: out.beside(name) for name in ("panel.tsv", "confusion.tsv", "report.json")}
    out.add(beside.values())

    from ..applications.ancestry.labels import read_populations
    from ..applications.ancestry.populations import AncestryOptions, infer_ancestry
    from ..applications.ancestry.pruning import PruningOptions
    from ..applications.ancestry.shared_genotypes import VariantFilter
    from ..errors import check_number
    from ..genome.cohort_files import fingerprints
    from ..genome.cohort_rows import Reading
    from ..genome.reference import ReferenceGenome
    from ..genome.sample_names import ALL_SAMPLES
    from ..genome.variant_files import genotype_source
    from ..version import __version__

    check_number("--components", components, 2)
    check_number("--neighbours", neighbours, 1)
    check_number("--min-maf", min_maf, 0, 0.5)
    pruning = PruningOptions(window, step, r2)
    pruning.check()
    options = AncestryOptions(components, neighbours, joint, VariantFilter(least_maf=min_maf, pruning=pruning), seed)
    reference = None if fasta is None else ReferenceGenome(fasta)
    with progress("reading", "chromosomes") as on_chromosome:
        found = infer_ancestry(
            vcf,
            panel,
            read_populations(labels),
            samples=asked_samples(sample, samples_file, all_samples=all_samples) or ALL_SAMPLES,
            reference=reference,
            reading=Reading(reference, min_probability),
            options=options,
            on_chromosome=on_chromosome,
        )
    described = {"package": {"name": "variantformer-hf", "version": __version__}, "options": asdict(options)}
    inputs = {name: fingerprints(genotype_source(files)) for name, files in (("vcf", vcf), ("panel", panel))}
    written = [
        write_table(found.table, out.path, described),
        write_table(found.panel, beside["panel.tsv"], described),
        write_table(found.confusion(), beside["confusion.tsv"], described),
        write_json({**described, "inputs": inputs, **found.report}, beside["report.json"]),
    ]
    counts, accuracy = found.report["variants"], found.report["accuracy"]
    typer.echo(
        f"{counts['kept']:,} of {counts['shared']:,} shared SNPs kept; the panel's accuracy is {accuracy['mean']:.1%} "
        f"+- {accuracy['sd']:.1%} over {len(accuracy['folds'])} folds",
        err=True,
    )
    if found.report["people_in_panel"]:
        typer.echo(
            f"{found.report['people_in_panel']:,} of the people have the name of somebody in the panel (in_panel): "
            "they are their own nearest",
            err=True,
        )
    out.deliver(written)

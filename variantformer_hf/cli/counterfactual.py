"""``variantformer counterfactual``: carriers as they are and as they would be."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .options import (
    GENOTYPE,
    AllowUnusedOption,
    DeviceOption,
    EditsOption,
    EmbeddingModelOption,
    FastaOption,
    ForceCompanionsOption,
    GenesOption,
    GenotypeOption,
    MinProbabilityOption,
    ModelArgument,
    ModeOption,
    OverwriteOption,
    PeopleVcfOption,
    ReadOutOption,
    SamplesFileOption,
    SamplesOption,
    TableOption,
    TissueOption,
    WindowOption,
)
from .outputs import claim
from .progress import progress
from .rejected import report_rejected
from .settings import GenotypeSettings, ModelSettings, asked_samples, quiet_libraries

if TYPE_CHECKING:
    from ..genome.genotype_edits import GenotypeEdit
    from ..genome.options import GenotypeOptions
    from ..genome.personal import PersonalGenome
    from ..genome.variant_table import VariantTable


def counterfactual(
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
    options = GenotypeSettings(mode=mode, min_probability=min_probability).options(of_model)
    table, wanted, people = opened_edits(fasta, vcf, edits, genotype, asked_samples(sample, samples_file), options)
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
    say_who_is_changed(found.table["sample"].nunique(), len(people), found.left_out)
    out.deliver(written)
    check_finite(found.table["gene_name"], found.table["status"])


def opened_edits(
    fasta: Path,
    vcf: list[str],
    edits: Path,
    genotype: str,
    samples: Sequence[str] | None,
    options: "GenotypeOptions",
) -> "tuple[VariantTable, list[GenotypeEdit], Sequence[PersonalGenome]]":
    """A table of edits, the edits, and the people whose genomes they may change; everybody where nobody is named.

    Raises:
        InputError: anything wrong with the files.
    """
    from ..genome.reference import ReferenceGenome
    from ..genome.sample_names import ALL_SAMPLES
    from ..genome.variant import VariantNormalizer
    from ..genome.variant_files import genotype_source
    from ..genome.variant_table import read_variants
    from ..inference.people import open_people

    reference = ReferenceGenome(fasta)
    table = read_variants(edits, VariantNormalizer(reference))
    wanted = table.edits(genotype)
    everybody = open_people(reference, genotype_source(vcf), samples or ALL_SAMPLES, options)
    return table, wanted, everybody.opened((0, len(everybody)))


def say_who_is_changed(n_changed: int, n_people: int, left_out: Mapping[str, str]) -> None:
    """Say how many people are changed by edits, and why the first of the others are not."""
    typer.echo(f"{n_changed} of {n_people} people are changed by the edits", err=True)
    for name, reason in list(left_out.items())[:5]:
        typer.echo(f"  {name}: {reason}", err=True)

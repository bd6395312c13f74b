"""Options that several commands share, and what they stand for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .predict import ALLOW_UNUSED, FORCE_COMPANIONS, GENOTYPES, INPUTS, MACHINE, OUTPUT

if TYPE_CHECKING:
    from ..analysis.effects import VariantScorer
    from ..genome.personal import PersonalGenome

ModelArgument = Annotated[str, typer.Argument(help="Model folder (from `variantformer convert`), or a Hub id.")]
FastaOption = Annotated[
    Path, typer.Option("--fasta", help="Reference genome, plain or bgzipped.", rich_help_panel=INPUTS)
]
VcfOption = Annotated[
    Path | None,
    typer.Option("--vcf", help="Indexed VCF or BCF of the person; else the reference genome.", rich_help_panel=INPUTS),
]
SampleOption = Annotated[str | None, typer.Option("--sample", help="Sample of the VCF.", rich_help_panel=INPUTS)]
BackgroundOption = Annotated[
    str | None,
    typer.Option(
        "--background",
        help="person, person-snps or reference. Default: person if there is a VCF.",
        rich_help_panel=INPUTS,
    ),
]
TissueOption = Annotated[
    list[str] | None,
    typer.Option(
        "--tissue", help="Released name, GTEx name or ontology id; repeat. Default: all.", rich_help_panel=INPUTS
    ),
]
ModeOption = Annotated[
    Literal["iupac", "alt", "ref", "haplotype1", "haplotype2"],
    typer.Option(
        "--mode", help="How genotypes become sequence; models were trained on iupac.", rich_help_panel=GENOTYPES
    ),
]
# What `edit` and `counterfactual` set a variant to whose row does not say.
GENOTYPE = "hom"
GenotypeOption = Annotated[
    str,
    typer.Option(
        "--genotype",
        help="Of edits whose row does not say: hom, het, haplotype1, haplotype2, absent (as the reference), or 0|1 ...",
        rich_help_panel=INPUTS,
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace output files that exist.", rich_help_panel=OUTPUT)
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="auto = cuda, else mps, else cpu; or a torch device.", rich_help_panel=MACHINE)
]

ForceCompanionsOption = Annotated[
    bool, typer.Option("--force-companions", help=FORCE_COMPANIONS, rich_help_panel=MACHINE)
]
AllowUnusedOption = Annotated[bool, typer.Option("--allow-unused", help=ALLOW_UNUSED, rich_help_panel=INPUTS)]


def open_one(
    model: str,
    fasta: Path,
    vcf: Path | None,
    sample: str | None,
    background: str | None,
    mode: str,
    device: str,
    *,
    force_companions: bool,
) -> "tuple[VariantScorer, PersonalGenome]":
    """A scorer in float32 and the one genome to look in.

    Raises:
        InputError: several backgrounds; anything wrong with the files.
    """
    import pysam
    from transformers.utils.logging import disable_progress_bar

    from ..analysis.backgrounds import open_backgrounds
    from ..analysis.effects import VariantScorer
    from ..errors import InputError
    from ..genome.options import GenotypeOptions
    from ..genome.reference import ReferenceGenome

    disable_progress_bar()
    pysam.set_verbosity(0)
    options = GenotypeOptions(mode=mode)
    backgrounds = open_backgrounds(ReferenceGenome(fasta), background, vcf=vcf, sample=sample, options=options)
    if len(backgrounds) > 1:
        raise InputError("this command takes one genome", remedy="Name person, person-snps or reference.")
    return VariantScorer.from_pretrained(model, device=device, force_companions=force_companions), backgrounds[0].genome

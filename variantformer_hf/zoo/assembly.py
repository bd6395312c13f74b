"""Which genome a model was made for."""

import logging
from collections.abc import Sequence

from ..errors import AssemblyError
from ..genome.contigs import bare_name, identify_assembly, is_autosome
from ..genome.reference import ReferenceGenome

logger = logging.getLogger(__name__)

_HUMAN = {*map(str, range(1, 23)), "X", "Y", "M", "MT"}


def check_assembly(reference: ReferenceGenome, wanted: str | None) -> None:
    """Refuse a FASTA of another assembly than the model's; one of an unknown assembly passes with a note.

    Args:
        reference: the FASTA.
        wanted: assembly that the model was made for; None = any.

    Raises:
        AssemblyError: the contig lengths are those of another one.
    """
    assembly = identify_assembly(reference.contigs)
    if assembly is None:
        logger.info("%s: its contig lengths are of no known human assembly; taken as it is", reference.path)
    elif wanted is not None and assembly != wanted:
        raise AssemblyError(
            f"is {assembly}, and the model is for {wanted}",
            file=reference.path,
            remedy=f"Give a {wanted} FASTA, and variants called on it or lifted over to it.",
        )


def why_not_made_for(chrom: str, chromosomes: Sequence[str] | None) -> str | None:
    """Why a model does not predict a gene on a contig of its table; None = it does.

    Args:
        chrom: the contig.
        chromosomes: that the model was made for, without ``chr``; None = any.
    """
    name = bare_name(chrom).upper() if len(bare_name(chrom)) <= 2 else bare_name(chrom)
    if chromosomes is None or name not in _HUMAN:
        return None
    made_for = {bare_name(each) for each in chromosomes}
    if name in made_for or ("M" in made_for and name == "MT"):
        return None
    return f"the model was trained on {chromosomes_text(chromosomes)} only, and this is on {chrom}"


def chromosomes_text(chromosomes: Sequence[str]) -> str:
    """Chromosomes that a model was made for, for people."""
    autosomes = len({bare_name(each) for each in chromosomes}) == 22 and all(map(is_autosome, chromosomes))
    return "autosomes" if autosomes else f"the chromosomes {', '.join(chromosomes)}"

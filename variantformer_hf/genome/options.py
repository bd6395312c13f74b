"""How a person's records become sequence: the one place of genotype options."""

from dataclasses import asdict, dataclass
from typing import Any

from ..errors import InputError, check_number

HAPLOTYPE_MODES, HAPLOTYPES, DIPLOID = ("haplotype1", "haplotype2"), "haplotypes", "diploid"
# Modes that read both haplotypes.
BOTH = (HAPLOTYPES, DIPLOID)
# Modes in which a genome is one sequence, by their numbers in compiled code; and all.
SEQUENCE_MODES = ("iupac", "alt", "ref", *HAPLOTYPE_MODES)
MODES = (*SEQUENCE_MODES, *BOTH)
SYMBOLIC = ("exclude_record", "apply", "ignore_allele")
ON_REF_MISMATCH = ("error", "skip-record")


@dataclass(frozen=True, slots=True)
class GenotypeOptions:
    """How a person's records become sequence; the defaults are the released pipeline's.

    Attributes:
        mode: ``iupac`` (heterozygous SNPs as ambiguity letters; ``bcftools consensus -H I``), ``alt`` (``-H A``),
            ``ref`` (``-H R``), ``haplotype1`` and ``haplotype2`` (``-H 1``, ``-H 2``), ``haplotypes`` (both of these,
            each by itself: two sequences, see ``PersonalGenome.readings``), ``diploid`` (both as one input, the mean of
            their one-hot DNA, see ``zoo.diploid_dna``: SNPs only, and phase does not matter).
        symbolic: ``exclude_record`` leaves out records with any symbolic allele (``-e 'ALT~"<.*>"'``, the released
            pipeline's choice); ``apply`` applies ``<DEL>`` and refuses others; ``ignore_allele`` drops only the
            ``<NON_REF>`` or ``<*>`` of a gVCF's records, and leaves out records with another symbolic allele.
        snps_only: use only records whose every ALT is a SNP; the mode ``diploid`` does so whatever is asked for.
        pass_only: use only records whose FILTER is PASS or missing.
        min_gq, min_dp: use only records with at least this GQ or DP; a record without the value is left out. None = no
            such filter.
        min_probability: of a BGEN, whose genotypes are probabilities: the call is the genotype with at least this one,
            and missing without. Above 0.5.
        on_ref_mismatch: ``error``, or ``skip-record`` to leave out records whose REF is not what the FASTA holds.

    Raises:
        InputError: a choice that does not exist; a lowest quality or depth that is negative or no number.
    """

    mode: str = "iupac"
    symbolic: str = "exclude_record"
    snps_only: bool = False
    pass_only: bool = False
    min_gq: float | None = None
    min_dp: float | None = None
    on_ref_mismatch: str = "error"
    min_probability: float = 0.9

    def __post_init__(self) -> None:
        if self.mode == DIPLOID:
            object.__setattr__(self, "snps_only", True)
        for name, value, allowed in (
            ("mode", self.mode, MODES),
            ("symbolic", self.symbolic, SYMBOLIC),
            ("on_ref_mismatch", self.on_ref_mismatch, ON_REF_MISMATCH),
        ):
            if value not in allowed:
                raise InputError(f"there is no {name} {value!r}", remedy=f"Choose one of {', '.join(allowed)}.")
        for name, lowest in (("min_gq (--min-gq)", self.min_gq), ("min_dp (--min-dp)", self.min_dp)):
            if lowest is not None:
                check_number(name, lowest, 0)
        check_probability(self.min_probability)

    @property
    def needs_quality(self) -> bool:
        """Whether records are asked for GQ or DP."""
        return self.min_gq is not None or self.min_dp is not None

    def as_dict(self) -> dict[str, Any]:
        """Option -> value."""
        return asdict(self)


def check_probability(lowest: float) -> None:
    """Check the lowest probability at which a genotype is called.

    Raises:
        InputError: it is not above 0.5 and at most 1: no two genotypes may reach it.
    """
    name = "min_probability (--min-probability)"
    check_number(name, lowest, 0, 1)
    if lowest <= 0.5:
        raise InputError(
            f"{name} is {lowest}, which two genotypes may reach", remedy="Give one above 0.5, such as 0.9."
        )

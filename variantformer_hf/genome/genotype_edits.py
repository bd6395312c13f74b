"""Edits of a person's genotypes, each of one variant, and the records that are about that variant."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from ..errors import InputError
from .consensus import is_symbolic
from .minimal import trimmed_alleles
from .record_columns import Record
from .variant import Variant, VariantNormalizer
from .variants import genotype_of

GENOTYPES = {"het": "0/1", "hom": "1/1", "haplotype1": "1|0", "haplotype2": "0|1", "absent": "0/0"}


@dataclass(frozen=True, slots=True)
class GenotypeEdit:
    """One variant's genotype, as it is to be.

    Attributes:
        variant: the variant.
        genotype: ``het``, ``hom``, ``haplotype1`` or ``haplotype2`` (on that one only), ``absent`` (both haplotypes
            as the reference), or an observed genotype of REF and ALT such as ``0|1`` or ``./1``.
    """

    variant: Variant
    genotype: str

    @property
    def text(self) -> str:
        """The genotype as in a VCF.

        Raises:
            InputError: it is none, or names another allele than REF and ALT.
        """
        text = GENOTYPES.get(self.genotype, self.genotype)
        try:
            alleles = genotype_of(text)
        except ValueError:
            alleles = (2,)
        if not alleles or any(allele not in (0, 1, None) for allele in alleles):
            raise InputError(
                f"there is no genotype {self.genotype!r} of one variant",
                record=str(self.variant),
                remedy=f"Choose one of {', '.join(GENOTYPES)}, or write it as 0/1.",
            )
        return text

    @property
    def is_carried(self) -> bool:
        """Whether any haplotype gets the ALT."""
        return 1 in genotype_of(self.text)

    def record(self) -> Record:
        """The record that says it."""
        variant, text = self.variant, self.text
        return Record(
            variant.start,
            (variant.ref, variant.alt),
            len(variant.ref),
            genotype_of(text),
            "/" not in text,
            "PASS",
            None,
            None,
            is_edit=True,
        )


@dataclass(frozen=True, slots=True)
class PlacedEdit:
    """A normalised edit, and where other spellings of its variant may stand.

    Attributes:
        edit: the edit.
        low, high: 0-based half-open stretch that a record with its variant overlaps.
    """

    edit: GenotypeEdit
    low: int
    high: int

    @classmethod
    def of(cls, edit: GenotypeEdit, normalizer: VariantNormalizer) -> "PlacedEdit":
        """A normalised edit, placed."""
        return cls(edit, edit.variant.start, normalizer.spellings_end(edit.variant))


def same_alleles(record: Record, variant: Variant, chrom: str, normalizer: VariantNormalizer) -> tuple[int, ...]:
    """Which ALTs of a record are a normalised variant, however it is spelt: none, one, or several that are alike."""
    ref = record.alleles[0].upper()
    found = []
    for number, alt in enumerate(record.alleles[1:], start=1):
        if len(alt) - len(ref) != len(variant.alt) - len(variant.ref) or is_symbolic(alt):
            continue
        offset, *alleles = trimmed_alleles(ref, alt.upper())
        written = Variant(chrom, record.position + offset + 1, *alleles)
        if written == variant:
            found.append(number)
        elif variant.is_indel or written.changed == variant.changed:
            try:
                if normalizer(written) == variant:
                    found.append(number)
            except InputError:  # another record's own fault: it is met, and named, where it is read
                continue
    return tuple(found)


def without_alleles(record: Record, alleles: Collection[int]) -> Record:
    """The record with some ALTs' calls turned into REF; in a file without samples the first ALT is what is called."""
    called = (1,) if record.genotype is None else record.genotype
    return replace(record, genotype=tuple(0 if each in alleles else each for each in called))

"""A row's variant in its one spelling, whichever of its alleles is told as REF."""

from .variant import Variant, VariantError, VariantNormalizer
from .variant_names import Replacement
from .variant_rows import AskedVariant


def spelled(row: AskedVariant, normalizer: VariantNormalizer) -> tuple[Variant, float]:
    """A row's variant as the FASTA has it, and 1, or -1 where what the row says of its ALT is of the FASTA's REF.

    Where the FASTA holds ALT and not REF, the two are swapped; a number of REF, the effect allele, is turned as well.

    Raises:
        VariantError: it cannot be used: no variant, other mismatches.
    """
    if row.name is None:
        raise VariantError(row.problem, kind=row.kind)
    given = row.name.variant(normalizer) if isinstance(row.name, Replacement) else row.name
    sign = -1.0 if row.effect_allele and row.effect_allele.upper() == given.ref.upper() else 1.0
    try:
        return normalizer(given), sign
    except VariantError as error:
        other = Variant(given.chrom, given.pos, given.alt, given.ref)
        if error.kind != "ref_mismatch" or not normalizer.holds(normalizer.contig(other.chrom), other.start, other.ref):
            raise
        return normalizer(other), -sign

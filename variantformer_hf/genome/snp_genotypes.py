"""What a person's genotypes of plain SNPs ask for, by array: nearly all records are such."""

import numpy as np

from .consensus import OUTCOME_CODE, Outcome
from .options import GenotypeOptions
from .record_columns import MISSING, RecordColumns

# Beside the codes of outcomes: a record that asks for an edit; one to look at alone.
EDIT, UNDECIDED = -1, 100
UPPER = np.arange(256, dtype=np.uint8)
UPPER[ord("a") : ord("z") + 1] -= 32
# Which bases an ambiguity letter of either case stands for, a bit each (0 for any other character), and back.
LETTER_OF = np.frombuffer(b".ACMGRSVTWYHKDBN", dtype=np.uint8)
BITS_OF = np.zeros(256, dtype=np.uint8)
BITS_OF[LETTER_OF[1:]] = np.arange(1, 16)
BITS_OF[LETTER_OF[1:] + 32] = np.arange(1, 16)


def decided_snps(part: RecordColumns, options: GenotypeOptions) -> tuple[np.ndarray, np.ndarray]:
    """What becomes of plain records, all at once; the rest stay undecided.

    Returns:
        (n,) int8, index into ``OUTCOMES`` for a record that asks for no edit, else ``EDIT`` or ``UNDECIDED``; (n,)
        uint8, the letter that an SNP writes in upper case, 0 for other records.
    """
    n = len(part)
    outcome = np.full(n, UNDECIDED, dtype=np.int8)
    letter = np.zeros(n, dtype=np.uint8)
    if not options.snps_only:
        outcome[part.is_hom_ref] = OUTCOME_CODE[Outcome.HOM_REF]
    first, second, is_snp = part.first, part.second, part.is_snp
    ref, alt = UPPER[part.ref], UPPER[part.alt]
    none, hom_ref, edit = OUTCOME_CODE[Outcome.MISSING_GENOTYPE], OUTCOME_CODE[Outcome.HOM_REF], EDIT
    if options.mode == "iupac":
        has_ref, has_alt = (first == 0) | (second == 0), (first == 1) | (second == 1)
        merged = LETTER_OF[BITS_OF[part.ref] | BITS_OF[part.alt]]
        wanted = np.where(has_ref, merged, alt)
        of_genotype = np.where(has_alt, edit, np.where(has_ref, hom_ref, none))
    elif options.mode in ("alt", "ref"):
        takes_alt = (first == 1) & (second == 1) if options.mode == "ref" else (first == 1) | (second == 1)
        is_missing = (first == MISSING) | (second == MISSING)
        wanted = alt
        of_genotype = np.where(is_missing, none, np.where(takes_alt, edit, hom_ref))
    else:
        allele = first if options.mode == "haplotype1" else second
        wanted = alt
        of_genotype = np.where(allele == MISSING, none, np.where(allele == 1, edit, hom_ref))
    outcome[is_snp] = of_genotype[is_snp]
    letter[is_snp] = wanted[is_snp]
    letter[(outcome != EDIT) | (ref == 0)] = 0
    if options.pass_only:
        decided = (outcome != UNDECIDED) & ~part.passes
        outcome[decided], letter[decided] = OUTCOME_CODE[Outcome.FILTER], 0
    return outcome, letter

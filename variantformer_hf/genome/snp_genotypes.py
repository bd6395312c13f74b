"""What a person's genotypes of plain SNPs ask for, by array: nearly all records are such."""

from functools import cache

import numpy as np

from .consensus import OUTCOME_CODE, Outcome
from .options import GenotypeOptions
from .record_columns import MISSING, RecordColumns

# Beside the codes of outcomes: a record that asks for an edit; one to look at alone.
EDIT, UNDECIDED = -1, 100
_MISSING, _HOM_REF = OUTCOME_CODE[Outcome.MISSING_GENOTYPE], OUTCOME_CODE[Outcome.HOM_REF]
UPPER = np.arange(256, dtype=np.uint8)
UPPER[ord("a") : ord("z") + 1] -= 32
# Which bases an ambiguity letter of either case stands for, a bit each (0 for any other character), and back.
LETTER_OF = np.frombuffer(b".ACMGRSVTWYHKDBN", dtype=np.uint8)
BITS_OF = np.zeros(256, dtype=np.uint8)
BITS_OF[LETTER_OF[1:]] = np.arange(1, 16)
BITS_OF[LETTER_OF[1:] + 32] = np.arange(1, 16)


# The genotypes of SNPs, first and second allele; behind them stands what is no SNP.
_GENOTYPES = np.array([(one, two) for one in (MISSING, 0, 1) for two in (MISSING, 0, 1)], dtype=np.int8)
_NO_SNP = len(_GENOTYPES)


def decided_snps(part: RecordColumns, options: GenotypeOptions) -> tuple[np.ndarray, np.ndarray]:
    """What becomes of plain records, all at once; the rest stay undecided.

    Returns:
        (n,) int8, index into ``OUTCOMES`` for a record that asks for no edit, else ``EDIT`` or ``UNDECIDED``; (n,)
        uint8, the letter that an SNP writes in upper case, 0 for other records.
    """
    outcome_of, has_ref = _by_genotype(options.mode)
    genotype = np.where(part.is_snp, 3 * part.first + part.second - 4 * np.int8(MISSING), np.int8(_NO_SNP))
    outcome = outcome_of[genotype]
    if not options.snps_only:
        outcome[part.is_hom_ref] = _HOM_REF
    written = UPPER[part.alt]
    if options.mode == "iupac":
        written = np.where(has_ref[genotype], LETTER_OF[BITS_OF[part.ref] | BITS_OF[part.alt]], written)
    letter = np.where(outcome == EDIT, written, np.uint8(0))
    if options.pass_only:
        decided = (outcome != UNDECIDED) & ~part.passes
        outcome[decided], letter[decided] = OUTCOME_CODE[Outcome.FILTER], 0
    return outcome, letter


@cache
def _by_genotype(mode: str) -> tuple[np.ndarray, np.ndarray]:
    """What becomes of an SNP by its genotype, and whether REF is in it; the last entry is of what is no SNP."""
    first, second = _GENOTYPES.T
    has_ref, has_alt = (first == 0) | (second == 0), (first == 1) | (second == 1)
    is_missing = (first == MISSING) | (second == MISSING)
    if mode == "iupac":
        outcome = np.where(has_alt, EDIT, np.where(has_ref, _HOM_REF, _MISSING))
    elif mode in ("alt", "ref"):
        takes_alt = has_alt & ~has_ref if mode == "ref" else has_alt
        outcome = np.where(is_missing, _MISSING, np.where(takes_alt, EDIT, _HOM_REF))
    else:
        allele = first if mode == "haplotype1" else second
        outcome = np.where(allele == MISSING, _MISSING, np.where(allele == 1, EDIT, _HOM_REF))
    return np.append(outcome, UNDECIDED).astype(np.int8), np.append(has_ref, False)

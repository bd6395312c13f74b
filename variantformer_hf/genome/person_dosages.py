"""How many copies of given SNVs one person carries: what a model that was fitted to dosages reads of a person."""

import numpy as np

from .consensus import Outcome
from .dosages import MISSING
from .personal import PersonalGenome
from .record_columns import RecordColumns
from .snp_genotypes import UPPER

# There is no record of the variant.
ABSENT = -2
# Options by which a record is not read, so that nothing is known of the person there.
_NOT_READ = (Outcome.FILTER, Outcome.LOW_GQ, Outcome.LOW_DP, Outcome.SYMBOLIC, Outcome.NOT_SNP)


def person_dosages(
    person: PersonalGenome, chrom: str, position: np.ndarray, ref: np.ndarray, alt: np.ndarray
) -> np.ndarray:
    """Copies of ALT that a person carries of SNVs, by the person's records, whatever the mode.

    Args:
        person: the person; of an edited genome what is edited counts.
        chrom: the contig, by the FASTA.
        position: (n,) int64, 0-based, ascending.
        ref, alt: (n,) uint8, upper-case letters.

    Returns:
        (n,) int8: 0, 1 or 2; ``MISSING`` where an allele is missing, or an option leaves the record out; ``ABSENT``
        where there is no record of the variant. Of the reference genome itself all are 0.

    Raises:
        InputError: a record cannot be read.
    """
    if person.records is None or not len(position):
        return np.zeros(len(position), dtype=np.int8)
    key = _keys(position, ref, alt)
    if (np.diff(key) <= 0).any():
        raise ValueError("the variants are not in order, or one stands there twice")
    found = np.full(len(position), ABSENT, dtype=np.int8)
    for part in person.records.columns(chrom, int(position[0]), int(position[-1]) + 1):
        _add_plain(found, key, part, pass_only=person.options.pass_only)
        _add_others(found, key, part, person, chrom)
    return found


def _keys(position: np.ndarray, ref: np.ndarray, alt: np.ndarray) -> np.ndarray:
    """(n,) int64, a number for each SNV, ascending with its position, REF and ALT."""
    return position.astype(np.int64) << 16 | ref.astype(np.int64) << 8 | alt.astype(np.int64)


def _add_plain(found: np.ndarray, key: np.ndarray, part: RecordColumns, *, pass_only: bool) -> None:
    """Dosages of records that are SNPs with a plain genotype, from their arrays."""
    rows = np.flatnonzero(part.is_snp)
    own = _keys(part.position[rows], UPPER[part.ref[rows]], UPPER[part.alt[rows]])
    place = np.minimum(np.searchsorted(key, own), len(key) - 1)
    rows, place = rows[key[place] == own], place[key[place] == own]
    first, second = part.first[rows], part.second[rows]
    unknown = (first < 0) | (second < 0)
    if pass_only:
        unknown |= ~part.passes[rows]
    found[place] = np.where(unknown, MISSING, first + second)


def _add_others(found: np.ndarray, key: np.ndarray, part: RecordColumns, person: PersonalGenome, chrom: str) -> None:
    """Dosages of records of several ALTs, of haploid calls, and of edits, record by record."""
    rules = person.readings()[0].rules
    for row in np.flatnonzero(~part.is_snp & np.isin(part.position, key >> 16)).tolist():
        record = part.record(row)
        alleles = [each.upper() for each in record.alleles]
        genotype = (1, 1) if record.genotype is None else record.genotype
        for number, allele in enumerate(alleles[1:], 1):
            if len(alleles[0]) == len(allele) == 1:
                place = key == record.position << 16 | ord(alleles[0]) << 8 | ord(allele)
                if place.any():
                    is_unknown = not genotype or None in genotype or rules.chosen(record, chrom) in _NOT_READ
                    found[place] = MISSING if is_unknown else genotype.count(number)

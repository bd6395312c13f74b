"""How many copies of given variants one person carries: what a model that was fitted to dosages reads of a person."""

from collections import Counter
from dataclasses import replace
from functools import cached_property

import numpy as np

from .consensus import Outcome
from .dosages import MISSING
from .options import HAPLOTYPE_MODES
from .personal import PersonalGenome
from .record_columns import Record, RecordColumns
from .record_rules import RecordRules
from .reference import ReferenceGenome
from .snp_genotypes import UPPER
from .variant import Variant, VariantError, VariantNormalizer

# There is no record of the variant.
ABSENT = -2
# Options by which a record is not read, so that nothing is known of the person there.
_NOT_READ = (Outcome.FILTER, Outcome.LOW_GQ, Outcome.LOW_DP, Outcome.SYMBOLIC, Outcome.NOT_SNP)
_BASES = frozenset("ACGT")


class PlacedVariants:
    """Variants of one contig, and where records of them may stand.

    Args:
        reference: the FASTA.
        chrom: the contig, by the FASTA.
        position: (n,) int64, 0-based, ascending.
        ref, alt: (n,) of texts, upper case. SNVs, and other variants in their one spelling, see ``VariantNormalizer``.

    Raises:
        ValueError: they are not in order, or one stands there twice.

    Attributes:
        chrom: as given.
        has_others: whether any is no SNV.
        column_of: (position, REF, ALT) -> number.
    """

    def __init__(
        self, reference: ReferenceGenome, chrom: str, position: np.ndarray, ref: np.ndarray, alt: np.ndarray
    ) -> None:
        names = list(zip(position.tolist(), ref, alt, strict=True))
        self.chrom, self._reference, self._position = chrom, reference, position
        self.column_of = {name: column for column, name in enumerate(names)}
        if (np.diff(position) < 0).any() or len(self.column_of) < len(names):
            raise ValueError("the variants are not in order, or one stands there twice")
        is_snv = np.array([len(one) == len(other) == 1 for _, one, other in names], dtype=bool)
        self.has_others = not is_snv.all()
        self._others = [names[column] for column in np.flatnonzero(~is_snv).tolist()]
        columns = np.flatnonzero(is_snv)
        letters = (np.array([ord(each) for each in texts[columns]], dtype=np.uint8) for texts in (ref, alt))
        keys = snv_keys(position[columns], *letters)
        order = np.argsort(keys, kind="stable")
        self._keys, self._columns = keys[order], columns[order]

    def __len__(self) -> int:
        return len(self._position)

    @cached_property
    def stretch(self) -> tuple[int, int]:
        """Start and end, 0-based half-open, of where any spelling of any of them may stand."""
        if not len(self):
            return 0, 0
        placed = (Variant(self.chrom, position + 1, ref, alt) for position, ref, alt in self._others)
        ends = [self._normalizer.spellings_end(each) for each in placed]
        return int(self._position[0]), max([int(self._position[-1]) + 1, *ends])

    def snv_columns(self, keys: np.ndarray) -> np.ndarray:
        """Numbers of SNVs by their keys, see :func:`snv_keys`; -1 = it is none of them."""
        if not len(self._keys):
            return np.full(len(keys), -1)
        place = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[place] == keys, self._columns[place], -1)

    def column(self, position: int, ref: str, alt: str) -> int | None:
        """Number of the variant that a record's REF and ALT are, however they are spelt; None = of none.

        Where all variants are SNVs, records of one base alone are looked at.
        """
        found = self.column_of.get((position, ref, alt))
        if found is not None or not self.has_others or len(ref) == len(alt) == 1 or not set(alt) <= _BASES:
            return found
        try:
            normal = self._normalizer(Variant(self.chrom, position + 1, ref, alt))
        except VariantError:  # the record's own fault: no variant of a model is spelt like that
            return None
        return self.column_of.get((normal.start, normal.ref, normal.alt))

    def may_hold(self, part: RecordColumns) -> np.ndarray:
        """(rows,) of records that are no plain SNPs, those that any of the variants may be in."""
        is_other = ~part.is_snp
        return np.flatnonzero(is_other if self.has_others else is_other & np.isin(part.position, self._position))

    @cached_property
    def _normalizer(self) -> VariantNormalizer:
        return VariantNormalizer(self._reference)


def person_dosages(person: PersonalGenome, variants: PlacedVariants) -> np.ndarray:
    """Copies of ALT that a person carries of variants, by the person's records, whatever the mode.

    Args:
        person: the person; of an edited genome what is edited counts.
        variants: of the person's FASTA. Where any is no SNV, insertions and deletions are read whatever the options say
            of them, and a record counts as the variant that its alleles are once they are trimmed and left-aligned.

    Returns:
        (n,) int8: 0, 1 or 2; ``MISSING`` where an allele is missing, or an option leaves the record out; ``ABSENT``
        where there is no record of the variant. Of the reference genome itself all are 0.

    Raises:
        InputError: a record cannot be read.
    """
    if person.records is None or not len(variants):
        return np.zeros(len(variants), dtype=np.int8)
    found = np.full(len(variants), ABSENT, dtype=np.int8)
    rules = person.readings()[0].rules
    if variants.has_others:
        rules = rules.by(replace(rules.options, mode=HAPLOTYPE_MODES[0], snps_only=False))
    for part in person.records.columns(variants.chrom, *variants.stretch):
        _add_plain(found, variants, part, pass_only=person.options.pass_only)
        for row in variants.may_hold(part).tolist():
            _add_other(found, variants, part.record(row), rules)
    return found


def snv_keys(position: np.ndarray, ref: np.ndarray, alt: np.ndarray) -> np.ndarray:
    """(n,) int64, a number for each SNV, ascending with its position, REF and ALT ((n,) uint8 letters)."""
    return position.astype(np.int64) << 16 | ref.astype(np.int64) << 8 | alt.astype(np.int64)


def _add_plain(found: np.ndarray, variants: PlacedVariants, part: RecordColumns, *, pass_only: bool) -> None:
    """Dosages of records that are SNPs with a plain genotype, from their arrays."""
    rows = np.flatnonzero(part.is_snp)
    column = variants.snv_columns(snv_keys(part.position[rows], UPPER[part.ref[rows]], UPPER[part.alt[rows]]))
    rows, column = rows[column >= 0], column[column >= 0]
    first, second = part.first[rows], part.second[rows]
    unknown = (first < 0) | (second < 0)
    if pass_only:
        unknown |= ~part.passes[rows]
    found[column] = np.where(unknown, MISSING, first + second)


def _add_other(found: np.ndarray, variants: PlacedVariants, record: Record, rules: RecordRules) -> None:
    """Dosages of a record of several ALTs, of a haploid call, of an insertion or deletion, or of an edit."""
    ref, *alts = (each.upper() for each in record.alleles)
    genotype = (1, 1) if record.genotype is None else record.genotype
    copies = Counter[int]()
    for number, alt in enumerate(alts, 1):
        column = variants.column(record.position, ref, alt)
        if column is not None:
            copies[column] += genotype.count(number)
    if copies:
        is_unknown = not genotype or None in genotype or rules.chosen(record, variants.chrom) in _NOT_READ
        for column, count in copies.items():
            found[column] = MISSING if is_unknown else count

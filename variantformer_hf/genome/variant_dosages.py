"""How many copies of given variants people carry, read of no other record: whatever a cohort's file calls them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .appending import people_in
from .cohort_calls import CohortCalls, open_calls
from .cohort_files import GivenGenotypes
from .cohort_rows import Reading
from .records_at import MISSING, RecordsAt
from .reference import ReferenceGenome
from .variant import Variant, VariantError, VariantNormalizer

# Genotypes of people of several sources that are held at once, of a byte each.
_CELLS_AT_ONCE = 256 << 20
# What becomes of the variants that are asked for, and of records at their places.
FOUND, ABSENT, TURNED, TWICE, OTHER_ALLELES = "found", "absent", "turned", "twice", "other_alleles"


class FoundDosages(NamedTuple):
    """Some of the variants that were asked for; ``values`` is overwritten when the next ones are read.

    Attributes:
        variant: (k,) int64, which.
        values: (k, people) int8, copies of ALT; -1 = missing.
    """

    variant: np.ndarray
    values: np.ndarray


@dataclass
class VariantDosages:
    """A cohort's file, open for the dosages of given variants; ``with`` closes it.

    A record's alleles are brought to their one spelling, as ``VariantNormalizer`` has it, and so found whatever the
    file writes. One whose REF is not what the FASTA holds, and whose ALT is, is read the other way round.

    Args:
        vcf: the cohort, in any form that ``PersonalGenome`` reads; of a VCF or BCF its store, where there is one.
        samples: names, in the order of the people; ``"all"`` = everybody, in the file's order.
        reference: the FASTA.
        reading: how genotypes are read that are no plain calls; None = by the reference and the defaults.

    Attributes:
        is_alone: the file is of one person, and lists what differs from the reference: what it does not have is 0.
        counts: variants asked for that were ``found`` and of these ``turned``, or that the file has not (``absent``);
            further records of one (``twice``, which are not read); records at a variant's place of ``other_alleles``.

    Raises:
        SampleError: somebody is not there, or nobody is.
        InputError: the file cannot be read.
    """

    vcf: GivenGenotypes
    samples: Sequence[str]
    reference: ReferenceGenome
    reading: Reading | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._normalizer = VariantNormalizer(self.reference)
        reading = self.reading or Reading(self.reference)
        self._sources = open_calls(self.vcf, self.samples, reference=self.reference, reading=reading, rows_first=True)
        found = [name for source in self._sources for name in source.samples]
        asked = found if isinstance(self.samples, str) else list(dict.fromkeys(self.samples))
        self.is_alone = len(asked) == 1 and len(people_in(self.vcf)) == 1
        place = {name: number for number, name in enumerate(asked)} if len(self._sources) > 1 else {}
        self._place = [[place[name] for name in source.samples] for source in self._sources if place]
        self.samples = tuple(asked)

    def read(self, chrom: str, variants: Sequence[Variant]) -> Iterator[FoundDosages]:
        """Dosages of variants of one contig, each once, in no order; nothing of those that the file does not have.

        Args:
            chrom: the contig, by the FASTA.
            variants: in their one spelling, each once.

        Raises:
            InputError: a record is malformed, or the file damaged.
        """
        order = sorted(range(len(variants)), key=lambda number: variants[number])
        there = np.zeros(len(variants), dtype=bool)
        if len(self._sources) == 1:
            wanted = _Wanted(self._normalizer, chrom, [(number, variants[number]) for number in order])
            yield from _of_source(self._sources[0], wanted, there, self.counts)
        else:
            at_once = max(1, _CELLS_AT_ONCE // max(1, len(self.samples)))
            for first in range(0, len(order), at_once):
                some = [(number, variants[number]) for number in order[first : first + at_once]]
                yield self._gathered(_Wanted(self._normalizer, chrom, some), there)
        self.counts[FOUND] += int(there.sum())
        self.counts[ABSENT] += int((~there).sum())

    def close(self) -> None:
        """Close what is open."""
        for source in self._sources:
            source.close()

    def __enter__(self) -> "VariantDosages":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _gathered(self, wanted: "_Wanted", there: np.ndarray) -> FoundDosages:
        """Of people of several sources; a variant that a source lacks is missing there."""
        values = np.full((len(wanted.numbers), len(self.samples)), MISSING, dtype=np.int8)
        row_of = {number: row for row, number in enumerate(wanted.numbers)}
        for source, place in zip(self._sources, self._place, strict=True):
            own = np.zeros(len(there), dtype=bool)
            for each in _of_source(source, wanted, own, self.counts):
                rows = np.array([row_of[number] for number in each.variant.tolist()], dtype=np.int64)
                values[rows[:, None], place] = each.values
            there |= own
        numbers = np.array(wanted.numbers, dtype=np.int64)
        found = there[numbers]
        return FoundDosages(numbers[found], values[found])


def _of_source(
    source: CohortCalls, wanted: "_Wanted", there: np.ndarray, counts: Counter[str]
) -> Iterator[FoundDosages]:
    """A source's dosages, some at a time; ``there`` says of all variants which were found, and is added to."""
    for records in source.records_at(wanted.chrom, wanted.position):
        matched = wanted.matched(records, there, counts)
        yield from matched.values(records)
        there[matched.variant] = True


class _Matched(NamedTuple):
    """Records' alleles that are variants asked for: which record and allele, which variant, whether turned."""

    record: np.ndarray
    allele: np.ndarray
    variant: np.ndarray
    turned: np.ndarray

    def values(self, records: RecordsAt) -> Iterator[FoundDosages]:
        """Their dosages, some at a time."""
        for first in range(0, len(self.record), records.at_once):
            some = slice(first, first + records.at_once)
            values = records.copies(self.record[some], self.allele[some])
            turned = np.flatnonzero(self.turned[some])
            values[turned] = np.where(values[turned] == MISSING, MISSING, 2 - values[turned])
            yield FoundDosages(self.variant[some], values)


class _Wanted:
    """Variants that are asked for: where their records may begin, and which is which.

    Args:
        normalizer: of the FASTA.
        chrom: their contig.
        variants: (number, variant) each.
    """

    def __init__(self, normalizer: VariantNormalizer, chrom: str, variants: Sequence[tuple[int, Variant]]) -> None:
        self._normalizer, self.chrom = normalizer, chrom
        self.numbers = [number for number, _ in variants]
        self._number = {(each.start, each.ref, each.alt): number for number, each in variants}
        places: set[int] = set()
        for _, each in variants:
            # An insertion or deletion may be written anywhere in its repeat.
            places.update(range(each.start, normalizer.spellings_end(each)) if each.is_indel else (each.start,))
        self._places, self.position = places, np.array(sorted(places), dtype=np.int64)

    def matched(self, records: RecordsAt, there: np.ndarray, counts: Counter[str]) -> _Matched:
        """Which records are which of the variants.

        Args:
            records: some.
            there: (all variants,) those that were found before.
            counts: added to.
        """
        found: list[tuple[int, int, int, bool]] = []
        seen: set[int] = set()
        for record, (start, alleles) in enumerate(zip(records.position.tolist(), records.alleles, strict=True)):
            own = [
                (record, allele, number, turned)
                for allele, alt in enumerate(alleles[1:], 1)
                for number, turned in [self._which(start, alleles[0], alt, is_only=len(alleles) == 2)]
                if number is not None
            ]
            for each in own:
                if there[each[2]] or each[2] in seen:
                    counts[TWICE] += 1
                    continue
                seen.add(each[2])
                counts[TURNED] += each[3]
                found.append(each)
            counts[OTHER_ALLELES] += not own and start in self._places
        columns = zip(*found, strict=True) if found else ((), (), (), ())
        record_of, allele_of, variant_of, turned_of = (np.array(list(each), dtype=np.int64) for each in columns)
        return _Matched(record_of, allele_of, variant_of, turned_of.astype(bool))

    def _which(self, start: int, ref: str, alt: str, *, is_only: bool) -> tuple[int | None, bool]:
        """Which variant two alleles are, and whether they stand the other way round."""
        if len(ref) == len(alt) == 1:
            number = self._number.get((start, ref, alt))
            if number is not None or not is_only:
                return number, False
            return self._number.get((start, alt, ref)), True
        number = self._normal(start, ref, alt)
        if number is None and is_only and not self._normalizer.holds(self.chrom, start, ref):
            return self._normal(start, alt, ref), True
        return number, False

    def _normal(self, start: int, ref: str, alt: str) -> int | None:
        try:
            variant = self._normalizer(Variant(self.chrom, start + 1, ref, alt))
        except VariantError:
            return None
        return self._number.get((variant.start, variant.ref, variant.alt))

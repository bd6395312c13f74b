"""Haplotypes with the SNPs of people alone, all as long as the reference: of one person, and of a cohort at once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import InputError, ReferenceMismatchError
from .call_blocks import RegionCalls, SomeCalls
from .cohort_calls import CohortCalls, open_calls
from .cohort_files import Genotypes, GivenGenotypes, file_with
from .cohort_rows import Reading
from .consensus import Outcome, is_snp_record
from .haplotype_stretch import HaplotypeStretch
from .interval import Interval
from .options import DIPLOID, GenotypeOptions
from .personal import PersonalGenome
from .reference import ReferenceGenome
from .region_sites import RecordsLeft, RegionSites
from .sample_names import ALL_SAMPLES
from .snp_genotypes import UPPER
from .store_layout import PASSES
from .tally import VariantTally
from .variants import genotype_of

_NONE = 0


def snp_haplotypes(person: PersonalGenome, interval: Interval, tally: VariantTally | None = None) -> np.ndarray:
    """A person's two haplotypes of an interval with SNPs alone, whatever the mode of the person's options.

    As ``PersonalGenome`` reads in the modes ``haplotype1`` and ``haplotype2`` with ``snps_only``: an allele that is
    missing, and the second one of a haploid call, are the reference.

    Args:
        person: the person; of an edited genome the edits are SNPs.
        interval: 0-based half-open, within the contig.
        tally: counts the records read and what became of them; insertions and deletions as ``not_snp``.

    Returns:
        (2, L) uint8 ASCII codes, upper case.

    Raises:
        ValueError: the interval leaves the contig.
        ContigError: the FASTA lacks the contig.
        InputError: as for ``PersonalGenome.sequences``; an edit is no SNP.
    """
    _check_within(person.reference, interval)
    snps = person.read_by(replace(person.options, mode=DIPLOID))
    stretch = snps.stretch(interval.chrom, interval.start, interval.end)
    assert isinstance(stretch, HaplotypeStretch)
    first, last = np.array([interval.start]), np.array([interval.end])
    found = []
    for haplotype, part in zip(snps.readings(), stretch.haplotypes, strict=True):
        text = part.sequences(haplotype.edits(part, first, last))[0]
        if len(text) != interval.end - interval.start:
            raise InputError(
                "an insertion or deletion was put in, and SNPs alone are read",
                record=str(interval),
                remedy="Read both haplotypes as sequences: --mode haplotypes.",
            )
        found.append(UPPER[np.frombuffer(text.encode("ascii"), dtype=np.uint8)])
    if tally is not None:
        tally.add_read(interval.chrom, stretch.keys)
        tally.add(interval.chrom, *snps.outcomes(stretch, first, last))
    return np.stack(found)


def _check_within(reference: ReferenceGenome, interval: Interval) -> None:
    reference.sequence(interval.chrom, 0, 0)  # says which contigs there are
    if not 0 <= interval.start <= interval.end <= reference.contigs[interval.chrom]:
        raise ValueError(
            f"[{interval.start}, {interval.end}) leaves {interval.chrom}, which has "
            f"{reference.contigs[interval.chrom]} bases"
        )


@dataclass(frozen=True, slots=True, eq=False)
class SnpHaplotypes:
    """Haplotypes of people with SNPs alone.

    Attributes:
        samples: (people,) names.
        letters: (people, 2, L) uint8 ASCII codes, upper case.
        left_out: why records of the region are not read -> how many.
    """

    samples: tuple[str, ...]
    letters: np.ndarray
    left_out: Mapping[str, int] = field(default_factory=dict)


class CohortGenomes:
    """Many people's DNA with SNPs alone: each as :func:`snp_haplotypes` reads the person, all records read once.

    Args:
        reference: the FASTA.
        variants: the cohort, in any form that ``PersonalGenome`` reads; its store is read where there is one.
        samples: names, or ``"all"``.
        options: how records become sequence; of the mode nothing is asked.

    Attributes:
        reference, options: as given.
        samples: names, in the order in which they are asked for.

    Raises:
        InputError: the cohort cannot be read (SampleError, ContigError, AssemblyError).
    """

    def __init__(
        self,
        reference: ReferenceGenome,
        variants: GivenGenotypes,
        samples: Sequence[str] = ALL_SAMPLES,
        options: GenotypeOptions | None = None,
    ) -> None:
        self.reference, self.options = reference, options or GenotypeOptions()
        self._given = variants
        reading = Reading(reference, self.options.min_probability)
        self._sources = open_calls(variants, samples, reference=reference, reading=reading)
        there = [name for source in self._sources for name in source.samples]
        self.samples = tuple(there if isinstance(samples, str) else dict.fromkeys(samples))
        place = {name: number for number, name in enumerate(self.samples)}
        self._rows = [[place[name] for name in source.samples] for source in self._sources]

    def haplotypes(self, interval: Interval) -> SnpHaplotypes:
        """Everybody's haplotypes of an interval, 0-based half-open.

        Raises:
            ValueError, InputError: as of :func:`snp_haplotypes`.
        """
        _check_within(self.reference, interval)
        bases = UPPER[self.reference.array(interval.chrom, interval.start, interval.end)]
        letters = np.empty((len(self.samples), 2, len(bases)), dtype=np.uint8)
        left_out: Counter[str] = Counter()
        for source, rows in zip(self._sources, self._rows, strict=True):
            found = self._read(source, interval, bases)
            letters[rows] = found.letters
            left_out.update(found.left_out)
            # Records that are rarely met are read by the plain way, of those who carry them.
            people = range(len(rows)) if self.options.needs_quality else sorted(found.unusual)
            for number in people:
                letters[rows[number]] = self._of_person(source.samples[number], interval)
        return SnpHaplotypes(self.samples, letters, dict(sorted(left_out.items())))

    def close(self) -> None:
        """Close what is open; the reference genome stays open."""
        for source in self._sources:
            source.close()

    def _read(self, source: CohortCalls, interval: Interval, bases: np.ndarray) -> "_Haplotypes":
        def use(regions: Iterator[RegionCalls]) -> _Haplotypes:
            found = _Haplotypes(source.path, interval, bases, len(source.samples), self.options)
            for region in regions:
                found.add(region)
            return found

        return source.read(interval.chrom, interval.start, interval.end, use)

    def _of_person(self, sample: str, interval: Interval) -> np.ndarray:
        person = PersonalGenome(self.reference, self._given, sample, self.options)
        try:
            return snp_haplotypes(person, interval)
        finally:
            person.close()


class _Haplotypes:
    """Haplotypes of some people, written record by record; of two on one base of a haplotype the first one counts.

    Attributes:
        letters: (people, 2, L).
        unusual: people who carry a record that is not written here.
        left_out: why records are not read -> how many.
    """

    def __init__(
        self, path: Genotypes, interval: Interval, bases: np.ndarray, n_people: int, options: GenotypeOptions
    ) -> None:
        self._path, self._interval, self._bases, self._options = path, interval, bases, options
        self.letters = np.empty((n_people, 2, len(bases)), dtype=np.uint8)
        self.letters[:] = bases
        self.unusual: set[int] = set()
        self.left_out: Counter[str] = Counter()

    def add(self, region: RegionCalls) -> None:
        """Write the SNPs of some records, which follow those written before."""
        alts, is_unusual = self._alts(region)
        is_written = alts.any(axis=1)
        place = region.position - self._interval.start
        n_before = _numbers_of_equals(region.position[is_written])
        number = np.full(len(place), -1, dtype=np.int64)
        number[is_written] = n_before
        alleles = np.array([_pair(text) for text in region.genotypes], dtype=np.int64).reshape(-1, 2)
        for calls in region.calls:
            carried = (alleles[calls.genotype] > 0).any(axis=1)
            self.unusual.update(_people(calls, carried & is_unusual[calls.record]))
            for each in range(int(n_before.max(initial=-1)) + 1):
                self._write(region, alts, place, alleles, calls, carried & (number[calls.record] == each))

    def _write(
        self,
        region: RegionCalls,
        alts: np.ndarray,
        place: np.ndarray,
        alleles: np.ndarray,
        calls: SomeCalls,
        chosen: np.ndarray,
    ) -> None:
        """Write those calls that are chosen, of records at different places."""
        record, genotype = calls.record[chosen], calls.genotype[chosen]
        person = np.broadcast_to(calls.person, calls.record.shape)[chosen]
        for haplotype in (0, 1):
            allele = alleles[genotype, haplotype]
            carried = np.flatnonzero(allele > 0)
            rows, people, which = record[carried], person[carried], allele[carried]
            free = self.letters[people, haplotype, place[rows]] == self._bases[place[rows]]
            rows, people, which = rows[free], people[free], which[free]
            letter = np.where(which < alts.shape[1], alts[rows, np.minimum(which, alts.shape[1] - 1)], _NONE)
            for row in rows[letter == _NONE].tolist():
                raise self._error(region, row, "the genotype names an allele that the record does not have")
            mismatched = UPPER[region.ref[rows]] != self._bases[place[rows]]
            if mismatched.any():
                if self._options.on_ref_mismatch == "error":
                    raise self._mismatch(region, int(rows[mismatched][0]))
                rows, people, letter = rows[~mismatched], people[~mismatched], letter[~mismatched]
            self.letters[people, haplotype, place[rows]] = letter

    def _alts(self, region: RegionCalls) -> tuple[np.ndarray, np.ndarray]:
        """Letters of the ALTs of SNPs by number, (n, alleles), 0 for other records; which records are unusual, (n,)."""
        sites, records = RegionSites(region), RecordsLeft(region, self.left_out)
        rest = records.rest
        if self._options.pass_only:
            records.leave_out(Outcome.FILTER, (region.flags & PASSES) == 0)
        records.leave_out(Outcome.NO_ALT, sites.n_alts == 0)
        is_unusual = rest & sites.is_symbolic
        records.leave_out(Outcome.SYMBOLIC, sites.is_symbolic)
        is_plain = rest & sites.is_site & (UPPER[region.ref] != UPPER[region.alt])
        several: dict[int, str] = {}
        others = np.zeros(len(rest), dtype=bool)
        for row in np.flatnonzero(rest & ~is_plain).tolist():
            ref, *alts = sites.alleles(row)
            if not is_snp_record([ref, *alts]):
                others[row] = True
            elif region.end[row] - region.position[row] == 1 == max(map(len, alts)) and ref.upper() not in map(
                str.upper, alts
            ):
                several[row] = "".join(alts).upper()
            else:
                is_unusual[row] = True
        records.leave_out(Outcome.NOT_SNP, others)
        letters = np.zeros((len(rest), 1 + max(map(len, several.values()), default=1)), dtype=np.uint8)
        letters[is_plain, 1] = UPPER[region.alt[is_plain]]
        for row, written in several.items():
            letters[row, 1 : 1 + len(written)] = np.frombuffer(written.encode(), dtype=np.uint8)
        return letters, is_unusual

    def _mismatch(self, region: RegionCalls, row: int) -> InputError:
        return self._error(
            region,
            row,
            f"REF is {chr(region.ref[row])}, and the FASTA holds something else there",
            ReferenceMismatchError,
            "The file was probably called on another assembly (run `variantformer doctor`); "
            "to go on without such records: --on-ref-mismatch skip-record.",
        )

    def _error(
        self,
        region: RegionCalls,
        row: int,
        problem: str,
        kind: type[InputError] = InputError,
        remedy: str = "Correct or remove the record.",
    ) -> InputError:
        chrom, position = self._interval.chrom, int(region.position[row])
        return kind(
            problem, file=file_with(self._path, chrom, position), record=f"{chrom}:{position + 1}", remedy=remedy
        )


def _pair(genotype: str) -> tuple[int, int]:
    """Alleles of the two haplotypes, -1 = there is none."""
    first, second = (*genotype_of(genotype), None, None)[:2]
    return -1 if first is None else first, -1 if second is None else second


def _numbers_of_equals(values: np.ndarray) -> np.ndarray:
    """How many of like value stand directly before each of some sorted values."""
    begins = np.flatnonzero(np.append(True, values[1:] != values[:-1])[: len(values)])
    return np.arange(len(values)) - np.repeat(begins, np.diff(np.append(begins, len(values))))


def _people(calls: SomeCalls, chosen: np.ndarray) -> list[int]:
    """Whose the chosen calls are."""
    if isinstance(calls.person, np.ndarray):
        return [int(each) for each in np.unique(calls.person[chosen])]
    return [calls.person] if chosen.any() else []

"""Haplotypes of a panel's people in a stretch of the genome, record by record, and people made of haplotypes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ContigError, InputError
from .call_blocks import RegionCalls
from .cohort_calls import open_calls
from .cohort_files import CohortFiles, GivenGenotypes, file_with
from .cohort_rows import Reading
from .consensus import Outcome
from .interval import Interval
from .record_columns import MISSING, Record, RecordColumns, of_records
from .reference import ReferenceGenome
from .region_sites import RecordsLeft, RegionSites
from .sample_names import ALL_SAMPLES
from .store_layout import PASSES
from .variants import genotype_of

# Reasons beside those of ``Outcome``: an ALT that is not made of bases; a record that is longer than its REF.
NO_BASES, LONGER_THAN_REF = "no_bases", "longer_than_ref"


@dataclass(frozen=True, slots=True, eq=False)
class PanelHaplotypes:
    """Alleles that people carry in a stretch, on each of two haplotypes.

    Attributes:
        path: of the panel.
        chrom: the contig, by the FASTA.
        samples: P names.
        position: (R,) int64, 0-based, in file order.
        alleles: of R records, REF and ALTs as they are written.
        passes: (R,) bool, FILTER is PASS or missing.
        calls: (P, 2, R) int8, allele of each haplotype, of a call that is not phased in the order in which it is
            written; -1 = missing, as the second one of a haploid call.
        missing, unphased, not_diploid: (P,) int64, missing alleles of diploid calls, heterozygous calls without phase,
            and calls of another ploidy.
        left_out: why records of the stretch are not among these -> how many.
    """

    path: Path | CohortFiles
    chrom: str
    samples: tuple[str, ...]
    position: np.ndarray
    alleles: tuple[tuple[str, ...], ...]
    passes: np.ndarray
    calls: np.ndarray
    missing: np.ndarray
    unphased: np.ndarray
    not_diploid: np.ndarray
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_usable(self) -> np.ndarray:
        """(P,) bool, people whose two haplotypes are known throughout."""
        return (self.unphased == 0) & (self.not_diploid == 0)


def read_haplotypes(
    vcf: GivenGenotypes,
    interval: Interval,
    samples: Sequence[str] = ALL_SAMPLES,
    *,
    reference: ReferenceGenome,
    pass_only: bool = False,
    min_probability: float = 0.9,
) -> PanelHaplotypes:
    """Haplotypes of people in a stretch; the records of all people are read once.

    Records with a symbolic ALT, of which no model reads a sequence, are left out and counted.

    Args:
        vcf: the panel, in any form that ``PersonalGenome`` reads.
        interval: records that overlap it, 0-based half-open, by the FASTA's names.
        samples: names, in the order of the people; ``"all"`` = everybody, in the file's order.
        reference: the FASTA.
        pass_only, min_probability: see ``GenotypeOptions``.

    Raises:
        ContigError: the panel has no such contig.
        InputError: somebody is not in it; the file cannot be read, or a record is malformed; it was appended to.
    """
    sources = open_calls(vcf, samples, reference=reference, reading=Reading(reference, min_probability))
    try:
        source = sources[0]
        if len(sources) > 1:
            raise InputError(
                "is a cohort to which people were appended, whose files do not have the same records",
                file=source.path,
                remedy="Give one file of all, or name people of one of them.",
            )
        if source.file_contig(interval.chrom) is None:
            raise ContigError(
                f"has no contig {interval.chrom}", file=source.path, remedy="Leave out the gene, or give its file."
            )
        people = len(source.samples)

        def use(regions: Iterator[RegionCalls]) -> _Read:
            read = _Read(people, pass_only=pass_only)
            for region in regions:
                read.add(region)
            return read

        try:
            read = source.read(interval.chrom, interval.start, interval.end, use)
        except _UnknownAlleleError as error:
            raise InputError(
                "has a call of an allele that the record does not have",
                file=file_with(source.path, interval.chrom, error.position),
                record=f"{interval.chrom}:{error.position + 1}",
                remedy="Correct or remove the record.",
            ) from None
        return read.haplotypes(source.path, interval.chrom, source.samples)
    finally:
        for each in sources:
            each.close()


class _UnknownAlleleError(ValueError):
    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position


class _Read:
    """What was read so far of some people."""

    def __init__(self, people: int, *, pass_only: bool) -> None:
        self._people, self._pass_only = people, pass_only
        self._left_out: Counter[str] = Counter()
        self._position: list[np.ndarray] = [np.zeros(0, dtype=np.int64)]
        self._passes: list[np.ndarray] = [np.zeros(0, dtype=bool)]
        self._calls: list[np.ndarray] = [np.zeros((people, 2, 0), dtype=np.int8)]
        self._alleles: list[tuple[str, ...]] = []
        self._missing, self._unphased, self._not_diploid = np.zeros((3, people), dtype=np.int64)

    def add(self, region: RegionCalls) -> None:
        """Records and calls of a region; calls can be read once."""
        sites, records = RegionSites(region), RecordsLeft(region, self._left_out)
        passes = (region.flags & PASSES) > 0
        if self._pass_only:
            records.leave_out(Outcome.FILTER, ~passes)
        records.leave_out(Outcome.NO_ALT, sites.n_alts == 0)
        records.leave_out(Outcome.SYMBOLIC, sites.is_symbolic)
        others = np.flatnonzero(records.rest & ~sites.is_snp)
        is_strange, is_long = np.zeros((2, len(passes)), dtype=bool)
        is_strange[others] = [not sites.is_bases(row) for row in others.tolist()]
        records.leave_out(NO_BASES, is_strange)
        length = region.end - region.position
        is_long[others] = [length[row] != len(sites.alleles(row)[0]) for row in others.tolist()]
        records.leave_out(LONGER_THAN_REF, is_long)
        chosen = np.flatnonzero(records.rest)
        self._add_calls(region, chosen, sites.n_alts[chosen])
        self._position.append(region.position[chosen])
        self._passes.append(passes[chosen])
        self._alleles += [sites.alleles(row) for row in chosen.tolist()]

    def _add_calls(self, region: RegionCalls, chosen: np.ndarray, n_alts: np.ndarray) -> None:
        calls = np.zeros((self._people, 2, len(chosen)), dtype=np.int8)
        column_of = np.full(len(region.position), -1, dtype=np.int64)
        column_of[chosen] = np.arange(len(chosen))
        pair, ploidy, is_phased = _genotypes(region.genotypes)
        for some in region.calls:
            column = column_of[some.record]
            kept = column >= 0
            column, kind = column[kept], some.genotype[kept]
            person = np.broadcast_to(some.person, len(kept))[kept]
            beyond = np.flatnonzero(pair[kind].max(axis=1) > n_alts[column])
            if len(beyond):
                raise _UnknownAlleleError(int(region.position[chosen[column[beyond[0]]]]))
            calls[person, :, column] = pair[kind]
            is_pair = ploidy[kind] == 2
            is_het = is_pair & (pair[kind, 0] != pair[kind, 1]) & (pair[kind] >= 0).all(axis=1)
            np.add.at(self._missing, person, ((pair[kind] == MISSING) & is_pair[:, None]).sum(axis=1))
            np.add.at(self._unphased, person, is_het & ~is_phased[kind])
            np.add.at(self._not_diploid, person, ~is_pair)
        self._calls.append(calls)

    def haplotypes(self, path: Path | CohortFiles, chrom: str, samples: Sequence[str]) -> PanelHaplotypes:
        """All of it."""
        return PanelHaplotypes(
            path,
            chrom,
            tuple(samples),
            np.concatenate(self._position),
            tuple(self._alleles),
            np.concatenate(self._passes),
            np.concatenate(self._calls, axis=2),
            self._missing,
            self._unphased,
            self._not_diploid,
            dict(sorted(self._left_out.items())),
        )


def _genotypes(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of genotypes as a VCF writes them: both alleles (n, 2), -1 = missing; ploidy; whether they are phased."""
    pair = np.full((len(texts), 2), MISSING, dtype=np.int8)
    ploidy, is_phased = np.full(len(texts), 2), np.zeros(len(texts), dtype=bool)
    for row, text in enumerate(texts):
        alleles = genotype_of(text)
        if alleles:
            ploidy[row], is_phased[row] = len(alleles), "/" not in text
            pair[row, : min(2, len(alleles))] = [MISSING if each is None else each for each in alleles[:2]]
    return pair, ploidy, is_phased


def _is_snp(alleles: Sequence[str]) -> bool:
    return [len(each) for each in alleles] == [1, 1] and alleles[0].upper() != alleles[1].upper()


class MadePeople:
    """Makes people of a panel's records: their alleles are what is given.

    Args:
        panel: whose records.
    """

    def __init__(self, panel: PanelHaplotypes) -> None:
        self.panel = panel
        records = [
            Record(position, alleles, len(alleles[0]), (0, 0), True, "PASS" if passes else "other", None, None)
            for position, alleles, passes in zip(
                panel.position.tolist(), panel.alleles, panel.passes.tolist(), strict=True
            )
        ]
        plain = of_records(records)
        is_snp = np.array([_is_snp(each) for each in panel.alleles], dtype=bool)
        ref, alt = np.zeros((2, len(records)), dtype=np.uint8)
        for row in np.flatnonzero(is_snp).tolist():
            ref[row], alt[row] = map(ord, panel.alleles[row])
        self._records, self._sites = records, replace(plain, is_snp=is_snp, ref=ref, alt=alt)

    def records(self, name: str, first: np.ndarray, second: np.ndarray) -> "MadeRecords":
        """One person's records.

        Args:
            name: of the person.
            first, second: (R,) int8, alleles on the two haplotypes, none of them missing.
        """
        records = self._records

        def record(row: int) -> Record:
            return replace(records[row], genotype=(int(first[row]), int(second[row])))

        columns = replace(
            self._sites, is_hom_ref=(first == 0) & (second == 0), first=first, second=second, record=record
        )
        return MadeRecords(self.panel, name, columns)


class MadeRecords:
    """Records of a made person, see ``RecordSource``; there are none outside of the panel's stretch.

    Args:
        panel: whose records they are.
        sample: the person's name.
        made: the records.
    """

    def __init__(self, panel: PanelHaplotypes, sample: str, made: RecordColumns) -> None:
        self.path = panel.path
        self.sample: str | None = sample
        self._chrom, self._made = panel.chrom, made

    index_is_older = False

    @cached_property
    def damage(self) -> list[str]:
        """Of no store."""
        return []

    @cached_property
    def formats(self) -> list[dict[str, Any]]:
        """Of no file."""
        return []

    def file_contig(self, chrom: str) -> str:
        """As of the FASTA."""
        return chrom

    def has_contig(self, chrom: str) -> bool:
        """Whether it is that of the panel's stretch."""
        return chrom == self._chrom

    def close(self) -> None:
        """Nothing is open."""

    def columns(self, chrom: str, start: int, end: int) -> Iterator[RecordColumns]:
        """As ``RecordSource.columns``."""
        if chrom == self._chrom:
            rows = np.flatnonzero((self._made.position < end) & (self._made.end > start))
            if len(rows):
                yield self._made.select(rows)

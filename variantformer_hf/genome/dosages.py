"""How many copies of each variant's ALT people carry: what models of dosages read."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..errors import ContigError, InputError
from .call_blocks import RegionCalls
from .cohort_calls import CohortCalls, open_calls
from .cohort_files import GivenGenotypes, file_with
from .cohort_rows import Reading
from .consensus import Outcome
from .interval import Interval
from .reference import ReferenceGenome
from .region_sites import RecordsLeft, RegionSites
from .sample_names import ALL_SAMPLES
from .snp_genotypes import UPPER
from .store_layout import PASSES
from .variant import Variant
from .variants import genotype_of

MISSING = -1
# Reasons beside those of ``Outcome``.
MULTIALLELIC, NO_BASES = "multiallelic", "no_bases"
_UNKNOWN = -2
_LETTER = np.array([chr(code) for code in range(256)], dtype=object)


@dataclass(frozen=True, slots=True, eq=False)
class Dosages:
    """Copies of ALT that people carry in a region; it unpacks as ``variants, values``.

    Attributes:
        samples: (donors,) names.
        chrom: the contig, as it was asked for.
        position: (variants,) int64, 0-based, ascending.
        ref, alt: (variants,) of texts, upper case.
        values: (donors, variants) int8, how many of a person's alleles are ALT; -1 = any of them is missing. Of a
            haploid call it is 0 or 1.
        left_out: why records of the region are not among the variants -> how many.
    """

    samples: tuple[str, ...]
    chrom: str
    position: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    values: np.ndarray
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def variants(self) -> list[Variant]:
        """What the columns of ``values`` are of."""
        columns = zip((self.position + 1).tolist(), self.ref.tolist(), self.alt.tolist(), strict=True)
        return [Variant(self.chrom, position, ref, alt) for position, ref, alt in columns]

    def __iter__(self) -> Iterator[Any]:
        return iter((self.variants, self.values))


def read_dosages(
    vcf: GivenGenotypes,
    interval: Interval | tuple[str, int, int],
    samples: Sequence[str] = ALL_SAMPLES,
    *,
    snps_only: bool = True,
    pass_only: bool = False,
    reference: ReferenceGenome | None = None,
    reading: Reading | None = None,
) -> Dosages:
    """Dosages of the biallelic variants in a region; the records of all people are read once.

    Variants are as the file spells them, in its order, one that stands in two records twice. Of people who were
    appended to a cohort (``ingest --append-to``) nothing is known at records that only the other file has: -1.

    Args:
        vcf: the cohort, in any form that ``PersonalGenome`` reads; its store is read where there is one.
        interval: records that overlap it, 0-based half-open.
        samples: names, in the order of the rows; ``"all"`` = everybody, in the file's order.
        snps_only: SNPs alone; else insertions, deletions and exchanges of several bases too.
        pass_only: records whose FILTER is PASS or missing alone.
        reference: the FASTA, by whose contig names the region is then asked for; a PLINK 1 BED needs it to say which
            allele is REF.
        reading: how genotypes are read that are no plain calls; None = by the reference and the defaults.

    Raises:
        ValueError: the interval begins below 0, or behind its end.
        ContigError: the file has no such contig.
        SampleError: somebody is not there, or nobody is.
        InputError: the file cannot be read, or a record is malformed, or has a call of an allele that it does not have.
    """
    with DosageFile(vcf, samples, reference=reference, reading=reading) as file:
        return file.read(interval, snps_only=snps_only, pass_only=pass_only)


class DosageFile:
    """A cohort's file, open for the dosages of one region after the other; ``with`` closes it.

    Args:
        vcf, samples, reference, reading: as of :func:`read_dosages`.

    Raises:
        SampleError: somebody is not there, or nobody is.
        InputError: the file cannot be read.
    """

    def __init__(
        self,
        vcf: GivenGenotypes,
        samples: Sequence[str] = ALL_SAMPLES,
        *,
        reference: ReferenceGenome | None = None,
        reading: Reading | None = None,
    ) -> None:
        self._asked = samples
        self._sources = open_calls(vcf, samples, reference=reference, reading=reading)

    def read(
        self, interval: Interval | tuple[str, int, int], *, snps_only: bool = True, pass_only: bool = False
    ) -> Dosages:
        """Dosages of the biallelic variants in a region; arguments and errors as of :func:`read_dosages`."""
        asked = interval if isinstance(interval, Interval) else Interval(*interval)
        if not 0 <= asked.start <= asked.end:
            raise ValueError(f"[{asked.start}, {asked.end}) is not an interval")
        found = [_of_source(source, asked, snps_only=snps_only, pass_only=pass_only) for source in self._sources]
        if len(found) == 1:
            return found[0]
        return _joined(found, [name for source in self._sources for name in source.samples], self._asked)

    def has_contig(self, chrom: str) -> bool:
        """Whether the file has a contig, by any spelling."""
        return any(source.file_contig(chrom) is not None for source in self._sources)

    def close(self) -> None:
        """Close what is open."""
        for source in self._sources:
            source.close()

    def __enter__(self) -> "DosageFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class DosageFiles:
    """A cohort's file for the regions of some people each; it stays open while the same people are asked for.

    Args:
        vcf, reference, reading: as of :func:`read_dosages`.
    """

    def __init__(
        self,
        vcf: GivenGenotypes,
        *,
        reference: ReferenceGenome | None = None,
        reading: Reading | None = None,
    ) -> None:
        self._vcf, self._reference, self._reading = vcf, reference, reading
        self._open: DosageFile | None = None
        self._samples: Sequence[str] = ()

    def read(self, interval: Interval, samples: Sequence[str]) -> Dosages:
        """Dosages of the biallelic SNPs in a region; errors as of :func:`read_dosages`."""
        if self._open is None or samples != self._samples:
            self.close()
            self._open = DosageFile(self._vcf, samples, reference=self._reference, reading=self._reading)
            self._samples = samples
        return self._open.read(interval)

    def close(self) -> None:
        """Close what is open."""
        if self._open is not None:
            self._open.close()
            self._open = None


def _of_source(source: CohortCalls, asked: Interval, *, snps_only: bool, pass_only: bool) -> Dosages:
    if source.file_contig(asked.chrom) is None:
        raise ContigError(
            f"has no contig {asked.chrom}", file=source.path, remedy="Name it as the file, or its FASTA, does."
        )
    read = partial(_read, n_people=len(source.samples), snps_only=snps_only, pass_only=pass_only)
    try:
        parts, left_out = source.read(asked.chrom, asked.start, asked.end, read)
    except _UnknownAlleleError as error:
        raise InputError(
            "has a call of an allele that the record does not have",
            file=file_with(source.path, asked.chrom, error.position),
            record=f"{asked.chrom}:{error.position + 1}",
            remedy="Correct or remove the record.",
        ) from None
    position = np.concatenate([np.zeros(0, dtype=np.int64), *(part.position for part in parts)])
    ref, alt = (
        np.concatenate([np.zeros(0, dtype=object), *each])
        for each in ([part.ref for part in parts], [part.alt for part in parts])
    )
    values = parts[0].values if len(parts) == 1 else _side_by_side(parts, len(source.samples))
    return Dosages(source.samples, asked.chrom, position, ref, alt, values, dict(sorted(left_out.items())))


class _UnknownAlleleError(ValueError):
    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position


class _Part(NamedTuple):
    position: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    values: np.ndarray


def _side_by_side(parts: list[_Part], n_people: int) -> np.ndarray:
    """The values of parts as one; each goes when it is copied."""
    values = np.empty((n_people, sum(len(part.position) for part in parts)), dtype=np.int8)
    column = values.shape[1]
    while parts:
        part = parts.pop()
        column -= len(part.position)
        values[:, column : column + len(part.position)] = part.values
    return values


def _read(
    regions: Iterator[RegionCalls], *, n_people: int, snps_only: bool, pass_only: bool
) -> tuple[list[_Part], Counter[str]]:
    parts, left_out = [], Counter[str]()
    for region in regions:
        chosen, ref, alt = _chosen(region, left_out, snps_only=snps_only, pass_only=pass_only)
        values = _values(region, chosen, n_people)
        if len(chosen):
            parts.append(_Part(region.position[chosen], ref, alt, values))
    return parts, left_out


def _chosen(
    region: RegionCalls, left_out: Counter[str], *, snps_only: bool, pass_only: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The records that are read, (v,) indices, their REF and ALT; the others are counted."""
    sites, records = RegionSites(region), RecordsLeft(region, left_out)
    if pass_only:
        records.leave_out(Outcome.FILTER, (region.flags & PASSES) == 0)
    records.leave_out(Outcome.NO_ALT, sites.n_alts == 0)
    records.leave_out(Outcome.SYMBOLIC, sites.is_symbolic)
    records.leave_out(MULTIALLELIC, sites.n_alts > 1)
    if snps_only:
        records.leave_out(Outcome.NOT_SNP, ~sites.is_snp)
    else:
        others = np.flatnonzero(records.rest & ~sites.is_snp)
        is_other = np.zeros(len(records.rest), dtype=bool)
        is_other[others] = [not sites.is_bases(row) for row in others.tolist()]
        records.leave_out(NO_BASES, is_other)
    chosen = np.flatnonzero(records.rest)
    ref, alt = (_LETTER[UPPER[each[chosen]]] for each in (region.ref, region.alt))
    for column in np.flatnonzero(~sites.is_snp[chosen]).tolist():
        ref[column], alt[column] = (each.upper() for each in sites.alleles(int(chosen[column])))
    return chosen, ref, alt


def _values(region: RegionCalls, chosen: np.ndarray, n_people: int) -> np.ndarray:
    values = np.zeros((n_people, len(chosen)), dtype=np.int8)
    column_of = np.full(len(region.position), -1, dtype=np.int32)
    column_of[chosen] = np.arange(len(chosen), dtype=np.int32)
    dosage = np.array([_dosage(text) for text in region.genotypes], dtype=np.int8)
    for calls in region.calls:
        column = column_of[calls.record]
        kept = column >= 0
        column, found = column[kept], dosage[calls.genotype[kept]]
        person = calls.person[kept] if isinstance(calls.person, np.ndarray) else calls.person
        values[person, column] = found
        unknown = np.flatnonzero(found == _UNKNOWN)
        if len(unknown):
            raise _UnknownAlleleError(int(region.position[chosen[column[unknown].min()]]))
    return values


def _dosage(genotype: str) -> int:
    """Copies of a biallelic record's ALT in a genotype."""
    alleles = genotype_of(genotype)
    if not alleles or None in alleles:
        return MISSING
    return sum(allele or 0 for allele in alleles) if max(allele or 0 for allele in alleles) <= 1 else _UNKNOWN


def _joined(found: Sequence[Dosages], people: Sequence[str], asked: Sequence[str]) -> Dosages:
    """Dosages of people of several sources, at the records of all; a record that a source lacks is missing there."""
    columns: dict[tuple[int, str, str, int], None] = {}
    names = [_numbered(each) for each in found]
    for own in names:
        columns.update(dict.fromkeys(own))
    order = {name: place for place, name in enumerate(sorted(columns, key=lambda name: name[0]))}
    values = np.full((len(people), len(order)), MISSING, dtype=np.int8)
    row, left_out = 0, Counter[str]()
    for each, own in zip(found, names, strict=True):
        values[row : row + len(each.samples), [order[name] for name in own]] = each.values
        row += len(each.samples)
        left_out.update(each.left_out)
    wanted = list(people) if isinstance(asked, str) else list(dict.fromkeys(asked))
    place = {name: number for number, name in enumerate(people)}
    position, ref, alt, _ = zip(*order, strict=True) if order else ((), (), (), ())
    return Dosages(
        tuple(wanted),
        found[0].chrom,
        np.array(position, dtype=np.int64),
        np.array(ref, dtype=object),
        np.array(alt, dtype=object),
        values[[place[name] for name in wanted]],
        dict(sorted(left_out.items())),
    )


def _numbered(dosages: Dosages) -> list[tuple[int, str, str, int]]:
    """Position, REF, ALT of each variant, and which of several such it is."""
    copies = Counter[tuple[int, str, str]]()
    names = []
    for name in zip(dosages.position.tolist(), dosages.ref.tolist(), dosages.alt.tolist(), strict=True):
        names.append((*name, copies[name]))
        copies[name] += 1
    return names

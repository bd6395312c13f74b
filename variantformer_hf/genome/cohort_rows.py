"""A cohort's genotypes by rows of records: the base of every format that is no VCF."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..errors import InputError
from .call_blocks import CallBlock
from .options import check_probability
from .record_columns import MISSING, Record, RecordColumns
from .reference import ReferenceGenome
from .sample_names import check_names, chosen_sample
from .sites import ContigSites, Sites
from .store_layout import HOM_REF, LONGER, PASSES, SITE
from .variants import BEHIND_ANY_CONTIG, MOST_ALLELES, CallOfSet

# In what the counts of ``CohortRows.described`` were counted.
RECORDS_READ, WHOLE_FILE = "records read", "whole file"
# The second allele of a haploid call.
NO_ALLELE = -2
# Records that are looked at together, and alleles of all people that are held together.
_RECORDS_AT_ONCE, _ALLELES_AT_ONCE = 16_384, 8 << 20


@dataclass(frozen=True, slots=True)
class Reading:
    """How genotypes are read that are no plain calls, or whose REF the file does not say.

    Attributes:
        reference: the FASTA, against which the alleles of a PLINK 1 BED are set.
        least_probability: a BGEN's call is the genotype with at least this probability; without one it is missing.

    Raises:
        InputError: a probability that is not above 0.5 and at most 1.
    """

    reference: ReferenceGenome | None = None
    least_probability: float = 0.9

    def __post_init__(self) -> None:
        check_probability(self.least_probability)


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of some samples at some records.

    Attributes:
        alleles: (n, samples, 2) int8, -1 = missing; the second one -2 in a haploid call.
        phased: (n, samples) bool.
    """

    alleles: np.ndarray
    phased: np.ndarray


class CohortRows(ABC):
    """Genotypes of a format that is no VCF; one sample of it reads as ``VariantFile`` does.

    A format says what its records are and who carries what, by rows of the file; all else is here.

    Args:
        path: of the file.
        samples: names of all samples, in the file's order.
        contigs: name -> length, None where the file does not say it; those without records too.
        sites: contig -> where its records are.
        sample: name of the sample; None = the only one.
        all_samples: :meth:`blocks` and :meth:`lines_within` are wanted, of all samples; others read the first one then.

    Attributes:
        path, samples, sample, contigs: as of ``VariantFile``.
        index_is_older: whether the file was written after its index.
        damage: always empty; as of ``VariantStore``.
        counts: what was met that is read otherwise than it stands, and how often; of each record once.

    Raises:
        SampleError: two samples share a name; the sample is not there, or none is named where there are several.
    """

    # What people call the format, and what of a VCF it does not hold, or is not read of this file.
    format: ClassVar[str]
    loses: tuple[str, ...]

    def __init__(
        self,
        path: Path,
        samples: Sequence[str],
        contigs: Mapping[str, int | None],
        sites: Mapping[str, ContigSites],
        sample: str | None,
        *,
        all_samples: bool,
    ) -> None:
        self.path, self.samples = path, tuple(samples)
        check_names(path, self.samples)
        if not self.samples:
            raise InputError("has no samples, and so no genotypes", file=path, remedy="Give the whole set of files.")
        self.sample: str | None = self.samples[0] if all_samples else chosen_sample(path, self.samples, sample)
        self.contigs = dict(contigs)
        self._sites = sites
        self._read = np.arange(len(self.samples)) if all_samples else np.array([self.samples.index(self.sample or "")])
        self._column = np.array([self.samples.index(self.sample or "")])
        self.index_is_older = False
        self.damage: list[str] = []
        self._n_rows = sum(len(found.position) for found in sites.values())
        self._noted: dict[str, np.ndarray] = {}

    @abstractmethod
    def sites(self, chrom: str, rows: np.ndarray) -> Sites:
        """REF, ALT and FILTER of some records of a contig; ``rows`` are of the file, (n,) int64."""

    @abstractmethod
    def calls(self, chrom: str, rows: np.ndarray, samples: np.ndarray) -> Calls:
        """What some samples carry at some records of a contig; ``samples`` are ascending indices."""

    @property
    def indexed_contigs(self) -> list[str]:
        """Contigs that have records."""
        return [name for name in self.contigs if name in self._sites]

    @property
    def counts(self) -> dict[str, int]:
        """What was met that is read otherwise than it stands -> in how many records or calls so far."""
        return {kind: int(noted.sum()) for kind, noted in sorted(self._noted.items())}

    @property
    def described(self) -> dict[str, Any]:
        """The format, what of a VCF it does not hold, :attr:`counts`, and in what they were counted; ready for JSON."""
        return {
            "format": self.format,
            "does_not_hold": list(self.loses),
            "counts": self.counts,
            "counted_in": RECORDS_READ,
        }

    def has_records(self, chrom: str) -> bool:
        """Whether the file holds any record on a contig."""
        return chrom in self._sites

    def extent(self, chrom: str) -> tuple[int, int, int]:
        """Positions of the first and last record of a contig, and a base that none of its records reaches beyond."""
        sites = self._sites[chrom]
        first, last = int(sites.position[0]), int(sites.position[-1])
        return first, last, last + sites.longest

    def columns(self, chrom: str, start: int, end: int, *, needs_quality: bool = False) -> Iterator[RecordColumns]:
        """As ``VariantFile.columns``.

        Raises:
            InputError: GQ or DP are asked for; the file is damaged.
        """
        if needs_quality:
            raise InputError(
                f"is a {self.format}, which holds no GQ and no DP that could be asked for",
                file=self.path,
                remedy="Leave out --min-gq and --min-dp.",
            )
        for rows, position in self._found(chrom, start, end):
            sites = self.sites(chrom, rows)
            columns = self._columns(position, sites, self._checked(chrom, position, rows, self._column))
            inside = (position >= 0) & (position + sites.found > start)
            yield columns if inside.all() else columns.select(np.flatnonzero(inside))

    def records(self, chrom: str, start: int, end: int) -> Iterator[Record]:
        """As ``VariantFile.records``."""
        for columns in self.columns(chrom, start, end):
            yield from map(columns.record, range(len(columns)))

    def lines_within(self, chrom: str, start: int, end: int) -> Iterator[str]:
        """As ``VariantFile.lines_within``: the lines that a VCF of the file would have."""
        for rows, position in self._found(chrom, start, end, len(self._read)):
            sites, calls = self.sites(chrom, rows), self._checked(chrom, position, rows, self._read)
            codes, texts = _genotypes(calls.alleles, calls.phased)
            for row in np.flatnonzero(position + sites.found > start).tolist():
                ref, alt, filters = sites.of(row)
                written = [texts[code] for code in codes[row].tolist()]
                fixed = (chrom, str(int(position[row]) + 1), ".", ref, alt, ".", filters, ".", "GT")
                yield "\t".join([*fixed, *written])

    def phase_sets(self, sample: str, chrom: str, start: int, end: int) -> Iterator[CallOfSet]:
        """As ``VariantFile.phase_sets``; none of a format that does not hold them."""
        return iter(())

    def blocks(
        self, contig: str, start: int = -1, end: int = BEHIND_ANY_CONTIG, samples: np.ndarray | None = None
    ) -> Iterator[CallBlock]:
        """As of ``CallSource``.

        Raises:
            InputError: the file is damaged.
        """
        asked = self._read if samples is None else samples
        for rows, position in self._found(contig, start, end, len(asked)):
            sites, calls = self.sites(contig, rows), self._checked(contig, position, rows, asked)
            yield _block(position, sites, calls)

    def rows_at(self, chrom: str, position: np.ndarray, before: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the file, and positions, of a contig's records that begin at given places or shortly before them.

        Args:
            chrom: the contig, by the file's names.
            position: (p,) int64, 0-based, ascending.
            before: bases.

        Returns:
            (n,) int64 each, ascending by position.
        """
        sites = self._sites.get(chrom)
        if sites is None:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        place = np.searchsorted(position, sites.position)
        following = np.append(position, np.iinfo(np.int64).max)[place]
        index = np.flatnonzero(following - before <= sites.position)
        rows = sites.rows.start + index if isinstance(sites.rows, range) else sites.rows[index]
        return rows.astype(np.int64), sites.position[index].astype(np.int64)

    def copies(
        self, chrom: str, rows: np.ndarray, alleles: np.ndarray, samples: np.ndarray, values: np.ndarray
    ) -> None:
        """How many copies of an allele some samples carry at some records; -1 where an allele of the call is missing.

        Args:
            chrom, rows, samples: as of :meth:`calls`.
            alleles: (n,) of each record, 1 = its first ALT.
            values: (n, samples) int8, which is filled.

        Raises:
            InputError: the file is damaged.
        """
        at_once = max(1, _ALLELES_AT_ONCE // max(1, 2 * len(samples)))
        for first in range(0, len(rows), at_once):
            some = slice(first, first + at_once)
            found = self.calls(chrom, rows[some], samples).alleles
            counted = found == alleles[some, None, None].astype(np.int8)
            np.sum(counted, axis=2, dtype=np.int8, out=values[some])
            values[some][(found == MISSING).any(axis=2)] = MISSING

    @abstractmethod
    def close(self) -> None:
        """Let go of the files."""

    def count_on(self, noted: dict[str, np.ndarray]) -> None:
        """Go on with what other readers of the same file noted, and let them see what this one does."""
        self._noted = noted

    def note(self, kind: str, rows: np.ndarray, amounts: np.ndarray) -> None:
        """Remember how often something was met in some records; of each the last amount counts."""
        if kind in self._noted or np.any(amounts):
            noted = self._noted.setdefault(kind, np.zeros(self._n_rows, dtype=np.int32))
            noted[rows] = amounts

    def _found(self, chrom: str, start: int, end: int, n_samples: int = 1) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows and positions of records that may overlap [start, end), some at a time."""
        sites = self._sites.get(chrom)
        if sites is None or start == end:
            return
        low, high = sites.between(start, end)
        at_once = max(1, min(_RECORDS_AT_ONCE, _ALLELES_AT_ONCE // (2 * n_samples)))
        for first in range(low, high, at_once):
            yield sites.part(first, min(first + at_once, high))

    def _checked(self, chrom: str, position: np.ndarray, rows: np.ndarray, samples: np.ndarray) -> Calls:
        calls = self.calls(chrom, rows, samples)
        if len(rows) and int(calls.alleles.max(initial=0)) >= MOST_ALLELES:
            row = int(np.flatnonzero((calls.alleles >= MOST_ALLELES).any(axis=(1, 2)))[0])
            raise InputError(
                f"the record has a call of an allele from {MOST_ALLELES} on, and such are not read",
                file=self.path,
                record=f"{chrom}:{int(position[row]) + 1}",
                remedy="Split or remove it.",
            )
        return calls

    def _columns(self, position: np.ndarray, sites: Sites, calls: Calls) -> RecordColumns:
        first, second, phased = calls.alleles[:, 0, 0], calls.alleles[:, 0, 1], calls.phased[:, 0]
        is_diploid = (first >= MISSING) & (second >= MISSING)

        def record(index: int) -> Record:
            ref, alt, filters = sites.of(index)
            unseen = int(sites.unseen[index])
            return Record(
                position=int(position[index]),
                alleles=(ref,) if alt == "." else (ref, *alt.split(",")),
                length=int(sites.length[index]),
                genotype=_genotype(int(first[index]), int(second[index])),
                phased=bool(phased[index]),
                filters=filters,
                gq=None,
                dp=None,
                unseen=unseen,
            )

        return RecordColumns(
            position=position,
            end=position + sites.found,
            is_snp=sites.is_snp & (sites.length == 1) & is_diploid & (first <= 1) & (second <= 1),
            is_hom_ref=sites.has_alt & (first == 0) & (second == 0),
            ref=sites.ref,
            alt=sites.alt,
            first=first,
            second=second,
            passes=sites.passes,
            alleles=sites.digest,
            record=record,
        )


def _genotype(first: int, second: int) -> tuple[int | None, ...]:
    """Alleles of a call as of a ``Record``."""
    if second == NO_ALLELE:
        return () if first < 0 else (first,)
    return tuple(None if allele < 0 else allele for allele in (first, second))


def _block(position: np.ndarray, sites: Sites, calls: Calls) -> CallBlock:
    kept = ~(sites.is_snp & sites.passes & (sites.length == 1))
    size = np.where(kept, np.diff(sites.first), 0)
    alleles = calls.alleles
    record, sample = np.nonzero((alleles[:, :, 0] != 0) | (alleles[:, :, 1] != 0))
    codes, texts = _genotypes(alleles[record, sample], calls.phased[record, sample])
    flags = (sites.is_snp & (sites.length == 1)) * SITE | sites.has_alt * HOM_REF
    return CallBlock(
        position=position,
        end=position + sites.found,
        alleles=sites.digest,
        flags=(flags | sites.passes * PASSES | sites.unseen * LONGER).astype(np.uint8),
        ref=sites.ref,
        alt=sites.alt,
        text_size=size,
        text=sites.text[np.repeat(kept, np.diff(sites.first))],
        call_record=record,
        call_sample=sample,
        call_genotype=codes,
        genotypes=texts,
    )


def _genotypes(alleles: np.ndarray, phased: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The calls (..., 2) as indices into different genotypes, and these as a VCF writes them."""
    pairs = (alleles[..., 0].astype(np.int32) + 2) << 9 | (alleles[..., 1].astype(np.int32) + 2) << 1 | phased
    kinds, codes = np.unique(pairs, return_inverse=True)
    return codes.reshape(pairs.shape), tuple(_written(int(kind)) for kind in kinds)


def _written(kind: int) -> str:
    first, second, phased = (kind >> 9) - 2, (kind >> 1 & 0xFF) - 2, kind & 1
    one, two = ("." if allele < 0 else str(allele) for allele in (first, second))
    return one if second == NO_ALLELE else f"{one}{'|' if phased else '/'}{two}"

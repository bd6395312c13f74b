"""Records of a cohort at given places, whatever the format: their alleles, and how many copies people carry."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np

from ..errors import InputError
from .call_blocks import RegionCalls
from .cohort_rows import CohortRows
from .region_sites import RegionSites
from .variants import genotype_of

# An allele of the call is missing.
MISSING = -1
# Records that are looked at together, and genotypes of all people that are held together, of a byte each.
_RECORDS_AT_ONCE, _CELLS_AT_ONCE = 4_096, 32 << 20
# Bases that a record of several ALTs may write before the one that differs.
_WRITTEN_BEFORE = 50


@dataclass(frozen=True, slots=True, eq=False)
class RecordsAt:
    """Some records, n of them.

    Attributes:
        position: (n,) int64, 0-based.
        alleles: REF and ALTs of each, upper case; REF alone where ALT is missing.
        copies: (k,) records, (k,) alleles of theirs, 1 = the first ALT -> (k, people) int8, copies of each that people
            carry, ``MISSING`` where an allele of the call is missing. What it gives is overwritten by the next call.
        at_once: (record, allele) pairs that it should be asked for at once, at the most.
    """

    position: np.ndarray
    alleles: Sequence[tuple[str, ...]]
    copies: Callable[[np.ndarray, np.ndarray], np.ndarray]
    at_once: int

    def __len__(self) -> int:
        return len(self.position)

    def behind(self, n: int) -> "RecordsAt":
        """Those behind the first n."""
        if not n:
            return self
        copies = self.copies
        return RecordsAt(
            self.position[n:], self.alleles[n:], lambda records, which: copies(records + n, which), self.at_once
        )


def records_of_rows(file: CohortRows, chrom: str, position: np.ndarray, samples: np.ndarray) -> Iterator[RecordsAt]:
    """Those of a file that is read by rows: no call is read but of the records' alleles that are asked for.

    Args:
        file: PGEN, BED, BGEN or VCF-Zarr.
        chrom: by the file's names.
        position: (p,) int64, 0-based, ascending: where records begin; those of bases that do not differ too.
        samples: (people,) indices, in any order.

    Raises:
        InputError: the file is damaged.
    """
    order = np.argsort(samples)
    ascending, place = samples[order], np.argsort(order)
    is_sorted = bool((np.diff(order) > 0).all())
    at_once = max(1, _CELLS_AT_ONCE // max(1, len(samples)))
    rows, begins = file.rows_at(chrom, position, _WRITTEN_BEFORE)
    held = np.empty((min(at_once, len(rows)), len(samples)), dtype=np.int8)
    for first in range(0, len(rows), _RECORDS_AT_ONCE):
        some, here = rows[first : first + _RECORDS_AT_ONCE], begins[first : first + _RECORDS_AT_ONCE]
        sites = file.sites(chrom, some)
        chosen = np.flatnonzero(_is_near(here, sites.is_snp, position))
        some, here = some[chosen], here[chosen]
        texts = (sites.of(index) for index in chosen.tolist())
        alleles = [_alleles(ref, alts) for ref, alts, _ in texts]

        def copies(records: np.ndarray, which: np.ndarray, some: np.ndarray = some) -> np.ndarray:
            values = held[: len(records)]
            file.copies(chrom, some[records], which, ascending, values)
            return values if is_sorted else values[:, place]

        yield RecordsAt(here, alleles, copies, at_once)


def records_of_region(
    region: RegionCalls, position: np.ndarray, n_people: int, path: str | PathLike[str], chrom: str
) -> RecordsAt:
    """Those of a region's records with their calls, which are held as one number a person and record.

    Args:
        region: the records of a stretch; its calls are read here.
        position: (p,) int64, 0-based, ascending: where records begin; those of bases that do not differ too.
        n_people: whose calls they are.
        path, chrom: of the file, for errors.

    Raises:
        InputError: a call is of an allele that its record does not have.
    """
    sites = RegionSites(region)
    chosen = np.flatnonzero(region.inside & _is_near(region.position, sites.is_site, position))
    genotypes = [genotype_of(text) for text in region.genotypes]
    number = np.zeros((len(chosen), n_people), dtype=np.uint8 if len(genotypes) < 255 else np.uint16)  # 0 = 0/0
    if len(chosen):
        row_of = np.full(len(region.position), -1, dtype=np.int64)
        row_of[chosen] = np.arange(len(chosen))
        for calls in region.calls:
            row = row_of[calls.record]
            kept = row >= 0
            person = calls.person[kept] if isinstance(calls.person, np.ndarray) else calls.person
            number[row[kept], person] = calls.genotype[kept] + 1
    alleles = [tuple(each.upper() for each in sites.alleles(index)) for index in chosen.tolist()]
    begins = region.position[chosen]
    highest = np.array([0, *(max((each or 0 for each in alleles), default=0) for alleles in genotypes)])
    n_alts = np.array([len(each) - 1 for each in alleles], dtype=np.int64)
    if len(chosen) and highest.max() > n_alts.min():
        _refuse_unknown(highest[number].max(axis=1) > n_alts, begins, path, chrom)
    tables: dict[int, np.ndarray] = {}

    def copies(records: np.ndarray, which: np.ndarray) -> np.ndarray:
        values = np.empty((len(records), n_people), dtype=np.int8)
        for row, (record, allele) in enumerate(zip(records.tolist(), which.tolist(), strict=True)):
            if allele not in tables:
                tables[allele] = np.array([0, *(_copies(each, allele) for each in genotypes)], dtype=np.int8)
            values[row] = tables[allele][number[record]]
        return values

    return RecordsAt(begins, alleles, copies, max(1, _CELLS_AT_ONCE // max(1, n_people)))


def _is_near(begins: np.ndarray, is_snp: np.ndarray, position: np.ndarray) -> np.ndarray:
    """(n,) records that begin at one of the places, or shortly before one and may write bases that do not differ."""
    following = np.append(position, np.iinfo(np.int64).max)[np.searchsorted(position, begins)]
    return following - np.where(is_snp, 0, _WRITTEN_BEFORE) <= begins


def _alleles(ref: str, alts: str) -> tuple[str, ...]:
    return (ref.upper(),) if alts == "." else (ref.upper(), *alts.upper().split(","))


def _copies(genotype: tuple[int | None, ...], allele: int) -> int:
    return MISSING if not genotype or None in genotype else genotype.count(allele)


def _refuse_unknown(is_unknown: np.ndarray, position: np.ndarray, path: str | PathLike[str], chrom: str) -> None:
    if is_unknown.any():
        raise InputError(
            "has a call of an allele that the record does not have",
            file=path,
            record=f"{chrom}:{int(position[is_unknown][0]) + 1}",
            remedy="Correct or remove the record.",
        )

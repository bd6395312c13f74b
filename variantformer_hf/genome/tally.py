"""Counting distinct records: what was read, used and skipped, however often windows overlap."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .consensus import OUTCOME_CODE, OUTCOMES, Outcome

_READ = -1
_APPLIED = OUTCOME_CODE[Outcome.APPLIED]
_MOST_WAITING = 1_000_000


@dataclass(slots=True)
class ContigCounts:
    """Distinct records of one contig.

    Attributes:
        records_read: records that the asked regions' surroundings hold.
        in_windows: those that overlap an asked region; each is applied or skipped for one reason.
        ref_checked: those whose REF allele was compared with the FASTA.
        ref_mismatched: those of them that differ.
        applied: those that were applied in at least one region.
        skipped: reason -> those that were applied in none.
    """

    records_read: int = 0
    in_windows: int = 0
    ref_checked: int = 0
    ref_mismatched: int = 0
    applied: int = 0
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, other: "ContigCounts") -> None:
        """Add another contig's counts."""
        self.records_read += other.records_read
        self.in_windows += other.in_windows
        self.ref_checked += other.ref_checked
        self.ref_mismatched += other.ref_mismatched
        self.applied += other.applied
        self.skipped.update(other.skipped)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "records_read": self.records_read,
            "in_windows": self.in_windows,
            "ref_checked": self.ref_checked,
            "ref_mismatched": self.ref_mismatched,
            "applied": self.applied,
            "skipped": dict(sorted(self.skipped.items())),
        }


class VariantTally:
    """Distinct records over any number of calls; a record counts once, and applied anywhere beats skipped."""

    def __init__(self) -> None:
        self._open: dict[str, _Records] = {}
        self._closed: dict[str, ContigCounts] = {}

    def add(self, chrom: str, keys: np.ndarray, outcomes: np.ndarray) -> None:
        """Count records that overlap a region.

        Args:
            chrom: the contig.
            keys: (n,) int64, a number for each record.
            outcomes: (n,) int8, what became of each, as its place in ``OUTCOMES``.

        Raises:
            ValueError: the contig was closed.
        """
        if chrom in self._closed:
            raise ValueError(f"the tally of {chrom} is closed")
        if len(keys):
            self._open.setdefault(chrom, _Records()).add(keys, outcomes)

    def add_read(self, chrom: str, keys: np.ndarray) -> None:
        """Count records that were read, whether they overlap a region or not; arguments as for :meth:`add`."""
        self.add(chrom, keys, np.full(len(keys), _READ, dtype=np.int8))

    def merge(self, other: "VariantTally") -> None:
        """Add another tally's records; of a contig that either has closed the counts are summed, and it is closed."""
        for chrom, records in other._open.items():
            keys, outcomes = records.distinct()
            if chrom in self._closed:
                self._closed[chrom].add(_counted(outcomes))
            else:
                self.add(chrom, keys, outcomes)
        for chrom, counts in other._closed.items():
            self.close_contig(chrom)
            self._closed.setdefault(chrom, ContigCounts()).add(counts)

    def close_contig(self, chrom: str) -> None:
        """Keep the counts of a contig and forget its records; nothing can be added to it any more."""
        if chrom in self._open:
            self._closed[chrom] = _counted(self._open.pop(chrom).distinct()[1])

    def records(self, chrom: str) -> tuple[np.ndarray, np.ndarray]:
        """Keys and outcomes of the distinct records of a contig that is not closed."""
        return self._open.get(chrom, _Records()).distinct()

    def contig(self, chrom: str) -> ContigCounts:
        """Counts of a contig."""
        if chrom in self._closed:
            return self._closed[chrom]
        return _counted(self.records(chrom)[1])

    def total(self) -> ContigCounts:
        """Counts over all contigs."""
        total = ContigCounts()
        for chrom in [*self._closed, *self._open]:
            total.add(self.contig(chrom))
        return total

    def to_dict(self) -> dict[str, Any]:
        """``contigs`` by name, and ``total``, ready for JSON."""
        names = [*self._closed, *self._open]
        return {"contigs": {name: self.contig(name).to_dict() for name in names}, "total": self.total().to_dict()}


class _Records:
    """Sightings of records, made distinct now and then."""

    def __init__(self) -> None:
        self._keys: list[np.ndarray] = []
        self._outcomes: list[np.ndarray] = []
        self._waiting = 0

    def add(self, keys: np.ndarray, outcomes: np.ndarray) -> None:
        self._keys.append(np.asarray(keys, dtype=np.int64))
        self._outcomes.append(np.asarray(outcomes, dtype=np.int8))
        self._waiting += len(keys)
        if self._waiting > _MOST_WAITING:
            self.distinct()

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """Keys, ascending, and the outcome of each: applied, else the first reason, else read only."""
        if len(self._keys) != 1 or self._waiting:
            keys = np.concatenate([np.zeros(0, dtype=np.int64), *self._keys])
            outcomes = np.concatenate([np.zeros(0, dtype=np.int8), *self._outcomes])
            weakness = np.where(outcomes == _APPLIED, 0, np.where(outcomes == _READ, 2, 1))
            order = np.lexsort((weakness, keys))  # stable: the first of equals stays first
            keys, outcomes = keys[order], outcomes[order]
            is_first = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
            self._keys, self._outcomes, self._waiting = [keys[is_first]], [outcomes[is_first]], 0
        return self._keys[0], self._outcomes[0]


def _counted(outcomes: np.ndarray) -> ContigCounts:
    kinds, counts = np.unique(outcomes, return_counts=True)
    count_of = {int(kind): int(count) for kind, count in zip(kinds, counts, strict=True)}
    outside, applied = count_of.pop(_READ, 0), count_of.pop(_APPLIED, 0)
    mismatched = count_of.get(OUTCOME_CODE[Outcome.REF_MISMATCH], 0)
    return ContigCounts(
        records_read=len(outcomes),
        in_windows=len(outcomes) - outside,
        ref_checked=applied + mismatched,
        ref_mismatched=mismatched,
        applied=applied,
        skipped=Counter({str(OUTCOMES[code]): count for code, count in count_of.items()}),
    )

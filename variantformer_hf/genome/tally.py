"""Counting distinct records: what was read, used and skipped, however often windows overlap."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .consensus import OUTCOME_CODE, OUTCOMES, Outcome

# In the place of an outcome: a record that was read and lies in no window.
READ = -1
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

    @classmethod
    def of(cls, outcomes: np.ndarray, counts: np.ndarray | None = None) -> "ContigCounts":
        """Counts of distinct records.

        Args:
            outcomes: (n,) what became of each, as for :meth:`VariantTally.add`, and -1 where it was read only.
            counts: (n,) how many records of a kind each entry stands for; None = one.
        """
        kinds, places = np.unique(outcomes, return_inverse=True)
        totals = np.bincount(places, weights=counts, minlength=len(kinds))
        count_of = {int(kind): int(total) for kind, total in zip(kinds, totals, strict=True)}
        n_records = sum(count_of.values())
        outside, applied = count_of.pop(READ, 0), count_of.pop(_APPLIED, 0)
        mismatched = count_of.get(OUTCOME_CODE[Outcome.REF_MISMATCH], 0)
        return cls(
            records_read=n_records,
            in_windows=n_records - outside,
            ref_checked=applied + mismatched,
            ref_mismatched=mismatched,
            applied=applied,
            skipped=Counter({str(OUTCOMES[code]): count for code, count in count_of.items()}),
        )

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
        self._records: dict[str, _Records] = {}
        self._counted: dict[str, ContigCounts] = {}

    def add(self, chrom: str, keys: np.ndarray, outcomes: np.ndarray) -> None:
        """Count records that overlap a region.

        Args:
            chrom: the contig.
            keys: (n,) int64, a number for each record.
            outcomes: (n,) int8, what became of each, as its place in ``OUTCOMES``.
        """
        if len(keys):
            self._records.setdefault(chrom, _Records()).add(keys, outcomes)

    def add_read(self, chrom: str, keys: np.ndarray) -> None:
        """Count records that were read, whether they overlap a region or not; arguments as for :meth:`add`."""
        self.add(chrom, keys, np.full(len(keys), READ, dtype=np.int8))

    def add_counts(self, chrom: str, counts: ContigCounts) -> None:
        """Add records that were counted elsewhere, none of which is met here too."""
        self._counted.setdefault(chrom, ContigCounts()).add(counts)

    def records(self, chrom: str) -> tuple[np.ndarray, np.ndarray]:
        """Keys and outcomes of the distinct records of a contig, of those that were added one by one."""
        return self._records.get(chrom, _Records()).distinct()

    def contig(self, chrom: str) -> ContigCounts:
        """Counts of a contig."""
        counts = ContigCounts.of(self.records(chrom)[1])
        if chrom in self._counted:
            counts.add(self._counted[chrom])
        return counts

    @property
    def contigs(self) -> list[str]:
        """Contigs with records, in the order in which they were met."""
        return list(dict.fromkeys([*self._counted, *self._records]))

    def total(self) -> ContigCounts:
        """Counts over all contigs."""
        total = ContigCounts()
        for chrom in self.contigs:
            total.add(self.contig(chrom))
        return total

    def to_dict(self) -> dict[str, Any]:
        """``contigs`` by name, and ``total``, ready for JSON."""
        return {
            "contigs": {name: self.contig(name).to_dict() for name in self.contigs},
            "total": self.total().to_dict(),
        }


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
            weakness = np.where(outcomes == _APPLIED, 0, np.where(outcomes == READ, 2, 1))
            order = np.lexsort((weakness, keys))  # stable: the first of equals stays first
            keys, outcomes = keys[order], outcomes[order]
            is_first = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
            self._keys, self._outcomes, self._waiting = [keys[is_first]], [outcomes[is_first]], 0
        return self._keys[0], self._outcomes[0]

"""Counting distinct records: what was read, used and skipped, however often windows overlap."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from .consensus import Outcome


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


def record_key(position: int, alleles: tuple[str, ...], copy: int) -> int:
    """A number for a record: its position, its alleles, and which of several identical ones it is."""
    return (position << 40) | ((crc32(",".join(alleles).encode()) << 8) & 0xFFFFFFFF00) | (copy & 0xFF)


class VariantTally:
    """Distinct records over any number of calls; a record counts once, and applied anywhere beats skipped."""

    def __init__(self) -> None:
        self._open: dict[str, dict[int, Outcome | None]] = {}
        self._closed: dict[str, ContigCounts] = {}

    def add(self, chrom: str, key: int, outcome: Outcome | None) -> None:
        """Count a record; ``outcome`` None = it was read and overlaps no region.

        Raises:
            ValueError: the contig was closed.
        """
        if chrom in self._closed:
            raise ValueError(f"the tally of {chrom} is closed")
        records = self._open.setdefault(chrom, {})
        before = records.get(key)
        if before is None or outcome is Outcome.APPLIED:
            records[key] = outcome

    def merge(self, other: "VariantTally") -> None:
        """Add another tally's records; of a contig that either has closed the counts are summed, and it is closed."""
        for chrom, records in other._open.items():
            if chrom in self._closed:
                self._closed[chrom].add(_counted(records))
                continue
            for key, outcome in records.items():
                self.add(chrom, key, outcome)
        for chrom, counts in other._closed.items():
            self.close_contig(chrom)
            self._closed.setdefault(chrom, ContigCounts()).add(counts)

    def close_contig(self, chrom: str) -> None:
        """Keep the counts of a contig and forget its records; nothing can be added to it any more."""
        if chrom in self._open:
            self._closed[chrom] = _counted(self._open.pop(chrom))

    def contig(self, chrom: str) -> ContigCounts:
        """Counts of a contig."""
        if chrom in self._closed:
            return self._closed[chrom]
        return _counted(self._open.get(chrom, {}))

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


def _counted(records: dict[int, Outcome | None]) -> ContigCounts:
    outcomes = Counter(records.values())
    read = len(records)
    outside = outcomes.pop(None, 0)
    applied = outcomes.pop(Outcome.APPLIED, 0)
    mismatched = outcomes.get(Outcome.REF_MISMATCH, 0)
    return ContigCounts(
        records_read=read,
        in_windows=read - outside,
        ref_checked=applied + mismatched,
        ref_mismatched=mismatched,
        applied=applied,
        skipped=Counter({str(outcome): count for outcome, count in outcomes.items()}),
    )

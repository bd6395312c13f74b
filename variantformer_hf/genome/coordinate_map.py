"""Where a base of the reference is in a person's sequence of a region, and the other way round."""

from dataclasses import dataclass

import numpy as np

from .personal import PersonalGenome
from .stretch import RegionEdits


@dataclass(frozen=True, slots=True)
class CoordinateMap:
    """Places of one region on the reference and in a person's sequence of it.

    Bases that records rewrite are matched from the left: of a deletion the first bases stay as far as ALT goes, of an
    insertion the bases behind REF's are new.

    Attributes:
        chrom, start, end: the region, 0-based half-open, by the FASTA's names.
        reverse: the sequence is read on the reverse strand.
        span_start, span_end: (S,) int64, on the reference, what the person's records rewrite, ascending.
        span_length: (S,) int64, bases that take its place.
    """

    chrom: str
    start: int
    end: int
    reverse: bool
    span_start: np.ndarray
    span_end: np.ndarray
    span_length: np.ndarray

    @classmethod
    def of(cls, person: PersonalGenome, chrom: str, start: int, end: int, *, reverse: bool = False) -> "CoordinateMap":
        """The map of a region.

        Args:
            person: the person.
            chrom, start, end: the region, 0-based half-open, by the FASTA's names.
            reverse: the sequence is read on the reverse strand.

        Raises:
            InputError: as for ``PersonalGenome.sequences``.
        """
        stretch = person.stretch(chrom, start, end)
        end = min(end, person.reference.contigs[chrom])
        return cls.of_edits(chrom, person.edits(stretch, np.array([start]), np.array([end])), reverse=reverse)

    @classmethod
    def of_edits(cls, chrom: str, edits: RegionEdits, *, reverse: bool = False) -> "CoordinateMap":
        """The map of one region whose edits are known.

        Args:
            chrom: its contig, by the FASTA.
            edits: of that region alone.
            reverse: the sequence is read on the reverse strand.
        """
        lengths = edits.alt_end - edits.alt_start
        return cls(chrom, int(edits.starts[0]), int(edits.ends[0]), reverse, edits.span_start, edits.span_end, lengths)

    @property
    def length(self) -> int:
        """Bases of the person's sequence."""
        return int(self.end - self.start + (self.span_length - (self.span_end - self.span_start)).sum())

    def to_personal(self, position: int) -> int | None:
        """0-based place of a reference base (0-based on the contig) in the person's sequence; None = deleted.

        Raises:
            ValueError: the base lies outside of the region.
        """
        if not self.start <= position < self.end:
            raise ValueError(f"{position} lies outside of [{self.start}, {self.end})")
        span = int(np.searchsorted(self.span_start, position, side="right")) - 1
        place = position - self.start
        if span >= 0:
            gained = self.span_length - (self.span_end - self.span_start)
            if position < self.span_end[span]:
                within = position - int(self.span_start[span])
                if within >= self.span_length[span]:
                    return None
                span -= 1
            place += int(gained[: span + 1].sum())
        return self.length - 1 - place if self.reverse else place

    def boundaries(self, positions: np.ndarray) -> np.ndarray:
        """How many bases of the person's forward sequence stand for [start, position), (n,) int64.

        Of a deletion that a position lies in, none behind ALT; inserted bases go with the base that they follow.

        Args:
            positions: (n,), 0-based on the contig, from ``start`` to ``end``, both included.

        Raises:
            ValueError: one lies outside.
        """
        positions = np.asarray(positions, dtype=np.int64)
        if ((positions < self.start) | (positions > self.end)).any():
            raise ValueError(f"positions lie outside of [{self.start}, {self.end}]")
        gained = np.concatenate([[0], np.cumsum(self.span_length - (self.span_end - self.span_start))])
        whole = np.searchsorted(self.span_end, positions, side="right")
        places = positions - self.start + gained[whole]
        if len(self.span_start):
            span = np.minimum(whole, len(self.span_start) - 1)
            within = np.where(whole < len(self.span_start), positions - self.span_start[span], 0)
            places -= np.maximum(np.maximum(within, 0) - self.span_length[span], 0)
        return places

    def to_reference(self, place: int) -> int | None:
        """0-based position on the contig of a base of the person's sequence; None = inserted.

        Raises:
            ValueError: the sequence has no such base.
        """
        if not 0 <= place < self.length:
            raise ValueError(f"the sequence has {self.length} bases, and none at {place}")
        forward = self.length - 1 - place if self.reverse else place
        gained = np.cumsum(self.span_length - (self.span_end - self.span_start))
        before = np.concatenate([[0], gained])[:-1]
        starts = self.span_start - self.start + before
        span = int(np.searchsorted(starts, forward, side="right")) - 1
        if span < 0:
            return self.start + forward
        within = forward - int(starts[span])
        if within < self.span_length[span]:
            size = int(self.span_end[span] - self.span_start[span])
            return int(self.span_start[span]) + within if within < size else None
        return self.start + forward - int(gained[span])

"""One person's bases around a place, always as many: what a network of a fixed length reads.

Insertions and deletions move what stands behind them; the window's place (the TSS) stays where it is, so that at the
two far ends bases are cut off, or the person's bases are read on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import ContigError
from ...genome.coordinate_map import CoordinateMap
from ...genome.haplotype_stretch import HaplotypeStretch
from ...genome.interval import Interval
from ...genome.personal import PersonalGenome
from ...genome.reference import ReferenceGenome
from ...genome.stretch import PersonalStretch
from ...tokenization.one_hot import one_hot
from ..statuses import WINDOW_OFF_CONTIG


@dataclass(frozen=True, slots=True)
class WindowPlace:
    """Where a window lies on the reference.

    Attributes:
        interval: the window, 0-based half-open, by the FASTA's names; it may reach beyond the contig.
        anchor: 0-based position that keeps its place in the window, whatever a person carries.
    """

    interval: Interval
    anchor: int

    @classmethod
    def around(cls, chrom: str, anchor: int, length: int) -> "WindowPlace":
        """The window with as many bases before the anchor as from it on; one less of an odd length."""
        start = anchor - length // 2
        return cls(Interval(chrom, start, start + length), anchor)

    @classmethod
    def of_interval(cls, interval: Interval) -> "WindowPlace":
        """An interval, with its middle base as what keeps its place."""
        return cls(interval, interval.start + (interval.end - interval.start) // 2)

    @property
    def length(self) -> int:
        """Bases of the window."""
        return self.interval.end - self.interval.start

    @property
    def before(self) -> int:
        """Bases of the window before the anchor."""
        return self.anchor - self.interval.start

    def is_on(self, reference: ReferenceGenome) -> bool:
        """Whether the contig has all of it."""
        return self.interval.start >= 0 and self.interval.end <= _contig_length(reference, self.interval.chrom)


@dataclass(frozen=True, slots=True, eq=False)
class PersonWindow:
    """One sequence of a person around a place.

    Attributes:
        letters: (L,) uint8 ASCII codes, forward strand; letter case as in the FASTA.
        read: what was read on the reference: the window, and as far beyond it as deletions ask for.
        shift: what is added to a place in the person's sequence of ``read`` to have the one in ``letters``.
        places: of the reference in the person's sequence.
    """

    letters: np.ndarray
    read: Interval
    shift: int
    places: CoordinateMap

    def one_hot(self, n: float = 0.0) -> np.ndarray:
        """(L, 4) float32 in the order A, C, G, T; an ambiguity letter is shares of its bases.

        Args:
            n: what N writes into each of the four.
        """
        return one_hot(self.letters, n=n, iupac=True)

    def places_of(self, positions: Sequence[int] | np.ndarray) -> np.ndarray:
        """(n,) int64: how many letters stand before reference positions (of the window, its end included).

        Not cut to the window: less than 0, or more than L, is outside of it.
        """
        return self.places.boundaries(np.asarray(positions)) + self.shift

    def is_moved(self, start: int, end: int) -> bool:
        """Whether an insertion or deletion touches [start, end) of the reference."""
        places = self.places
        is_indel = places.span_end - places.span_start != places.span_length
        return bool((is_indel & (places.span_start <= end) & (places.span_end >= start)).any())

    def same_as(self, other: "PersonWindow") -> bool:
        """Whether both read the same, with the same bases of the reference at the same places."""
        return (
            np.array_equal(self.letters, other.letters)
            and (self.read, self.shift) == (other.read, other.shift)
            and _moves(self.places) == _moves(other.places)
        )


@dataclass(frozen=True, slots=True)
class PersonWindows:
    """What is read of a person around a place: a sequence, or in the mode ``haplotypes`` two unless they are the same.

    Attributes:
        windows: the sequences; none where there is a status.
        status: "", or ``window_off_contig``.
    """

    windows: tuple[PersonWindow, ...]
    status: str = ""

    def one_hot(self, n: float = 0.0) -> np.ndarray:
        """(sequences, L, 4) float32, see :meth:`PersonWindow.one_hot`."""
        return np.stack([each.one_hot(n) for each in self.windows])


def read_windows(person: PersonalGenome, place: WindowPlace, stretch: PersonalStretch | None = None) -> PersonWindows:
    """Read a person around a place, in the mode of the person's options.

    Args:
        person: the person.
        place: where.
        stretch: the person's records there, at least of the window; None = they are read.

    Raises:
        ContigError: the FASTA lacks the contig.
        InputError: as for ``PersonalGenome.sequences``.
    """
    windows = read_each(person, place, stretch)
    if windows is None:
        return PersonWindows((), WINDOW_OFF_CONTIG)
    is_one = all(each.same_as(windows[0]) for each in windows)
    return PersonWindows(windows[:1] if is_one else windows)


def read_each(
    person: PersonalGenome, place: WindowPlace, stretch: PersonalStretch | None = None
) -> tuple[PersonWindow, ...] | None:
    """A window of each of a person's readings, whether or not they are the same; None = it is not all on the contig.

    Arguments and errors as of :func:`read_windows`.
    """
    if not place.is_on(person.reference):
        return None
    window = place.interval
    if stretch is None:
        stretch = person.stretch(window.chrom, window.start, window.end)
    of_each = stretch.haplotypes if isinstance(stretch, HaplotypeStretch) else (stretch,)
    found = [_read(each, part, place) for each, part in zip(person.readings(), of_each, strict=True)]
    windows = tuple(each for each in found if each is not None)
    return windows if len(windows) == len(found) else None


def read_from(person: PersonalGenome, places: Sequence[WindowPlace]) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of the stretches of the reference that a person's windows around places are read from.

    Errors as of :func:`read_windows`; places whose windows reach beyond the contig have none.
    """
    found = [window.read for place in places for window in read_each(person, place) or ()]
    starts, ends = np.array([each[1:] for each in found], dtype=np.int64).reshape(-1, 2).T
    return starts, ends


def _read(person: PersonalGenome, stretch: PersonalStretch, place: WindowPlace) -> PersonWindow | None:
    """One sequence; None where the contig ends before as many bases are read."""
    chrom, low, high = place.interval
    while low >= 0 and high <= _contig_length(person.reference, chrom):
        first, last = stretch.touched(low, high)
        edits = person.edits(stretch, np.array([low]), np.array([high]))
        places = CoordinateMap.of_edits(chrom, edits)
        at = int(places.boundaries(np.array([place.anchor]))[0])
        # What is deleted is made up for from farther out, and records there may touch those that are here.
        low_wanted = min(first, low - max(place.before - at, 0))
        high_wanted = max(last, high + max(place.length - place.before - (int(edits.lengths[0]) - at), 0))
        if (low_wanted, high_wanted) == (low, high):
            letters = np.frombuffer(stretch.sequences(edits)[0].encode("ascii"), dtype=np.uint8)
            begin = at - place.before
            return PersonWindow(letters[begin : begin + place.length], Interval(chrom, low, high), -begin, places)
        low, high = low_wanted, high_wanted
        stretch = person.stretch(chrom, low, high)
    return None


def _moves(places: CoordinateMap) -> list[tuple[int, int, int]]:
    """Spans that are not as long as on the reference."""
    is_indel = places.span_end - places.span_start != places.span_length
    columns = (places.span_start[is_indel], places.span_end[is_indel], places.span_length[is_indel])
    return list(zip(*(each.tolist() for each in columns), strict=True))


def _contig_length(reference: ReferenceGenome, chrom: str) -> int:
    if chrom not in reference.contigs:
        raise ContigError(f"has no contig {chrom}", file=reference.path, remedy="Name one that the FASTA has.")
    return reference.contigs[chrom]

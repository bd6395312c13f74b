"""Which bins of a window a gene's value is the sum over."""

import re
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...genome.interval import Interval
from .person_window import PersonWindow

_FORMS = re.compile(r"(tss|centre):([1-9]\d*)|exons")


@dataclass(frozen=True, slots=True)
class ReadOut:
    """A way to choose bins.

    Attributes:
        kind: ``tss`` (bins around the one that holds the TSS), ``centre`` (bins in the middle of the window) or
            ``exons`` (bins that hold a base of an exon of the gene).
        count: of bins, for the first two; of an even number the one more is before.
    """

    kind: str
    count: int = 0

    @classmethod
    def parse(cls, text: str) -> "ReadOut":
        """Read ``tss:3``, ``centre:10`` or ``exons``.

        Raises:
            InputError: it is none of these.
        """
        found = _FORMS.fullmatch(text)
        if found is None:
            raise InputError(f"there is no read-out {text!r}", remedy="Give tss:BINS, centre:BINS or exons.")
        return cls(found[1] or "exons", int(found[2] or 0))

    def __str__(self) -> str:
        return f"{self.kind}:{self.count}" if self.count else self.kind

    def check(self, length: int, bin_size: int) -> None:
        """Refuse more bins than a window has.

        Raises:
            InputError: there are not as many around the TSS, or in the middle.
        """
        first, last = self.bins_of(length, bin_size)
        n_bins = -(-length // bin_size)
        if first < 0 or last > n_bins:
            raise InputError(
                f"the read-out {self} asks for {self.count} bins, a window of {length:,} bases has {n_bins}",
                remedy="Ask for fewer bins, or for a longer window.",
            )

    def on_reference(self, window: Interval, bin_size: int, exons: np.ndarray) -> np.ndarray:
        """Stretches of the reference that are read out of a window around a TSS, (S, 2) int64, within the window.

        Args:
            window: on the reference.
            bin_size: bases of a bin.
            exons: (E, 2) of the gene, 0-based half-open.
        """
        bins = np.array([self.bins_of(window.end - window.start, bin_size)], dtype=np.int64)
        stretches = exons if self.kind == "exons" else window.start + bins * bin_size
        inside = np.clip(stretches, window.start, window.end)
        return inside[inside[:, 1] > inside[:, 0]]

    def bins(self, window: PersonWindow, stretches: np.ndarray, bin_size: int) -> np.ndarray:
        """Which bins of a person's window are read, (bins,) bool; none where the person has lost all of it.

        Exons are looked for where the person has them. The TSS and the middle have kept their place, and so have their
        bins, as long as a base of the reference is left of them.

        Args:
            window: of the person.
            stretches: as of :meth:`on_reference`.
            bin_size: bases of a bin.
        """
        length = len(window.letters)
        places = np.clip(window.places_of(stretches.ravel()).reshape(-1, 2), 0, length)
        places = places[places[:, 1] > places[:, 0]]
        firsts, lasts = places[:, 0] // bin_size, -(-places[:, 1] // bin_size)
        if self.kind != "exons" and len(places):
            firsts, lasts = (np.array([each]) for each in self.bins_of(length, bin_size))
        bins = np.zeros(-(-length // bin_size), dtype=bool)
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            bins[first:last] = True
        return bins

    def bins_of(self, length: int, bin_size: int) -> tuple[int, int]:
        """First bin, and the one behind the last: around the TSS, which begins the second half, or in the middle.

        Args:
            length: bases of the window.
            bin_size: bases of a bin.
        """
        middle = length // 2 // bin_size if self.kind == "tss" else -(-length // bin_size) // 2
        return middle - self.count // 2, middle - self.count // 2 + self.count

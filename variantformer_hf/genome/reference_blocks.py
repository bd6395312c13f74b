"""Bases of one contig of the reference, read in blocks."""

import numpy as np

from .reference import ReferenceGenome

# Bases of the reference that are read at a time.
_BLOCK = 1 << 24


class ReferenceBlocks:
    """Bases of one contig, read a few million at a time, for readers that go along it."""

    def __init__(self, reference: ReferenceGenome, chrom: str, start: int, end: int) -> None:
        self._reference, self._chrom = reference, chrom
        self._first, self._last = start, min(end, reference.contigs[chrom])
        self._start = self._stop = start
        self._bases = np.zeros(0, dtype=np.uint8)

    def bases(self, start: int, end: int) -> np.ndarray:
        """(end - start,) uint8 characters, fewer at the contig's end."""
        end = min(end, self._reference.contigs[self._chrom])
        if start < self._start or end > self._stop:
            # Blocks overlap by half, so that neighbouring pieces up to that size come from one.
            first = start - (start - self._first) % (_BLOCK // 2)
            stop = max(end, min(first + _BLOCK, self._last))
            self._bases = self._reference.block(self._chrom, first, stop)
            self._start, self._stop = first, stop
        return self._bases[start - self._start : end - self._start]

    def at(self, positions: np.ndarray) -> np.ndarray:
        """(n,) uint8 characters at ascending positions."""
        found = np.empty(len(positions), dtype=np.uint8)
        first = 0
        while first < len(positions):
            self.bases(int(positions[first]), int(positions[first]) + 1)
            last = int(np.searchsorted(positions, self._stop))
            found[first:last] = self._bases[positions[first:last] - self._start]
            first = last
        return found

"""Search for the intervals of one contig that overlap another, in microseconds."""

import numpy as np


class SortedIntervals:
    """Intervals of one contig, sorted by start; they may overlap, lie in one another and be of any length.

    Args:
        start, end: (n,) int64, 0-based half-open, ``start`` ascending.
    """

    def __init__(self, start: np.ndarray, end: np.ndarray) -> None:
        self.start = start
        self.end = end
        # A long interval may reach over many later ones: ends are not sorted, the furthest end so far is.
        self._furthest_end = np.maximum.accumulate(end)

    def overlapping(self, start: int, end: int) -> np.ndarray:
        """Indices, ascending, of the intervals that share a base with [start, end); an empty interval shares none.

        Raises:
            ValueError: ``end`` is before ``start``.
        """
        if end < start:
            raise ValueError(f"the interval {start}-{end} ends before it starts")
        if start == end:
            return np.zeros(0, dtype=np.int64)
        first = int(np.searchsorted(self._furthest_end, start, side="right"))
        last = int(np.searchsorted(self.start, end, side="left"))
        return first + np.flatnonzero(self.end[first:last] > start)

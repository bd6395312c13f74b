"""Many intervals at once: their union, and the search for those that overlap another."""

from collections.abc import Iterable

import numpy as np

from .interval import Interval


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The union of intervals, sorted, without overlaps; such as touch become one."""
    found: list[Interval] = []
    for interval in sorted(intervals):
        if found and found[-1].chrom == interval.chrom and interval.start <= found[-1].end:
            found[-1] = Interval(interval.chrom, found[-1].start, max(found[-1].end, interval.end))
        else:
            found.append(interval)
    return found


def union(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The union of intervals of one contig; empty ones have no part in it, such as touch become one.

    Args:
        starts, ends: (n,) int64, 0-based half-open, in any order.

    Returns:
        (U, 2) int64, sorted, without overlaps.
    """
    kept = ends > starts
    starts, ends = starts[kept], ends[kept]
    if not len(starts):
        return np.zeros((0, 2), dtype=np.int64)
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    furthest = np.maximum.accumulate(ends)
    begins = np.append(True, starts[1:] > furthest[:-1])
    first = np.flatnonzero(begins)
    return np.stack([starts[first], furthest[np.append(first[1:], len(starts)) - 1]], axis=1)


def overlaps(start: np.ndarray, end: np.ndarray, within: np.ndarray | None) -> np.ndarray:
    """Which intervals share a base with a union of intervals.

    Args:
        start, end: (n,) int64, 0-based half-open, of one contig.
        within: (U, 2) as of :func:`union`; None = the whole contig.

    Returns:
        (n,) bool.
    """
    if within is None:
        return np.ones(len(start), dtype=bool)
    if not len(within):
        return np.zeros(len(start), dtype=bool)
    place = np.searchsorted(within[:, 1], start, side="right")
    is_before_end = place < len(within)
    return is_before_end & (within[np.minimum(place, len(within) - 1), 0] < end)


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

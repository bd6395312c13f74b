"""Edits of a stretch in clusters of those that touch: edits of different clusters do not know of each other."""

from dataclasses import dataclass

import numpy as np

from .stretch_records import StretchRecords


@dataclass(frozen=True, slots=True)
class ClusterRanges:
    """Which clusters lie inside each of R regions: from ``first`` to before ``last``; whether its edges cut one.

    Attributes:
        first, last: (R,) int64; the cluster that the left edge cuts is ``first - 1``, the right one's is ``last``.
        cut_left, cut_right: (R,) bool.
    """

    first: np.ndarray
    last: np.ndarray
    cut_left: np.ndarray
    cut_right: np.ndarray


class EditClusters:
    """Records that ask for edits, split where one begins beyond all before it.

    Args:
        records: of the stretch.

    Attributes:
        start, end: (C,) int64, bases of the reference that the edits of each look at, 0-based half-open.
        members: (E,) int64, records that ask for edits, ascending.
        first: (C + 1,) int64, members of cluster c are ``first[c]`` to ``first[c + 1]``.
        is_snp: (C,) bool, it is one SNP.
    """

    def __init__(self, records: StretchRecords) -> None:
        self.members = records.with_edits
        start, end = records.position[self.members], records.edit_end[self.members]
        begins = np.ones(len(self.members), dtype=bool)
        if len(self.members):
            begins[1:] = start[1:] >= np.maximum.accumulate(end)[:-1]
        first = np.flatnonzero(begins)
        self.first = np.append(first, len(self.members))
        self.start = start[first]
        self.end = np.maximum.reduceat(end, first) if len(first) else end
        self.is_snp = (np.diff(self.first) == 1) & (records.letter[self.members[first]] > 0)

    def __len__(self) -> int:
        return len(self.start)

    def records_of(self, cluster: int) -> np.ndarray:
        """Indices, ascending, of a cluster's records."""
        return self.members[self.first[cluster] : self.first[cluster + 1]]

    def touched(self, start: int, end: int) -> tuple[int, int]:
        """[start, end) widened to all edits that touch it, directly or by others: what a change in it may change."""
        first = int(np.searchsorted(self.end, start, side="left"))
        last = int(np.searchsorted(self.start, end, side="right"))
        if first < last:
            start, end = min(start, int(self.start[first])), max(end, int(self.end[last - 1]))
        return start, end

    def ranges(self, starts: np.ndarray, ends: np.ndarray) -> ClusterRanges:
        """Which clusters lie in each region.

        Args:
            starts, ends: (R,) int64, 0-based half-open, in any order; they may overlap.
        """
        n_clusters = len(self)
        first = np.searchsorted(self.start, starts, side="left")
        last = np.searchsorted(self.end, ends, side="left")
        if not n_clusters:
            nowhere = np.zeros(len(starts), dtype=bool)
            return ClusterRanges(first, last, nowhere, nowhere)
        # A lone SNP at the last base needs no base behind it.
        at_end = np.minimum(last, n_clusters - 1)
        last = last + ((last < n_clusters) & self.is_snp[at_end] & (self.end[at_end] == ends))
        before, after = np.maximum(first - 1, 0), np.minimum(last, n_clusters - 1)
        cut_left = (first > 0) & (self.end[before] > starts)
        cut_right = (last < n_clusters) & (last >= first) & (self.start[after] < ends)
        return ClusterRanges(first, last, cut_left, cut_right)

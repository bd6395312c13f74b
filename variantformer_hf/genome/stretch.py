"""One person's records of a stretch of a contig, resolved once, and cut into any number of regions.

Each region must read as if nothing lay beyond it. That still lets most work be shared: edits that do not touch each
other do not know of each other, so records are split into clusters of edits that do. What a cluster writes is the same
in every region that holds all of it; only at a region's edge a cluster is resolved anew. A cluster of one SNP, which
nearly all are, is one comparison in an array.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .cluster_spans import APPLIED, MISMATCH, Rewritten, WholeClusters, rewritten
from .consensus import Edit, Outcome
from .edit_clusters import ClusterRanges, EditClusters
from .intervals import union
from .options import GenotypeOptions
from .record_columns import RecordColumns
from .reference import ReferenceGenome
from .reference_blocks import ReferenceBlocks
from .snp_genotypes import EDIT
from .stretch_records import read_records

_BASES_AT_ONCE = 1 << 24


@dataclass(frozen=True, slots=True)
class RegionEdits:
    """What a person's records change in some regions: R regions, S spans in all, in order within each region.

    Attributes:
        starts, ends: (R,) int64, the regions on the reference, 0-based half-open.
        offsets: (R + 1,) int64, spans of region r are ``offsets[r]`` to ``offsets[r + 1]``.
        span_start, span_end: (S,) int64, on the reference; at least one base, those of a region do not overlap.
        alt_start, alt_end: (S,) int64, where in ``alts`` the bases stand that take their place; may be none.
        alts: (A,) uint8 characters, letter case as in the reference.
        mismatch: record whose REF is not what the FASTA holds, or None.
    """

    starts: np.ndarray
    ends: np.ndarray
    offsets: np.ndarray
    span_start: np.ndarray
    span_end: np.ndarray
    alt_start: np.ndarray
    alt_end: np.ndarray
    alts: np.ndarray
    mismatch: int | None

    @property
    def lengths(self) -> np.ndarray:
        """(R,) int64, bases that each region has in the person."""
        gained = (self.alt_end - self.alt_start) - (self.span_end - self.span_start)
        total = np.concatenate([[0], np.cumsum(gained)])
        return self.ends - self.starts + total[self.offsets[1:]] - total[self.offsets[:-1]]


class PersonalStretch:
    """One person's records of a stretch.

    Args:
        reference: the reference genome.
        chrom, start, end: the stretch, 0-based half-open, by the FASTA's names.
        parts: the records in file order, some at a time.
        chosen: index in a part -> the edit that a record asks for or why it asks for none; for all but plain ones.
        options: how genotypes become sequence.
        within: (U, 2) sorted intervals without overlap; records outside are counted and otherwise passed over.
    """

    def __init__(
        self,
        reference: ReferenceGenome,
        chrom: str,
        start: int,
        end: int,
        parts: Iterable[RecordColumns],
        chosen: Callable[[RecordColumns, int], Edit | Outcome],
        options: GenotypeOptions,
        within: np.ndarray | None = None,
    ) -> None:
        self.chrom = chrom
        self._reference = ReferenceBlocks(reference, chrom, start, end)
        self._records = read_records(parts, chosen, options, within)
        self._clusters = EditClusters(self._records)
        self._whole = WholeClusters.resolve(self._records, self._clusters, self._reference, start, end)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def keys(self) -> np.ndarray:
        """(n,) int64, a number for each record, the same whichever stretch it is read in."""
        return self._records.keys

    def lies_within(self, start: int, end: int) -> np.ndarray:
        """(n,) bool, which records lie within [start, end) with all bases by which regions find them."""
        return (self._records.position >= start) & (self._records.end <= end)

    def position(self, record: int) -> int:
        """0-based position of a record."""
        return int(self._records.position[record])

    def asks_for_edit(self, record: int) -> bool:
        """Whether a record asks for an edit."""
        return int(self._records.outcome[record]) == EDIT

    def ref_of(self, record: int) -> str:
        """REF of a record that asks for an edit."""
        return self._records.edit(record).ref

    def touched(self, start: int, end: int) -> tuple[int, int]:
        """[start, end) widened to all edits that touch it, directly or by others: what a change in it may change."""
        return self._clusters.touched(start, end)

    def edits(self, starts: np.ndarray, ends: np.ndarray) -> RegionEdits:
        """What the records change in regions, each by itself.

        Args:
            starts, ends: (R,) int64, within the stretch and the contig, in any order; they may overlap.
        """
        ranges = self._clusters.ranges(starts, ends)
        span_first = self._whole.first_span[ranges.first]
        span_last = self._whole.first_span[np.maximum(ranges.last, ranges.first)]
        spans, at_edge = self._edges(starts, ends, ranges)
        mismatch = self._mismatch(self._inner(ranges) if len(self._whole.mismatched) else None, at_edge)
        return RegionEdits(starts, ends, **self._collected(span_first, span_last, spans), mismatch=mismatch)

    def records(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, int | None]:
        """What became of the records that overlap regions.

        Args:
            starts, ends: as for :meth:`edits`.

        Returns:
            (n,) int64 indices into the stretch, ascending, of the records that overlap any of the regions; (n,) int8
            indices into ``OUTCOMES``, what became of each, where applied anywhere counts as applied; ``mismatch`` as of
            :class:`RegionEdits`.
        """
        ranges = self._clusters.ranges(starts, ends)
        return self._became(starts, ends, self._inner(ranges), self._edges(starts, ends, ranges)[1])

    def sequences(self, edits: RegionEdits) -> list[str]:
        """The regions' bases with their edits; letter case as in the reference."""
        from ..compiled import HAS_NUMBA

        if not len(edits.starts):
            return []
        low, high = int(edits.starts.min()), int(edits.ends.max())
        # Those of a stretch that is too long for one piece of the reference are read region by region.
        if HAS_NUMBA and high - low <= _BASES_AT_ONCE:
            return self._spliced(edits, low, high)
        return self._joined(edits)

    def _spliced(self, edits: RegionEdits, low: int, high: int) -> list[str]:
        """All sequences by a compiled kernel, as one text and cut."""
        from .splice_kernels import splice

        first = np.concatenate([[0], np.cumsum(edits.lengths)])
        out = np.empty(int(first[-1]), dtype=np.uint8)
        columns = edits.offsets, edits.span_start, edits.span_end, edits.alt_start, edits.alt_end, edits.alts
        splice(self._reference.bases(low, high), low, edits.starts, edits.ends, *columns, out, first)
        text = str(out.data, "ascii")
        return [text[begin:end] for begin, end in pairwise(first.tolist())]

    def _joined(self, edits: RegionEdits) -> list[str]:
        """Each sequence from its pieces."""
        result = []
        alts = edits.alts.tobytes()
        columns = (edits.span_start, edits.span_end, edits.alt_start, edits.alt_end)
        spans = list(zip(*(column.tolist() for column in columns), strict=True))
        bounds = edits.offsets.tolist()
        regions = zip(edits.starts.tolist(), edits.ends.tolist(), bounds[:-1], bounds[1:], strict=True)
        for start, end, low, high in regions:
            bases = self._reference.bases(start, end).tobytes() if end > start else b""
            if high > low:
                pieces, cursor = [], start
                for span_start, span_end, alt_start, alt_end in spans[low:high]:
                    pieces += [bases[cursor - start : span_start - start], alts[alt_start:alt_end]]
                    cursor = span_end
                bases = b"".join([*pieces, bases[cursor - start :]])
            result.append(bases.decode("ascii"))
        return result

    def bases(self, start: int, end: int) -> np.ndarray:
        """(end - start,) uint8 characters of the reference."""
        return self._reference.bases(start, end)

    def _edges(
        self, starts: np.ndarray, ends: np.ndarray, ranges: ClusterRanges
    ) -> tuple[dict[tuple[int, bool], Rewritten], list[tuple[int, int]]]:
        """Spans of clusters that regions cut, by region and side; records of those clusters and their outcomes."""
        spans: dict[tuple[int, bool], Rewritten] = {}
        outcomes: list[tuple[int, int]] = []
        for is_left, cut, clusters in (
            (True, ranges.cut_left, ranges.first - 1),
            (False, ranges.cut_right, ranges.last),
        ):
            for region in np.flatnonzero(cut).tolist():
                span, became = self._at_edge(int(clusters[region]), int(starts[region]), int(ends[region]))
                outcomes += became
                if span is not None:
                    spans[region, is_left] = span
        return spans, outcomes

    def _at_edge(self, cluster: int, start: int, end: int) -> tuple[Rewritten | None, list[tuple[int, int]]]:
        """A cluster that a region cuts, resolved in that region: span, and (record, outcome) of its records there."""
        members = self._clusters.records_of(cluster)
        members = members[(self._records.position[members] < end) & (self._records.end[members] > start)]
        if not len(members):
            return None, []
        begin = max(start, int(self._clusters.start[cluster]))
        stop = min(end, int(self._clusters.end[cluster]))
        first_base = chr(self._reference.bases(start, start + 1)[0]) if begin > start else ""
        bases = self._reference.bases(begin, min(end, stop + 1))
        span, outcomes = rewritten(self._records, members, begin, stop, bases, first_base)
        return span, list(zip(members.tolist(), outcomes, strict=True))

    def _collected(
        self, span_first: np.ndarray, span_last: np.ndarray, edges: dict[tuple[int, bool], Rewritten]
    ) -> dict[str, np.ndarray]:
        """Spans of all regions, one region's behind the other's, as ``RegionEdits`` has them."""
        counts = span_last - span_first
        spans = self._whole.spans
        starts, ends, alt_starts, alt_ends, alts = spans.start, spans.end, spans.alt_start, spans.alt_end, spans.alts
        offsets = np.concatenate([[0], np.cumsum(counts)])
        rows = np.arange(offsets[-1]) + np.repeat(span_first - offsets[:-1], counts)
        if edges:
            places = sorted(edges, key=lambda place: (place[0], not place[1]))
            extra = [edges[place] for place in places]
            sizes = np.array([len(span.written) for span in extra])
            ends_of_extra = len(alts) + np.cumsum(sizes)
            at = [offsets[region] if is_left else offsets[region + 1] for region, is_left in places]
            rows = np.insert(rows, at, len(starts) + np.arange(len(extra)))
            counts = counts + np.bincount([region for region, _ in places], minlength=len(counts))
            offsets = np.concatenate([[0], np.cumsum(counts)])
            starts = np.append(starts, [span.start for span in extra])
            ends = np.append(ends, [span.end for span in extra])
            alt_starts, alt_ends = np.append(alt_starts, ends_of_extra - sizes), np.append(alt_ends, ends_of_extra)
            alts = np.append(alts, np.frombuffer(b"".join(span.written for span in extra), dtype=np.uint8))
        return {
            "offsets": offsets,
            "span_start": starts[rows],
            "span_end": ends[rows],
            "alt_start": alt_starts[rows],
            "alt_end": alt_ends[rows],
            "alts": alts,
        }

    def _inner(self, ranges: ClusterRanges) -> np.ndarray:
        """(C,) bool, which clusters lie inside any region."""
        depth = np.zeros(len(self._clusters) + 1, dtype=np.int64)
        whole = ranges.last > ranges.first
        np.add.at(depth, ranges.first[whole], 1)
        np.add.at(depth, ranges.last[whole], -1)
        return np.cumsum(depth)[:-1] > 0

    def _mismatch(self, is_inner: np.ndarray | None, at_edge: list[tuple[int, int]]) -> int | None:
        """A record whose REF is not in the FASTA, of clusters inside regions (None = of none), or of those at edges."""
        outcome = self._whole.outcome
        for cluster in self._whole.mismatched.tolist():
            if is_inner is not None and is_inner[cluster]:
                members = self._clusters.records_of(cluster)
                return int(members[outcome[members] == MISMATCH][0])
        return next((record for record, code in at_edge if code == MISMATCH), None)

    def _became(
        self, starts: np.ndarray, ends: np.ndarray, is_inner: np.ndarray, at_edge: list[tuple[int, int]]
    ) -> tuple[np.ndarray, np.ndarray, int | None]:
        """Records that overlap any region, what became of them, and one of them whose REF is not in the FASTA."""
        outcomes = self._records.outcome.copy()
        inner_records = self._clusters.members[np.repeat(is_inner, np.diff(self._clusters.first))]
        outcomes[inner_records] = self._whole.outcome[inner_records]
        for record, code in at_edge:
            if code == APPLIED or outcomes[record] == EDIT:
                outcomes[record] = code
        records = self._records.overlapping(union(starts, ends))
        return records, outcomes[records], self._mismatch(is_inner, at_edge)

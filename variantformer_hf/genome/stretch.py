"""One person's records of a stretch of a contig, resolved once, and cut into any number of regions.

Each region must read as if nothing lay beyond it. That still lets most work be shared: edits that do not touch each
other do not know of each other, so records are split into clusters of edits that do. What a cluster writes is the same
in every region that holds all of it; only at a region's edge a cluster is resolved anew. A cluster of one SNP, which
nearly all are, is one comparison in an array.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from .consensus import OUTCOME_CODE, Edit, Outcome, apply_alone, apply_edits
from .intervals import overlaps, union
from .record_columns import MISSING, RecordColumns
from .reference import ReferenceGenome

_EDIT = -1
_APPLIED, _MISMATCH = OUTCOME_CODE[Outcome.APPLIED], OUTCOME_CODE[Outcome.REF_MISMATCH]
_LETTERS = np.frombuffer(b".ACMGRSVTWYHKDBN", dtype=np.uint8)
_BITS = np.zeros(256, dtype=np.uint8)
_BITS[_LETTERS[1:]] = np.arange(1, 16)
_BITS[_LETTERS[1:] + 32] = np.arange(1, 16)
_UPPER = np.arange(256, dtype=np.uint8)
_UPPER[ord("a") : ord("z") + 1] -= 32
# Bases of the reference that are read at a time.
_BLOCK = 1 << 24
_COPY_BITS, _ALLELE_BITS = 8, 24


@dataclass(frozen=True, slots=True)
class RegionEdits:
    """What a person's records change in some regions: R regions, S spans in all, in order within each region.

    Attributes:
        starts, ends: (R,) int64, the regions on the reference, 0-based half-open.
        offsets: (R + 1,) int64, spans of region r are ``offsets[r]`` to ``offsets[r + 1]``.
        span_start, span_end: (S,) int64, on the reference; at least one base, those of a region do not overlap.
        alt_start, alt_end: (S,) int64, where in ``alts`` the bases stand that take their place; may be none.
        alts: (A,) uint8 characters, letter case as in the reference.
        records: (n,) int64 indices into the stretch, ascending: records that overlap any of the regions.
        outcomes: (n,) int8 indices into ``OUTCOMES``, what became of each; applied anywhere counts as applied.
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
    records: np.ndarray
    outcomes: np.ndarray
    mismatch: int | None

    @property
    def lengths(self) -> np.ndarray:
        """(R,) int64, bases that each region has in the person."""
        gained = (self.alt_end - self.alt_start) - (self.span_end - self.span_start)
        total = np.concatenate([[0], np.cumsum(gained)])
        return self.ends - self.starts + total[self.offsets[1:]] - total[self.offsets[:-1]]


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
            self._bases = self._reference.array(self._chrom, first, stop)
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


@dataclass(frozen=True, slots=True)
class _Place:
    """Which clusters lie inside each region: from ``first`` to before ``last``; whether its edges cut one."""

    first: np.ndarray
    last: np.ndarray
    cut_left: np.ndarray
    cut_right: np.ndarray


class PersonalStretch:
    """One person's records of a stretch.

    Args:
        reference: the reference genome.
        chrom, start, end: the stretch, 0-based half-open, by the FASTA's names.
        parts: the records in file order, some at a time.
        chosen: index in a part -> the edit that a record asks for or why it asks for none; for all but plain ones.
        mode: how genotypes become sequence.
        pass_only, snps_only: leave out records with another FILTER; records that are no SNPs.
        within: (U, 2) sorted intervals without overlap; records outside are counted and otherwise passed over.

    Attributes:
        keys: (n,) int64, a number for each record, the same whichever stretch it is read in.
    """

    def __init__(
        self,
        reference: ReferenceGenome,
        chrom: str,
        start: int,
        end: int,
        parts: Iterable[RecordColumns],
        chosen: Callable[[RecordColumns, int], Edit | Outcome],
        *,
        mode: str,
        pass_only: bool,
        snps_only: bool,
        within: np.ndarray | None = None,
    ) -> None:
        self.chrom = chrom
        self._blocks = ReferenceBlocks(reference, chrom, start, end)
        self._edits: dict[int, Edit] = {}
        columns: list[tuple[np.ndarray, ...]] = []
        read = 0
        for part in parts:
            outcome, letter = _decided_snps(part, mode=mode, pass_only=pass_only, snps_only=snps_only)
            inside = overlaps(part.position, part.end, within)
            found_to, edit_end = part.end.copy(), part.end.copy()
            for index in np.flatnonzero(inside & (outcome == _UNDECIDED)).tolist():
                choice = chosen(part, index)
                if isinstance(choice, Edit):
                    self._edits[read + index] = choice
                    outcome[index] = _EDIT
                    edit_end[index] = choice.end
                    if choice.contradicts_itself:  # a region behind its REF has nothing to do with it
                        found_to[index] = choice.position + len(choice.ref)
                else:
                    outcome[index] = OUTCOME_CODE[choice]
            columns.append((part.position, found_to, edit_end, outcome, part.ref, letter, inside, part.alleles))
            read += len(part)
        empty = (np.zeros(0, dtype=np.int64),) * 8
        joined = [np.concatenate(arrays) for arrays in zip(*(columns or [empty]), strict=True)]
        self._position, self._end, self._edit_end, self._outcome, ref, letter, inside, alleles = joined
        inside = inside.astype(bool)
        self.keys = _record_keys(self._position, alleles)
        self._furthest_end = np.maximum.accumulate(self._end)
        self._find_clusters(np.flatnonzero(inside & (self._outcome == _EDIT)))
        self._resolve(ref, letter, start, end)

    def _find_clusters(self, edits: np.ndarray) -> None:
        """Split the records that ask for edits where one begins beyond all before it."""
        start, end = self._position[edits], self._edit_end[edits]
        begins = np.ones(len(edits), dtype=bool)
        if len(edits):
            begins[1:] = start[1:] >= np.maximum.accumulate(end)[:-1]
        first = np.flatnonzero(begins)
        self._members = edits
        self._cluster_first = np.append(first, len(edits))
        self._cluster_start = start[first]
        self._cluster_end = np.maximum.reduceat(end, first) if len(first) else end

    def _resolve(self, ref: np.ndarray, letter: np.ndarray, start_of_stretch: int, end_of_stretch: int) -> None:
        """What each cluster writes where all of it lies inside, as spans; and what became of its records."""
        first = self._members[self._cluster_first[:-1]]
        is_snp = (np.diff(self._cluster_first) == 1) & (letter[first] > 0)
        self._is_snp = is_snp
        snps = first[is_snp]
        found = self._blocks.at(self._position[snps])
        agrees = _UPPER[found] == _UPPER[ref[snps]]
        written = np.where(found >= ord("a"), letter[snps] + 32, letter[snps]).astype(np.uint8)
        self._inner_outcome = self._outcome.copy()
        self._inner_outcome[snps] = np.where(agrees, _APPLIED, _MISMATCH)
        changes = agrees & (written != found)
        starts, ends, alts = [self._position[snps][changes]], [self._position[snps][changes] + 1], [written[changes]]
        self._letter, self._ref = letter, ref
        sizes = [np.ones(int(changes.sum()), dtype=np.int64)]
        for cluster in np.flatnonzero(~is_snp).tolist():
            begin, stop = int(self._cluster_start[cluster]), int(self._cluster_end[cluster])
            members = self._members[self._cluster_first[cluster] : self._cluster_first[cluster + 1]]
            if begin < start_of_stretch or stop >= end_of_stretch:
                continue  # no region of the stretch holds all of it and a base behind it
            span, outcomes = self._applied(members, begin, stop, self._blocks.bases(begin, stop + 1), "")
            self._inner_outcome[members] = outcomes
            if span is not None:
                starts.append(np.array([span[0]]))
                ends.append(np.array([span[1]]))
                sizes.append(np.array([len(span[2])]))
                alts.append(np.frombuffer(span[2], dtype=np.uint8))
        start, size = np.concatenate(starts), np.concatenate(sizes)
        alt_end = np.cumsum(size)
        order = np.argsort(start, kind="stable")
        self._span_start, self._span_end = start[order], np.concatenate(ends)[order]
        self._alt_end, self._alt_start = alt_end[order], (alt_end - size)[order]
        self._alts = np.concatenate(alts)
        failed = np.minimum.reduceat(
            self._inner_outcome[self._members] != _MISMATCH, self._cluster_first[:-1]
        ) if len(first) else np.zeros(0, dtype=bool)  # fmt: skip
        self._mismatched = np.flatnonzero(~failed)

    def _edit(self, record: int) -> Edit:
        if self._letter[record]:
            ref, alt = chr(self._ref[record]), chr(self._letter[record])
            return Edit(int(self._position[record]), ref, alt, 1, keeps_anchor=False, checked=1)
        return self._edits[record]

    def _applied(
        self, members: np.ndarray, start: int, end: int, bases: np.ndarray, first_base: str
    ) -> tuple[tuple[int, int, bytes] | None, list[int]]:
        """Span of [start, end) that edits rewrite, None where they change nothing; their outcomes.

        ``bases`` are those of [start, end), and of what follows in the region.
        """
        text = bases.tobytes().decode("ascii")
        behind = len(text) - (end - start)
        alone = None
        if len(members) == 1 and behind and not first_base and start == self._position[members[0]]:
            alone = apply_alone(text, self._edit(int(members[0])))
        if alone is not None:
            written, codes = alone, [_APPLIED]
        else:
            edits = [self._edit(record) for record in members.tolist()]
            written, outcomes = apply_edits(text, start, edits, first_base)
            codes = [OUTCOME_CODE[outcome] for outcome in outcomes]
            written = written[: len(written) - behind]
        text = text[: len(text) - behind]
        if written == text:
            return None, codes
        # What is the same at both ends is left out, but a base stays, so that a span has a place.
        shortest = min(len(text) - 1, len(written))
        head = 0
        while head < shortest and text[head] == written[head]:
            head += 1
        tail, most = 0, min(len(text) - 1, len(written)) - head
        while tail < most and text[-1 - tail] == written[-1 - tail]:
            tail += 1
        return (start + head, start + len(text) - tail, written[head : len(written) - tail].encode()), codes

    def touched(self, start: int, end: int) -> tuple[int, int]:
        """[start, end) widened to all edits that touch it, directly or by others: what a change in it may change."""
        first = int(np.searchsorted(self._cluster_end, start, side="left"))
        last = int(np.searchsorted(self._cluster_start, end, side="right"))
        if first < last:
            start, end = min(start, int(self._cluster_start[first])), max(end, int(self._cluster_end[last - 1]))
        return start, end

    def __len__(self) -> int:
        return len(self._position)

    def position(self, record: int) -> int:
        """0-based position of a record."""
        return int(self._position[record])

    def ref_of(self, record: int) -> str:
        """REF of a record that asks for an edit."""
        return self._edit(record).ref

    def edits(self, starts: np.ndarray, ends: np.ndarray) -> RegionEdits:
        """What the records change in regions, each by itself.

        Args:
            starts, ends: (R,) int64, within the stretch and the contig, in any order; they may overlap.
        """
        place = self._place(starts, ends)
        lower, upper = starts, ends
        if len(self._cluster_start):
            before = np.maximum(place.first - 1, 0)
            after = np.minimum(place.last, len(self._cluster_start) - 1)
            lower = np.where(place.cut_left, np.maximum(starts, self._cluster_end[before]), starts)
            upper = np.where(place.cut_right, self._cluster_start[after], ends)
        span_first = np.searchsorted(self._span_start, lower)
        span_last = np.maximum(np.searchsorted(self._span_start, upper), span_first)
        span_last = np.where(place.last < place.first, span_first, span_last)
        spans, at_edge = self._edges(starts, ends, place)
        records, outcomes, mismatch = self._became(starts, ends, place, at_edge)
        return RegionEdits(
            starts,
            ends,
            **self._collected(span_first, span_last, spans),
            records=records,
            outcomes=outcomes,
            mismatch=mismatch,
        )

    def records(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, int | None]:
        """What became of the records that overlap regions: ``records``, ``outcomes`` and ``mismatch`` of the edits."""
        place = self._place(starts, ends)
        return self._became(starts, ends, place, self._edges(starts, ends, place)[1])

    def _place(self, starts: np.ndarray, ends: np.ndarray) -> "_Place":
        n_clusters = len(self._cluster_start)
        first = np.searchsorted(self._cluster_start, starts, side="left")
        last = np.searchsorted(self._cluster_end, ends, side="left")
        if not n_clusters:
            nowhere = np.zeros(len(starts), dtype=bool)
            return _Place(first, last, nowhere, nowhere)
        # A lone SNP at the last base needs no base behind it.
        at_end = np.minimum(last, n_clusters - 1)
        last = last + ((last < n_clusters) & self._is_snp[at_end] & (self._cluster_end[at_end] == ends))
        before, after = np.maximum(first - 1, 0), np.minimum(last, n_clusters - 1)
        cut_left = (first > 0) & (self._cluster_end[before] > starts)
        cut_right = (last < n_clusters) & (last >= first) & (self._cluster_start[after] < ends)
        return _Place(first, last, cut_left, cut_right)

    def _edges(
        self, starts: np.ndarray, ends: np.ndarray, place: "_Place"
    ) -> tuple[dict[tuple[int, bool], tuple[int, int, bytes]], list[tuple[int, int]]]:
        """Spans of clusters that regions cut, by region and side; records of those clusters and their outcomes."""
        spans: dict[tuple[int, bool], tuple[int, int, bytes]] = {}
        outcomes: list[tuple[int, int]] = []
        for is_left, cut, clusters in ((True, place.cut_left, place.first - 1), (False, place.cut_right, place.last)):
            for region in np.flatnonzero(cut).tolist():
                span, became = self._at_edge(int(clusters[region]), int(starts[region]), int(ends[region]))
                outcomes += became
                if span is not None:
                    spans[region, is_left] = span
        return spans, outcomes

    def _at_edge(
        self, cluster: int, start: int, end: int
    ) -> tuple[tuple[int, int, bytes] | None, list[tuple[int, int]]]:
        """A cluster that a region cuts, resolved in that region: span, and (record, outcome) of its records there."""
        members = self._members[self._cluster_first[cluster] : self._cluster_first[cluster + 1]]
        members = members[(self._position[members] < end) & (self._end[members] > start)]
        if not len(members):
            return None, []
        begin = max(start, int(self._cluster_start[cluster]))
        stop = min(end, int(self._cluster_end[cluster]))
        first_base = chr(self._blocks.bases(start, start + 1)[0]) if begin > start else ""
        bases = self._blocks.bases(begin, min(end, stop + 1))
        span, outcomes = self._applied(members, begin, stop, bases, first_base)
        return span, list(zip(members.tolist(), outcomes, strict=True))

    def _collected(
        self, span_first: np.ndarray, span_last: np.ndarray, edges: dict[tuple[int, bool], tuple[int, int, bytes]]
    ) -> dict[str, np.ndarray]:
        """Spans of all regions, one region's behind the other's, as ``RegionEdits`` has them."""
        counts = span_last - span_first
        starts, ends = self._span_start, self._span_end
        alt_starts, alt_ends, alts = self._alt_start, self._alt_end, self._alts
        offsets = np.concatenate([[0], np.cumsum(counts)])
        rows = np.arange(offsets[-1]) + np.repeat(span_first - offsets[:-1], counts)
        if edges:
            places = sorted(edges, key=lambda place: (place[0], not place[1]))
            extra = [edges[place] for place in places]
            sizes = np.array([len(span[2]) for span in extra])
            ends_of_extra = len(alts) + np.cumsum(sizes)
            at = [offsets[region] if is_left else offsets[region + 1] for region, is_left in places]
            rows = np.insert(rows, at, len(starts) + np.arange(len(extra)))
            counts = counts + np.bincount([region for region, _ in places], minlength=len(counts))
            offsets = np.concatenate([[0], np.cumsum(counts)])
            starts = np.append(starts, [span[0] for span in extra])
            ends = np.append(ends, [span[1] for span in extra])
            alt_starts, alt_ends = np.append(alt_starts, ends_of_extra - sizes), np.append(alt_ends, ends_of_extra)
            alts = np.append(alts, np.frombuffer(b"".join(span[2] for span in extra), dtype=np.uint8))
        return {
            "offsets": offsets,
            "span_start": starts[rows],
            "span_end": ends[rows],
            "alt_start": alt_starts[rows],
            "alt_end": alt_ends[rows],
            "alts": alts,
        }

    def _became(
        self, starts: np.ndarray, ends: np.ndarray, place: "_Place", at_edge: list[tuple[int, int]]
    ) -> tuple[np.ndarray, np.ndarray, int | None]:
        """Records that overlap any region, what became of them, and one of them whose REF is not in the FASTA."""
        n_clusters = len(self._cluster_start)
        depth = np.zeros(n_clusters + 1, dtype=np.int64)
        whole = place.last > place.first
        np.add.at(depth, place.first[whole], 1)
        np.add.at(depth, place.last[whole], -1)
        is_inner = np.cumsum(depth)[:-1] > 0
        records = self._overlapping(union(starts, ends))
        outcomes = self._outcome[records].astype(np.int8)
        inner = np.repeat(is_inner, np.diff(self._cluster_first))
        inner_records = self._members[inner]
        outcomes[np.searchsorted(records, inner_records)] = self._inner_outcome[inner_records]
        mismatched = [int(cluster) for cluster in self._mismatched if is_inner[cluster]]
        mismatch = None
        if mismatched:
            members = self._members[self._cluster_first[mismatched[0]] : self._cluster_first[mismatched[0] + 1]]
            mismatch = int(members[self._inner_outcome[members] == _MISMATCH][0])
        for record, code in at_edge:
            row = int(np.searchsorted(records, record))
            if code == _MISMATCH and mismatch is None:
                mismatch = record
            if code == _APPLIED or outcomes[row] == _EDIT:
                outcomes[row] = code
        return records, outcomes, mismatch

    def _overlapping(self, covered: np.ndarray) -> np.ndarray:
        """Indices, ascending, of the records that share a base with a union of intervals."""
        first = np.searchsorted(self._furthest_end, covered[:, 0], side="right")
        last = np.maximum(np.searchsorted(self._position, covered[:, 1]), first)
        counts = last - first
        begins = np.concatenate([[0], np.cumsum(counts)])
        rows = np.arange(begins[-1]) + np.repeat(first - begins[:-1], counts)
        rows = rows[self._end[rows] > np.repeat(covered[:, 0], counts)]
        # A long record is met by several intervals.
        return np.unique(rows) if (rows[1:] <= rows[:-1]).any() else rows

    def sequences(self, edits: RegionEdits) -> list[str]:
        """The regions' bases with their edits; letter case as in the reference."""
        result = []
        alts = edits.alts.tobytes()
        columns = (edits.span_start, edits.span_end, edits.alt_start, edits.alt_end)
        spans = list(zip(*(column.tolist() for column in columns), strict=True))
        bounds = edits.offsets.tolist()
        regions = zip(edits.starts.tolist(), edits.ends.tolist(), bounds[:-1], bounds[1:], strict=True)
        for start, end, low, high in regions:
            bases = self._blocks.bases(start, end).tobytes() if end > start else b""
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
        return self._blocks.bases(start, end)


_UNDECIDED = 100


def _decided_snps(part: RecordColumns, *, mode: str, pass_only: bool, snps_only: bool) -> tuple[np.ndarray, np.ndarray]:
    """Outcome of each record, and the letter that an SNP writes (0 for others), by array; the rest stay undecided."""
    n = len(part)
    outcome = np.full(n, _UNDECIDED, dtype=np.int8)
    letter = np.zeros(n, dtype=np.uint8)
    if not snps_only:
        outcome[part.is_hom_ref] = OUTCOME_CODE[Outcome.HOM_REF]
    first, second, is_snp = part.first, part.second, part.is_snp
    ref, alt = _UPPER[part.ref], _UPPER[part.alt]
    none, hom_ref, edit = OUTCOME_CODE[Outcome.MISSING_GENOTYPE], OUTCOME_CODE[Outcome.HOM_REF], _EDIT
    if mode == "iupac":
        has_ref, has_alt = (first == 0) | (second == 0), (first == 1) | (second == 1)
        merged = _LETTERS[_BITS[part.ref] | _BITS[part.alt]]
        wanted = np.where(has_ref, merged, alt)
        of_genotype = np.where(has_alt, edit, np.where(has_ref, hom_ref, none))
    elif mode in ("alt", "ref"):
        takes_alt = (first == 1) & (second == 1) if mode == "ref" else (first == 1) | (second == 1)
        is_missing = (first == MISSING) | (second == MISSING)
        wanted = alt
        of_genotype = np.where(is_missing, none, np.where(takes_alt, edit, hom_ref))
    else:
        allele = first if mode == "haplotype1" else second
        wanted = alt
        of_genotype = np.where(allele == MISSING, none, np.where(allele == 1, edit, hom_ref))
    outcome[is_snp] = of_genotype[is_snp]
    letter[is_snp] = wanted[is_snp]
    letter[(outcome != _EDIT) | (ref == 0)] = 0
    if pass_only:
        decided = (outcome != _UNDECIDED) & ~part.passes
        outcome[decided], letter[decided] = OUTCOME_CODE[Outcome.FILTER], 0
    return outcome, letter


def _record_keys(position: np.ndarray, alleles: np.ndarray) -> np.ndarray:
    """A number for each record: its position, its alleles, and which of several such ones it is."""
    keys = (position << _ALLELE_BITS) | (alleles & ((1 << _ALLELE_BITS) - 1))
    copies = np.zeros(len(keys), dtype=np.int64)
    shared = np.flatnonzero(position[1:] == position[:-1]) + 1
    seen: dict[int, int] = {}
    for index in shared.tolist():
        if position[index - 1] not in (position[index - 2 : index - 1]):
            seen = {int(keys[index - 1]): 0}
        key = int(keys[index])
        seen[key] = seen.get(key, -1) + 1
        copies[index] = seen[key]
    return (keys << _COPY_BITS) | (copies & ((1 << _COPY_BITS) - 1))

"""What clusters of edits write: the spans of the reference that they change, and what becomes of their records."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .consensus import OUTCOME_CODE, Outcome, apply_alone, apply_edits
from .edit_clusters import EditClusters
from .reference_blocks import ReferenceBlocks
from .snp_genotypes import UPPER
from .stretch_records import StretchRecords

# Bases of the reference that kernels look at together; a cluster may reach beyond.
_BASES_AT_ONCE = 1 << 22
APPLIED, MISMATCH = OUTCOME_CODE[Outcome.APPLIED], OUTCOME_CODE[Outcome.REF_MISMATCH]


class Rewritten(NamedTuple):
    """A span of the reference, 0-based half-open and of at least one base, and what takes its place."""

    start: int
    end: int
    written: bytes


@dataclass(frozen=True, slots=True)
class Spans:
    """S spans of the reference that are rewritten.

    Attributes:
        start, end: (S,) int64, on the reference, 0-based half-open; at least one base.
        alt_start, alt_end: (S,) int64, where in ``alts`` the bases stand that take their place; may be none.
        alts: (A,) uint8 characters, letter case as in the reference.
    """

    start: np.ndarray
    end: np.ndarray
    alt_start: np.ndarray
    alt_end: np.ndarray
    alts: np.ndarray


@dataclass(frozen=True, slots=True)
class WholeClusters:
    """Clusters, each where all of it lies inside a region.

    Attributes:
        spans: what they rewrite, along the contig, without overlap; at most one a cluster.
        first_span: (C + 1,) int64, those of clusters a to b, b excluded, are ``first_span[a]`` to ``first_span[b]``.
        outcome: (n,) int8, what becomes of each record of the stretch there.
        mismatched: (M,) int64, clusters with a record whose REF is not what the FASTA holds.
    """

    spans: Spans
    first_span: np.ndarray
    outcome: np.ndarray
    mismatched: np.ndarray

    @classmethod
    def resolve(
        cls, records: StretchRecords, clusters: EditClusters, reference: ReferenceBlocks, start: int, end: int
    ) -> "WholeClusters":
        """Resolve the clusters of the stretch [start, end)."""
        from ..compiled import HAS_NUMBA

        outcome = records.outcome.copy()
        resolved = _compiled_spans if HAS_NUMBA else _spans_of_snps
        spans, left = resolved(records, clusters, reference, (start, end), outcome)
        others: list[Rewritten] = []
        for cluster in left.tolist():
            begin, stop = int(clusters.start[cluster]), int(clusters.end[cluster])
            if begin < start or stop >= end:
                continue  # no region of the stretch holds all of it and a base behind it
            members = clusters.records_of(cluster)
            span, outcome[members] = rewritten(records, members, begin, stop, reference.bases(begin, stop + 1), "")
            if span is not None:
                others.append(span)
        failed = np.flatnonzero(outcome[clusters.members] == MISMATCH)
        mismatched = np.unique(np.searchsorted(clusters.first, failed, side="right") - 1)
        spans = _with_others(spans, others)
        first_span = np.append(np.searchsorted(spans.start, clusters.start), len(spans.start))
        return cls(spans, first_span, outcome, mismatched)


def _spans_of_snps(
    records: StretchRecords,
    clusters: EditClusters,
    reference: ReferenceBlocks,
    stretch: tuple[int, int],
    outcome: np.ndarray,
) -> tuple[Spans, np.ndarray]:
    """What clusters of one SNP write, and the other clusters; fills in the SNPs' outcomes."""
    snps = clusters.members[clusters.first[:-1]][clusters.is_snp]
    position = records.position[snps]
    found = reference.at(position)
    agrees = UPPER[found] == UPPER[records.ref[snps]]
    letter = records.letter[snps]
    written = np.where(found >= ord("a"), letter + 32, letter).astype(np.uint8)
    outcome[snps] = np.where(agrees, APPLIED, MISMATCH)
    changes = agrees & (written != found)
    starts = position[changes]
    alt_start = np.arange(len(starts))
    return Spans(starts, starts + 1, alt_start, alt_start + 1, written[changes]), np.flatnonzero(~clusters.is_snp)


def _compiled_spans(
    records: StretchRecords,
    clusters: EditClusters,
    reference: ReferenceBlocks,
    stretch: tuple[int, int],
    outcome: np.ndarray,
) -> tuple[Spans, np.ndarray]:
    """What clusters of one plain record write, and the other clusters; fills in their records' outcomes."""
    from .edit_kernels import resolve

    is_alone = np.diff(clusters.first) == 1
    edits = records.plain_edits
    member = clusters.members[clusters.first[:-1]]
    found: list[tuple[np.ndarray, np.ndarray]] = []
    left = [np.flatnonzero(~is_alone)]
    alone = np.flatnonzero(is_alone)
    first = 0
    while first < len(alone):
        begin = max(stretch[0], int(clusters.start[alone[first]]))
        last = max(first + 1, int(np.searchsorted(clusters.end[alone], begin + _BASES_AT_ONCE)))
        some = alone[first:last]
        bases = reference.bases(begin, min(stretch[1], int(clusters.end[some].max()) + 1))
        spans, others = np.empty((len(some), 4), dtype=np.int64), np.empty(len(some), dtype=np.int64)
        plain = records.plain[member[some]]
        of_plain = edits.places[plain[plain >= 0]]
        alts = np.empty(len(some) + int((of_plain[:, 2] - of_plain[:, 1]).sum()), dtype=np.uint8)
        n_spans, n_alts, n_others = resolve(
            bases,
            begin,
            stretch,
            some,
            clusters.end,
            member,
            clusters.is_snp,
            records.position,
            records.ref,
            records.letter,
            records.plain,
            edits.places,
            edits.anchored,
            edits.letters,
            outcome,
            spans,
            alts,
            others,
        )
        found.append((spans[:n_spans], alts[:n_alts]))
        left.append(others[:n_others])
        first = last
    offsets = np.cumsum([0, *(len(alts) for _, alts in found)])
    rows = np.concatenate([np.zeros((0, 4), dtype=np.int64), *(spans for spans, _ in found)])
    shift = np.repeat(offsets[:-1], [len(spans) for spans, _ in found])
    start, end, alt_start, alt_end = rows.T.copy()
    all_alts = np.concatenate([np.zeros(0, dtype=np.uint8), *(alts for _, alts in found)])
    return Spans(start, end, alt_start + shift, alt_end + shift, all_alts), np.sort(np.concatenate(left))


def _with_others(spans: Spans, others: list[Rewritten]) -> Spans:
    """Spans with some more among them, along the contig."""
    if not others:
        return spans
    sizes = np.array([len(span.written) for span in others])
    ends = len(spans.alts) + np.cumsum(sizes)
    start = np.append(spans.start, [span.start for span in others])
    order = np.argsort(start, kind="stable")
    return Spans(
        start[order],
        np.append(spans.end, [span.end for span in others])[order],
        np.append(spans.alt_start, ends - sizes)[order],
        np.append(spans.alt_end, ends)[order],
        np.append(spans.alts, np.frombuffer(b"".join(span.written for span in others), dtype=np.uint8)),
    )


def rewritten(
    records: StretchRecords, members: np.ndarray, start: int, end: int, bases: np.ndarray, first_base: str
) -> tuple[Rewritten | None, list[int]]:
    """The span of [start, end) that some records' edits rewrite, and what becomes of each record.

    Args:
        records: of the stretch.
        members: (m,) int64, of a cluster, ascending.
        start, end: 0-based half-open, on the reference.
        bases: (b,) uint8, those of [start, end), and of what follows in the region.
        first_base: the region's first base, where the region begins before ``start``; else empty.

    Returns:
        The span, None where nothing changes; indices into ``OUTCOMES``.
    """
    text = bases.tobytes().decode("ascii")
    behind = len(text) - (end - start)
    alone = None
    if len(members) == 1 and behind and not first_base and start == records.position[members[0]]:
        alone = apply_alone(text, records.edit(int(members[0])))
    if alone is not None:
        written, codes = alone, [APPLIED]
    else:
        edits = [records.edit(record) for record in members.tolist()]
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
    span = Rewritten(start + head, start + len(text) - tail, written[head : len(written) - tail].encode())
    return span, codes

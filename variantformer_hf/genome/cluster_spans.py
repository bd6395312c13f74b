"""What clusters of edits write: the spans of the reference that they change, and what becomes of their records."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .consensus import OUTCOME_CODE, Outcome, apply_alone, apply_edits
from .edit_clusters import EditClusters
from .reference_blocks import ReferenceBlocks
from .snp_genotypes import UPPER
from .stretch_records import StretchRecords

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
        spans: what they rewrite, along the contig, without overlap.
        outcome: (n,) int8, what becomes of each record of the stretch there.
        mismatched: (M,) int64, clusters with a record whose REF is not what the FASTA holds.
    """

    spans: Spans
    outcome: np.ndarray
    mismatched: np.ndarray

    @classmethod
    def resolve(
        cls, records: StretchRecords, clusters: EditClusters, reference: ReferenceBlocks, start: int, end: int
    ) -> "WholeClusters":
        """Resolve the clusters of the stretch [start, end)."""
        first = clusters.members[clusters.first[:-1]]
        snps = first[clusters.is_snp]
        position = records.position[snps]
        found = reference.at(position)
        agrees = UPPER[found] == UPPER[records.ref[snps]]
        letter = records.letter[snps]
        written = np.where(found >= ord("a"), letter + 32, letter).astype(np.uint8)
        outcome = records.outcome.copy()
        outcome[snps] = np.where(agrees, APPLIED, MISMATCH)
        changes = agrees & (written != found)
        starts, ends, alts = [position[changes]], [position[changes] + 1], [written[changes]]
        sizes = [np.ones(int(changes.sum()), dtype=np.int64)]
        for cluster in np.flatnonzero(~clusters.is_snp).tolist():
            begin, stop = int(clusters.start[cluster]), int(clusters.end[cluster])
            if begin < start or stop >= end:
                continue  # no region of the stretch holds all of it and a base behind it
            members = clusters.records_of(cluster)
            span, outcome[members] = rewritten(records, members, begin, stop, reference.bases(begin, stop + 1), "")
            if span is not None:
                starts.append(np.array([span.start]))
                ends.append(np.array([span.end]))
                sizes.append(np.array([len(span.written)]))
                alts.append(np.frombuffer(span.written, dtype=np.uint8))
        span_start, size = np.concatenate(starts), np.concatenate(sizes)
        alt_end = np.cumsum(size)
        order = np.argsort(span_start, kind="stable")
        failed = (
            np.minimum.reduceat(outcome[clusters.members] != MISMATCH, clusters.first[:-1])
            if len(first)
            else np.zeros(0, dtype=bool)
        )
        return cls(
            Spans(
                span_start[order],
                np.concatenate(ends)[order],
                (alt_end - size)[order],
                alt_end[order],
                np.concatenate(alts),
            ),
            outcome,
            np.flatnonzero(~failed),
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

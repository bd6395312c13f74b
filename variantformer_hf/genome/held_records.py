"""Records of a stretch held in memory, for readers that come back to it many times."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .record_columns import RecordColumns, RecordSource


class HeldRecords:
    """One person's records of a stretch, read once; reads as the file does, and only inside the stretch.

    Args:
        source: the person's records.
        chrom, start, end: the stretch, 0-based half-open, by the FASTA's names.
    """

    def __init__(self, source: RecordSource, chrom: str, start: int, end: int) -> None:
        self._source, self._stretch = source, (chrom, start, end)
        self._parts = list(source.columns(chrom, start, end))
        self.path, self.sample = source.path, source.sample

    @property
    def index_is_older(self) -> bool:
        """Whether the file was written after its index."""
        return self._source.index_is_older

    @property
    def damage(self) -> list[str]:
        """What was found damaged in the file's store, a sentence each."""
        return self._source.damage

    @property
    def formats(self) -> list[dict[str, Any]]:
        """What the file's format does not hold of a VCF, and what was met in it; empty for a VCF."""
        return self._source.formats

    def file_contig(self, chrom: str) -> str:
        """How the file calls a contig of the FASTA."""
        return self._source.file_contig(chrom)

    def has_contig(self, chrom: str) -> bool:
        """Whether the file has any record, of anybody, on a contig."""
        return self._source.has_contig(chrom)

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def columns(self, chrom: str, start: int, end: int) -> Iterator[RecordColumns]:
        """As ``RecordSource.columns``; outside of the stretch the file is read."""
        held, first, last = self._stretch
        if chrom != held or start < first or end > last:
            yield from self._source.columns(chrom, start, end)
            return
        for part in self._parts:
            rows = np.flatnonzero((part.position < end) & (part.end > start))
            if len(rows):
                yield part.select(rows)

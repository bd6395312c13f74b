"""Records of a stretch held in memory, for readers that come back to it many times."""

from collections.abc import Iterator

import numpy as np

from .record_columns import RecordColumns, RecordSource


class HeldRecords:
    """One person's records of a stretch, read once; reads as the file does, and only inside the stretch.

    Args:
        source: the file, or what reads as one.
        chrom, start, end: the stretch, 0-based half-open, by the file's names.
        needs_quality: GQ or DP will be asked for.
    """

    def __init__(self, source: RecordSource, chrom: str, start: int, end: int, *, needs_quality: bool = False) -> None:
        self._source, self._stretch = source, (chrom, start, end)
        self._parts = list(source.columns(chrom, start, end, needs_quality=needs_quality))
        self.path, self.samples, self.sample, self.contigs = source.path, source.samples, source.sample, source.contigs

    @property
    def index_is_older(self) -> bool:
        """Whether the file was written after its index."""
        return self._source.index_is_older

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def columns(self, chrom: str, start: int, end: int, *, needs_quality: bool = False) -> Iterator[RecordColumns]:
        """As ``VariantFile.columns``; outside of the stretch the file is read."""
        held, first, last = self._stretch
        if chrom != held or start < first or end > last:
            yield from self._source.columns(chrom, start, end, needs_quality=needs_quality)
            return
        for part in self._parts:
            rows = np.flatnonzero((part.position < end) & (part.end > start))
            if len(rows):
                yield part.select(rows)

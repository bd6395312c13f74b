"""Compiled walks through the words of an index of a VCF (.tbi, .csi)."""

# mypy: disable-error-code="assignment"

import numpy as np

from ..compiled import njit


@njit(cache=True, nogil=True)
def contig_starts(words, n_contigs, is_csi):  # type: ignore[no-untyped-def]
    """Where each contig's bins begin in the words of an index, and where the last one ends; -1 there: it is cut short.

    Args:
        words: (n,) uint32, those behind the header.
        n_contigs: how many contigs it has.
        is_csi: it is a CSI, whose bins say where they begin, and which has no windows.
    """
    starts = np.full(n_contigs + 1, -1, dtype=np.int64)
    at, size = 0, len(words)
    of_bin = 4 if is_csi else 2
    for contig in range(n_contigs):
        starts[contig] = at
        if at >= size:
            return starts
        n_bins = np.int64(words[at])
        at += 1
        for _ in range(n_bins):
            if at + of_bin > size:
                return starts
            at += of_bin + 4 * np.int64(words[at + of_bin - 1])
        if not is_csi:
            if at >= size:
                return starts
            at += 1 + 2 * np.int64(words[at])
    if at <= size:
        starts[n_contigs] = at
    return starts


@njit(cache=True, nogil=True)
def bins_of_contig(words, start, is_csi):  # type: ignore[no-untyped-def]
    """Bins and chunks of one contig, which :func:`contig_starts` has found to be whole.

    Returns:
        (b,) uint32 bins; (b,) uint64 places where they begin (of a CSI); (c,) int64 bin of each chunk; (c,) uint64
        begins and ends of the chunks; (w,) uint64 windows (of a TBI).
    """
    n_bins = np.int64(words[start])
    of_bin = 4 if is_csi else 2
    at, n_chunks = start + 1, 0
    for _ in range(n_bins):
        n = np.int64(words[at + of_bin - 1])
        n_chunks += n
        at += of_bin + 4 * n
    bins, begins = np.empty(n_bins, dtype=np.int64), np.zeros(n_bins, dtype=np.uint64)
    of_chunk = np.empty(n_chunks, dtype=np.int64)
    first, last = np.empty(n_chunks, dtype=np.uint64), np.empty(n_chunks, dtype=np.uint64)
    shift = np.uint64(32)
    at, chunk = start + 1, 0
    for index in range(n_bins):
        bins[index] = words[at]
        if is_csi:
            begins[index] = np.uint64(words[at + 1]) | np.uint64(words[at + 2]) << shift
        n = np.int64(words[at + of_bin - 1])
        at += of_bin
        for _ in range(n):
            of_chunk[chunk] = bins[index]
            first[chunk] = np.uint64(words[at]) | np.uint64(words[at + 1]) << shift
            last[chunk] = np.uint64(words[at + 2]) | np.uint64(words[at + 3]) << shift
            chunk += 1
            at += 4
    n_windows = 0 if is_csi else np.int64(words[at])
    windows = np.empty(n_windows, dtype=np.uint64)
    for index in range(n_windows):
        windows[index] = np.uint64(words[at + 1 + 2 * index]) | np.uint64(words[at + 2 + 2 * index]) << shift
    return bins, begins, of_chunk, first, last, windows

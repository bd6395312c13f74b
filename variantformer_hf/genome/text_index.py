"""Where in a bgzipped VCF the records of a region may lie: its index (.tbi, .csi), walked by hand.

htslib gives lines one by one and not their places. What is in any way unusual is not read here: the caller goes to
htslib, which reads it, or says what is wrong with it.
"""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from struct import error as StructError

import numpy as np

from .index_kernels import bins_of_contig, contig_starts

_VCF_COLUMNS = (2, 1, 2, 0, ord("#"), 0)  # preset, sequence, begin, end, letter of comments, lines to skip
_TBI, _CSI, _COLUMNS = Struct("<4si"), Struct("<4siii"), Struct("<7i")
_TBI_SHIFT, _TBI_DEPTH = 14, 5


class UnusualTextError(Exception):
    """Something is not as in nearly all files; it may be right or wrong."""


@dataclass(frozen=True, slots=True)
class _Contig:
    """One contig's chunks of records, ascending by bin, and where at the earliest records of a window lie.

    Attributes:
        bins: (c,) int64, bin of each chunk.
        first, last: (c,) uint64, virtual offsets.
        window_bins: (b,) int64, ascending, bins with an earliest place; of a TBI the windows themselves, from 0.
        earliest: (b,) uint64, virtual offsets.
    """

    bins: np.ndarray
    first: np.ndarray
    last: np.ndarray
    window_bins: np.ndarray
    earliest: np.ndarray


class TextIndex:
    """An index of a VCF.

    Args:
        path: of the .tbi or .csi.

    Raises:
        UnusualTextError: it is damaged, or not of a VCF.
    """

    def __init__(self, path: Path) -> None:
        try:
            with gzip.open(path) as file:  # in one call, gzip.decompress copies what is left after each block
                content = file.read()
            self._is_csi = content[:4] == b"CSI\1"
            at = _CSI.size if self._is_csi else _TBI.size
            self._shift, self._depth = _CSI.unpack_from(content)[1:3] if self._is_csi else (_TBI_SHIFT, _TBI_DEPTH)
            *columns, length = _COLUMNS.unpack_from(content, at)
            begin = at + _COLUMNS.size
            end = at + _CSI.unpack_from(content)[3] if self._is_csi else begin + length
            if tuple(columns) != _VCF_COLUMNS or content[:4] not in (b"CSI\1", b"TBI\1") or end < begin + length:
                raise UnusualTextError
            names = content[begin : begin + length].split(b"\0")[:-1]
            # Of a TBI the number of contigs stands before their names.
            n_contigs = Struct("<i").unpack_from(content, end if self._is_csi else 4)[0]
            words = content[end + 4 * self._is_csi :]
        except (OSError, EOFError, zlib.error, StructError) as error:
            raise UnusualTextError from error
        self._words = np.frombuffer(words[: len(words) & ~3], dtype=np.uint32)
        starts = contig_starts(self._words, max(0, n_contigs), self._is_csi)
        if n_contigs != len(names) or starts[-1] < 0 or not 0 < self._depth < 10:
            raise UnusualTextError
        self._starts = dict(zip(names, starts.tolist(), strict=False))
        self._contigs: dict[bytes, _Contig] = {}

    def chunks(self, chrom: bytes, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Where records that overlap [start, end) of a contig lie: begins and ends, ascending, and others among them.

        Returns:
            Two of (c,) uint64, virtual offsets.
        """
        contig = self._contig(chrom)
        levels = np.arange(self._depth + 1)
        shift = self._shift + 3 * (self._depth - levels)
        of_level = ((1 << 3 * levels) - 1) // 7
        low = np.searchsorted(contig.bins, of_level + (start >> shift)).tolist()
        high = np.searchsorted(contig.bins, of_level + (max(start, end - 1) >> shift), side="right").tolist()
        first, last = (
            np.concatenate([places[slice(*each)] for each in zip(low, high, strict=True)])
            for places in (contig.first, contig.last)
        )
        earliest = self._earliest(contig, start)
        order = np.argsort(first, kind="stable")
        order = order[last[order] > earliest]
        return np.maximum(first[order], earliest), last[order]

    def _earliest(self, contig: _Contig, start: int) -> np.uint64:
        """No record that overlaps the position lies before this place."""
        window = start >> self._shift
        if not self._is_csi:
            return contig.earliest[window] if window < len(contig.earliest) else np.uint64(0)
        # As htslib: the bin of the window, else the one before it under the same parent, else the parent.
        place = ((1 << 3 * self._depth) - 1) // 7 + window
        while place:
            row = int(np.searchsorted(contig.window_bins, place))
            if row < len(contig.window_bins) and contig.window_bins[row] == place:
                return contig.earliest[row]
            parent = (place - 1) >> 3
            place = place - 1 if place > (parent << 3) + 1 else parent
        return np.uint64(0)

    def _contig(self, chrom: bytes) -> _Contig:
        if chrom not in self._contigs:
            if chrom not in self._starts:
                raise UnusualTextError
            bins, begins, of_chunk, first, last, windows = bins_of_contig(
                self._words, self._starts[chrom], self._is_csi
            )
            order = np.argsort(of_chunk, kind="stable")
            by_bin = np.argsort(bins, kind="stable")
            window_bins, earliest = (
                (bins[by_bin], begins[by_bin]) if self._is_csi else (np.arange(len(windows)), windows)
            )
            self._contigs[chrom] = _Contig(of_chunk[order], first[order], last[order], window_bins, earliest)
        return self._contigs[chrom]

"""Which bytes of a bgzipped VCF or BCF hold the records of a region, by its index: for files that are not here yet."""

import gzip
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from struct import Struct
from struct import error as StructError

from ..addresses import INDEX_MARK
from ..errors import InputError, MissingIndexError
from ..remote.mirror import MirroredFile, mirror_at

_MAGIC, _CSI, _COLUMNS = Struct("<4si"), Struct("<4siii"), 7 * 4
_INT, _LONG, _BIN, _CSI_BIN, _CHUNK = Struct("<i"), Struct("<Q"), Struct("<Ii"), Struct("<IQi"), Struct("<QQ")
# The longest block of bgzip.
_BLOCK = 1 << 16
# What is read of the head and the tail of a file to tell what it is, and that it is whole.
_HEAD = 1 << 16
# Bytes that are fetched before the first records are looked at, and at most at a time: then twice as many each time.
_FIRST, _MOST = 1 << 18, 1 << 24
_SMALLEST_STRETCH = 1 << 15


class RegionBytes:
    """The index of a file (.tbi, .csi), in memory.

    Args:
        index: path.

    Attributes:
        names: contigs by number, where the index names them; that of a BCF does not.
        header_end: all text of the header lies before this byte's block; None where there are no records.

    Raises:
        InputError: it is no index, or damaged.
    """

    def __init__(self, index: Path) -> None:
        try:
            self._parse(gzip.decompress(index.read_bytes()))
        except (OSError, EOFError, zlib.error, StructError, UnicodeDecodeError) as error:
            raise InputError(
                "is no index, or damaged", file=mirror_at(index) or index, remedy="Make the index anew."
            ) from error

    def _parse(self, text: bytes) -> None:
        magic, count = _MAGIC.unpack_from(text)
        is_csi = magic == b"CSI\1"
        if magic not in (b"TBI\1", b"CSI\1"):
            raise StructError("another magic number")
        self._shift, self._depth, names = 14, 5, b""
        if is_csi:
            _, self._shift, self._depth, length = _CSI.unpack_from(text)
            at = _CSI.size
            if length >= _COLUMNS:
                names = text[at + _COLUMNS : at + length]
            (count,) = _INT.unpack_from(text, at + length)
            at += length + _INT.size
        else:
            at = _MAGIC.size + _COLUMNS
            (length,) = _INT.unpack_from(text, at - _INT.size)
            names, at = text[at : at + length], at + length
        self.names = [name.decode() for name in names.split(b"\0") if name]
        self._contigs: list[dict[int, list[tuple[int, int]]]] = []
        self._bins: list[list[int]] = []
        self._earliest: list[tuple[int, ...]] = []
        for _ in range(count):
            at = self._parse_contig(text, at, is_csi=is_csi)
        first = [chunk[0] for bins in self._contigs for chunks in bins.values() for chunk in chunks]
        self.header_end = min(first) >> 16 if first else None

    def _parse_contig(self, text: bytes, at: int, *, is_csi: bool) -> int:
        head = _CSI_BIN if is_csi else _BIN
        (n_bins,) = _INT.unpack_from(text, at)
        at += _INT.size
        last_bin = ((1 << 3 * (self._depth + 1)) - 1) // 7
        bins: dict[int, list[tuple[int, int]]] = {}
        for _ in range(n_bins):
            number, *_, n_chunks = head.unpack_from(text, at)
            at += head.size
            if number < last_bin:  # else counts of records
                bins[number] = [_CHUNK.unpack_from(text, at + _CHUNK.size * each) for each in range(n_chunks)]
            at += _CHUNK.size * n_chunks
        earliest: tuple[int, ...] = ()
        if not is_csi:
            (n_windows,) = _INT.unpack_from(text, at)
            earliest = Struct(f"<{n_windows}Q").unpack_from(text, at + _INT.size)
            at += _INT.size + _LONG.size * n_windows
        self._contigs.append(bins)
        self._bins.append(sorted(bins))
        self._earliest.append(earliest)
        return at

    def of(self, contig: int, start: int, end: int) -> list[tuple[int, int]]:
        """Stretches of bytes in which htslib looks for records that overlap [start, end) of a contig.

        They are those of all bins that hold the region, but for what lies before the first record that can reach it.
        """
        if not 0 <= contig < len(self._contigs) or start >= end:
            return []
        bins, windows = self._contigs[contig], self._earliest[contig]
        window = start >> self._shift
        least = windows[window] if window < len(windows) else 0
        found = []
        for number in self._numbers(self._bins[contig], start, end):
            found += [(max(first, least), last) for first, last in bins[number] if last > least]
        return [(first >> 16, (last >> 16) + _BLOCK) for first, last in found]

    def _numbers(self, ordered: list[int], start: int, end: int) -> Iterator[int]:
        """Bins that overlap a stretch, of those with records."""
        for level in range(self._depth + 1):
            shift = self._shift + 3 * (self._depth - level)
            of_level = ((1 << 3 * level) - 1) // 7
            end_of_level = ((1 << 3 * (level + 1)) - 1) // 7
            low = of_level + (start >> shift)
            high = min(of_level + ((end - 1) >> shift), end_of_level - 1)
            yield from ordered[bisect_left(ordered, low) : bisect_left(ordered, high + 1)]


@lru_cache(maxsize=64)
def _index(path: Path, size: int, mtime_ns: int) -> RegionBytes:
    """An index, kept in memory for all who read its file."""
    return RegionBytes(path)


def fetch_ends(file: MirroredFile) -> None:
    """Fetch what tells of which kind a file is, and that it is whole."""
    file.fetch(0, _HEAD)
    file.fetch(max(0, file.stamp.size - _HEAD), file.stamp.size)


def fetch_index(file: MirroredFile, *, is_bcf: bool) -> None:
    """Fetch the index, and put it beside the mirror.

    Raises:
        MissingIndexError: there is none.
    """
    suffixes = (".csi",) if is_bcf else (".tbi", ".csi")
    if file.fetch_beside(suffixes) is None:
        raise MissingIndexError(
            f"has no index ({' or '.join(suffixes)})",
            file=file,
            remedy=f"Put it beside the file; one that lies elsewhere: ADDRESS{INDEX_MARK}ADDRESS_OF_INDEX.",
        )


def fetch_header(file: MirroredFile, index: Path) -> RegionBytes:
    """Fetch the header of a file of variants.

    Returns:
        Where its records are.
    """
    status = index.stat()
    found = _index(index.resolve(), status.st_size, status.st_mtime_ns)
    file.fetch(0, file.stamp.size if found.header_end is None else found.header_end + _BLOCK)
    return found


def fetched_stretches(
    file: MirroredFile, where: RegionBytes, contig: int, start: int, end: int
) -> Iterator[tuple[int, int]]:
    """[start, end) of a contig in stretches, each given when its records have been fetched.

    They are short at first, for a reader that wants no more than one record. Where there are no records a stretch is
    left out.
    """
    todo, most = [(start, end)], _FIRST
    while todo:
        first, last = todo.pop()
        pieces = where.of(contig, first, last)
        if sum(high - low for low, high in pieces) > most + _BLOCK * len(pieces) and last - first > _SMALLEST_STRETCH:
            middle = (first + last) // 2
            todo += [(middle, last), (first, middle)]
            continue
        if pieces:
            fetch_region(file, where, contig, first, last)
            most = min(2 * most, _MOST)
            yield first, last


def fetch_region(file: MirroredFile, where: RegionBytes, contig: int, start: int, end: int) -> None:
    """Fetch all records that overlap [start, end) of a contig."""
    for first, last in _joined(where.of(contig, start, end)):
        file.fetch(first, last)


def _joined(pieces: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches of bytes, those that touch as one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(pieces):
        if joined and first <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return joined

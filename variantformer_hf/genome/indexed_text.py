"""The text of a bgzipped VCF by region, in large pieces instead of line by line."""

import mmap
from collections.abc import Iterator
from pathlib import Path

import pysam

from .text_index import TextIndex, UnusualTextError

# Blocks of bgzip: how they begin, and where the first one's size and the last letters of the head stand.
_BLOCK_HEAD, _BLOCK_KIND = bytes.fromhex("1f8b0804"), bytes.fromhex("42430200")
_OFFSET_BITS, _WITHIN = 16, (1 << 16) - 1
# Compressed bytes between chunks that are rather read than left out.
_GAP = 1 << 16
_PIECE = 1 << 22


class IndexedText:
    """The text of an indexed VCF.

    Args:
        path: the file.
        index: its index.

    Raises:
        UnusualTextError: the index cannot be walked by hand.
    """

    def __init__(self, path: Path, index: Path) -> None:
        self._index = TextIndex(index)
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._file = pysam.BGZFile(str(path), "rb")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        self._bytes.close()

    def pieces(self, chrom: str, start: int, end: int) -> Iterator[bytes]:
        """Whole lines, among them all that overlap [start, end) of a contig, in file order, none twice.

        Raises:
            UnusualTextError: the file is not what its index says, or is damaged.
        """
        for first, last in self._ranges(chrom, start, end):
            left, rest = self._size(first, last), b""
            try:
                self._file.seek(first)
                while left > 0:
                    found = self._file.read(min(left, _PIECE))
                    if not found:
                        raise UnusualTextError
                    left -= len(found)
                    text = rest + found if rest else found
                    whole = text.rfind(b"\n") + 1 if left else len(text)
                    if whole:
                        yield text if whole == len(text) else text[:whole]
                    rest = text[whole:]
            except OSError as error:
                raise UnusualTextError from error

    def _ranges(self, chrom: str, start: int, end: int) -> list[tuple[int, int]]:
        """Chunks of the index, those near each other as one."""
        ranges: list[tuple[int, int]] = []
        for first, last in zip(
            *(each.tolist() for each in self._index.chunks(chrom.encode(), start, end)), strict=True
        ):
            if ranges and first >> _OFFSET_BITS <= (ranges[-1][1] >> _OFFSET_BITS) + _GAP:
                ranges[-1] = ranges[-1][0], max(ranges[-1][1], last)
            else:
                ranges.append((first, last))
        return ranges

    def _size(self, first: int, last: int) -> int:
        """Characters between two places of the file."""
        block, stop = first >> _OFFSET_BITS, last >> _OFFSET_BITS
        size = (last & _WITHIN) - (first & _WITHIN)
        while block < stop:
            head = self._bytes[block : block + 18]
            if head[:4] != _BLOCK_HEAD or head[12:16] != _BLOCK_KIND:
                raise UnusualTextError
            block += int.from_bytes(head[16:18], "little") + 1
            size += int.from_bytes(self._bytes[block - 4 : block], "little")
        if block != stop:
            raise UnusualTextError
        return size

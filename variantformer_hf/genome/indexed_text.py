"""The text of a bgzipped VCF by region, in large pieces instead of line by line."""

import mmap
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pysam

from .text_index import TextIndex, UnusualTextError

# Blocks of bgzip: how they begin, and where the first one's size and the last letters of the head stand.
_BLOCK_HEAD, _BLOCK_KIND = bytes.fromhex("1f8b0804"), bytes.fromhex("42430200")
_OFFSET_BITS, _WITHIN = 16, (1 << 16) - 1
# Compressed bytes between chunks that are rather read than left out.
_GAP = 1 << 16
# Blocks, of 64 KB at most, that are decoded together, and that are kept.
_BLOCKS_AT_ONCE, _KEPT_BLOCKS = 64, 128


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
        self._kept: OrderedDict[int, bytes] = OrderedDict()

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
            rest = b""
            blocks = self._blocks(first, last)
            for low in range(0, len(blocks), _BLOCKS_AT_ONCE):
                found = self._inflated(blocks[low : low + _BLOCKS_AT_ONCE])
                is_last = low + len(found) == len(blocks)
                if is_last and last & _WITHIN:
                    found[-1] = found[-1][: last & _WITHIN]
                if not low:
                    found[0] = found[0][first & _WITHIN :]
                text = b"".join([rest, *found])
                whole = len(text) if is_last else text.rfind(b"\n") + 1
                if whole:
                    yield text if whole == len(text) else text[:whole]
                rest = text[whole:]

    def forget(self) -> None:
        """Forget the blocks that are kept."""
        self._kept.clear()

    def _ranges(self, chrom: str, start: int, end: int) -> list[tuple[int, int]]:
        """Chunks of the index, those near each other as one."""
        first, last = self._index.chunks(chrom.encode(), start, end)
        if not len(first):
            return []
        furthest = np.maximum.accumulate(last)
        begins = np.flatnonzero(first[1:] >> _OFFSET_BITS > (furthest[:-1] >> _OFFSET_BITS) + _GAP) + 1
        firsts, lasts = first[np.append(0, begins)], furthest[np.append(begins, len(first)) - 1]
        return list(zip(firsts.tolist(), lasts.tolist(), strict=True))

    def _blocks(self, first: int, last: int) -> list[tuple[int, int]]:
        """Blocks between two places of the file: where each begins, and how many characters it holds."""
        block, stop = first >> _OFFSET_BITS, last >> _OFFSET_BITS
        found: list[tuple[int, int]] = []
        # A last place at a block's begin takes nothing of it.
        while block < stop or (block == stop and last & _WITHIN):
            head = self._bytes[block : block + 18]
            if head[:4] != _BLOCK_HEAD or head[12:16] != _BLOCK_KIND:
                raise UnusualTextError
            behind = block + int.from_bytes(head[16:18], "little") + 1
            found.append((block, int.from_bytes(self._bytes[behind - 4 : behind], "little")))
            block = behind
        if found and (found[-1][0] > stop or (last & _WITHIN and found[-1][0] != stop)):
            raise UnusualTextError
        return found

    def _inflated(self, blocks: list[tuple[int, int]]) -> list[bytes]:
        """What blocks hold that follow each other; the last ones are kept, as neighbours ask for them again."""
        found = []
        place = 0
        while place < len(blocks):
            block = blocks[place][0]
            kept = self._kept.get(block)
            if kept is not None:
                self._kept.move_to_end(block)
                found.append(kept)
                place += 1
                continue
            behind = place + 1
            while behind < len(blocks) and blocks[behind][0] not in self._kept:
                behind += 1
            found += self._read(blocks[place:behind])
            place = behind
        while len(self._kept) > _KEPT_BLOCKS:
            self._kept.popitem(last=False)
        return found

    def _read(self, blocks: list[tuple[int, int]]) -> list[bytes]:
        """Inflate blocks that follow each other, by htslib, which looks at their checksums."""
        sizes = [size for _, size in blocks]
        try:
            self._file.seek(blocks[0][0] << _OFFSET_BITS)
            text = self._file.read(sum(sizes))
        except OSError as error:
            raise UnusualTextError from error
        if len(text) != sum(sizes):
            raise UnusualTextError
        found, at = [], 0
        for (block, _), size in zip(blocks, sizes, strict=True):
            found.append(text[at : at + size])
            self._kept[block] = found[-1]
            at += size
        return found

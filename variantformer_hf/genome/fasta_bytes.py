"""Which bytes of a FASTA hold a region, by its index: for files that are not here yet."""

from bisect import bisect_right
from pathlib import Path

import numpy as np
import pysam

from ..errors import InputError, MissingIndexError
from ..remote.mirror import MirroredFile

_HEAD, _BLOCK, _LONGEST_HEADER = 1 << 16, 1 << 16, 1 << 12


class FastaBytes:
    """The indexes of a FASTA elsewhere, in memory, and what is fetched by them.

    Args:
        file: the FASTA.
        compressed: it is bgzipped.

    Raises:
        MissingIndexError: its .fai, or of a bgzipped one its .gzi, is not beside it.
        InputError: an index is damaged, or another file's.
    """

    def __init__(self, file: MirroredFile, *, compressed: bool) -> None:
        self._file, self._compressed = file, compressed
        self._contigs: dict[str, tuple[int, int, int, int]] = {}
        self._checked: set[str] = set()
        try:
            for line in self._index(".fai").read_text().splitlines():
                name, *numbers = line.split("\t")
                length, offset, bases, width = map(int, numbers[:4])
                self._contigs[name] = length, offset, bases, width
            # Where blocks begin, in the file and in the text.
            self._blocks, self._texts = [0], [0]
            if compressed:
                numbers_of_blocks = np.fromfile(self._index(".gzi"), dtype="<u8")
                if not len(numbers_of_blocks) or len(numbers_of_blocks) != 1 + 2 * int(numbers_of_blocks[0]):
                    raise ValueError("another number of blocks than it says")
                self._blocks += numbers_of_blocks[1::2].tolist()
                self._texts += numbers_of_blocks[2::2].tolist()
        except InputError:
            raise
        except (OSError, ValueError) as error:
            raise self._of_another_file() from error
        end = max((self._text_end(name) for name in self._contigs), default=0)
        if self._blocks[-1] > file.stamp.size or (not compressed and end > file.stamp.size):
            raise self._of_another_file()

    def fetch(self, chrom: str, start: int, end: int) -> None:
        """Fetch bases [start, end) of a contig; at the first ones of each its header line is looked at.

        Raises:
            InputError: they cannot be had, or the index is another file's.
        """
        length, offset, bases, width = self._contigs[chrom]
        end = min(end, length)
        if start >= end:
            return
        if chrom not in self._checked:
            self._check_header(chrom, offset)
            self._checked.add(chrom)
        self._fetch_text(offset + start // bases * width, offset + (end - 1) // bases * width + width)

    def _fetch_text(self, start: int, end: int) -> None:
        if not self._compressed:
            self._file.fetch(start, min(end, self._file.stamp.size))
            return
        first, last = (bisect_right(self._texts, place) - 1 for place in (start, max(start, end - 1)))
        self._file.fetch(self._blocks[first], min(self._blocks[last] + _BLOCK, self._file.stamp.size))

    def _check_header(self, chrom: str, offset: int) -> None:
        start = max(0, offset - _LONGEST_HEADER)
        self._fetch_text(start, offset)
        if self._compressed:
            block = bisect_right(self._texts, start) - 1
            with pysam.BGZFile(str(self._file), "rb") as text:
                try:
                    text.seek(self._blocks[block] << 16 | start - self._texts[block])
                    before = bytes(text.read(offset - start))
                except (OSError, OverflowError) as error:
                    raise self._of_another_file() from error
        else:
            with self._file.open("rb") as plain:
                plain.seek(start)
                before = plain.read(offset - start)
        header = before[:-1].rpartition(b"\n")[2]
        if before[-1:] != b"\n" or header[:1] != b">" or header[1:].split()[:1] != [chrom.encode()]:
            raise self._of_another_file()

    def _text_end(self, chrom: str) -> int:
        length, offset, bases, width = self._contigs[chrom]
        if length < 0 or offset < 0 or (length and not 0 < bases < width):
            raise self._of_another_file()
        return offset + ((length - 1) // bases * width + (length - 1) % bases + 1 if length else 0)

    def _index(self, suffix: str) -> Path:
        found = self._file.fetch_beside((suffix,))
        if found is None:
            raise MissingIndexError(
                f"has no index ({suffix})", file=self._file, remedy="Make it with samtools faidx, and put it beside it."
            )
        return found

    def _of_another_file(self) -> InputError:
        return InputError(
            "does not fit its index: one of the two is damaged, or the index is another file's",
            file=self._file,
            remedy="Put the index beside it that samtools faidx makes of it.",
        )


def fetch_head(file: MirroredFile) -> None:
    """Fetch what tells whether a FASTA is bgzipped."""
    file.fetch(0, _HEAD)

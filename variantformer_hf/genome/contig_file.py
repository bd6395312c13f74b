"""One contig of a store, opened: all people's readers in a process share it, and what was decoded of its records."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .call_blocks import RegionCalls, SomeCalls
from .checked_file import CheckedFile
from .record_columns import MISSING
from .store_calls import StoredCalls
from .store_sites import Sites, read_sites
from .variants import genotype_of

# Blocks of a contig whose records are kept decoded, 2 MB each, and contigs that are kept open.
_BLOCKS_KEPT = 8
_CONTIGS_KEPT = 4
_NO_PAIR = -2
_HIGHEST_TOLD_APART = 100


class ContigFile:
    """One contig.

    Args:
        path: of the file.
        checksum: of the whole file; None = whatever it is.

    Attributes:
        contig: its name in the source.
        checksum: of the whole file.
        records: how many there are.
        people: whose calls it has.
        counts: what was met in the source that is read otherwise than it stands, and how often.
        written: genotypes as the source writes them; the first is 0/0, and stands for 0|0 too.
        genotypes: their alleles, as of ``genotype_of``.
        alleles: (G, 2) int8, the alleles of each where it has two (``MISSING`` = missing), else -2.

    Raises:
        DamagedFileError: it is not there, or not what was written.
    """

    def __init__(self, path: Path, checksum: str | None = None) -> None:
        self._file = CheckedFile(path, checksum)
        index = self._file.index
        self.checksum = self._file.checksum
        self.contig: str = index["contig"]
        self.records: int = index["records"]
        self.people: int = index["people"]
        self.counts: dict[str, int] = index["counts"]
        self.written: list[str] = index["genotypes"]
        self.genotypes = [genotype_of(text) for text in self.written]
        pairs = [each if len(each) == 2 else (_NO_PAIR, _NO_PAIR) for each in self.genotypes]
        table = [[MISSING if allele is None else allele for allele in pair] for pair in pairs]
        self.alleles = np.clip(np.array(table, dtype=np.int64), _NO_PAIR, _HIGHEST_TOLD_APART).astype(np.int8)
        self._blocks: list[dict[str, Any]] = index["blocks"]
        self._first = np.array([block["first"] for block in self._blocks], dtype=np.int64)
        self._reach = np.array([block["reach"] for block in self._blocks], dtype=np.int64)
        # As instances of a cache each, so that what is decoded goes with the file.
        self.sites = lru_cache(_BLOCKS_KEPT)(self._read_sites)
        self.calls = lru_cache(None)(self._read_calls)

    def blocks(self, start: int, end: int) -> list[int]:
        """Numbers of the blocks that may have records in [start, end)."""
        return np.flatnonzero((self._first < end) & (self._reach > start)).tolist()

    def rows(self, block: int, start: int, end: int) -> slice | np.ndarray:
        """Which records of a block overlap [start, end); those at position 0 of the source do not."""
        sites = self.sites(block)
        low = int(np.searchsorted(sites.position, max(0, start - self._blocks[block]["longest"])))
        high = int(np.searchsorted(sites.position, end))
        inside = sites.end[low:high] > start
        if inside.all():
            return slice(low, high)
        low += int(np.argmax(inside)) if inside.any() else len(inside)
        inside = sites.end[low:high] > start
        return slice(low, high) if inside.all() else low + np.flatnonzero(inside)

    def region_calls(self, block: int, start: int, end: int, samples: np.ndarray) -> RegionCalls:
        """All records of a block, which of them overlap [start, end), and some people's calls, one after the other's.

        Args:
            block: number of the block.
            start, end: 0-based half-open.
            samples: (p,) numbers of the people.

        Raises:
            DamagedFileError: there is damage; of the calls when they are read.
        """
        sites, calls = self.sites(block), self.calls(block)
        inside = np.zeros(len(sites.position), dtype=bool)
        inside[self.rows(block, start, end)] = True
        text_size, text = sites.texts(inside)
        return RegionCalls(
            sites.position,
            sites.end,
            sites.flags,
            sites.ref,
            sites.alt,
            inside,
            text_size,
            text,
            tuple(self.written),
            (
                SomeCalls(records, person, genotypes)
                for person, number in enumerate(samples.tolist())
                for records, genotypes in [calls.of_person(number)]
            ),
        )

    def check(self) -> None:
        """Read all of it.

        Raises:
            DamagedFileError: there is damage.
        """
        self._file.check()

    def _read_sites(self, block: int) -> Sites:
        return read_sites(self._file, self._blocks[block])

    def _read_calls(self, block: int) -> StoredCalls:
        said = self._blocks[block]
        return StoredCalls(self._file, said["records"], said["calls"])


def opened_contig(path: Path, checksum: str) -> ContigFile:
    """A contig, opened once for all people of a process as long as its file is the same.

    Raises:
        DamagedFileError: it is not there, or not what was written.
    """
    try:
        status = path.stat()
    except OSError:
        return ContigFile(path, checksum)  # which says what is wrong
    return _opened(path, checksum, (status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(_CONTIGS_KEPT)
def _opened(path: Path, checksum: str, _status: tuple[int, ...]) -> ContigFile:
    return ContigFile(path, checksum)

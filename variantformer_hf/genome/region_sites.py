"""What the records of a region are, by array: biallelic SNPs, and what the others are instead."""

from collections import Counter
from functools import cached_property

import numpy as np

from .call_blocks import RegionCalls
from .record_columns import IS_BASE
from .snp_genotypes import UPPER
from .store_layout import HOM_REF, SITE

_TAB, _COMMA, _DOT = b"\t,."
_IS_ACGT = np.zeros(256, dtype=bool)
_IS_ACGT[np.frombuffer(b"ACGTacgt", dtype=np.uint8)] = True


class RegionSites:
    """REF and ALT of some records, n of them.

    Args:
        region: the records.
    """

    def __init__(self, region: RegionCalls) -> None:
        self._region = region
        size = region.text_size
        self._first = np.cumsum(size) - size
        self._rows = np.flatnonzero(size > 0)
        tabs = np.flatnonzero(region.text == _TAB).reshape(-1, 2)
        # Of a record without text the two letters are all.
        self._ref_end, self._alt_end = np.zeros((2, len(size)), dtype=np.int64)
        self._ref_end[self._rows], self._alt_end[self._rows] = tabs.T

    @cached_property
    def is_site(self) -> np.ndarray:
        """(n,) one letter for another, as ``CallBlock`` has it, ambiguity letters too."""
        return ((self._region.flags & SITE) > 0) & (self._region.end - self._region.position == 1)

    @cached_property
    def is_snp(self) -> np.ndarray:
        """(n,) one ALT, and one of A, C, G and T for another."""
        ref, alt = self._region.ref, self._region.alt
        return self.is_site & _IS_ACGT[ref] & _IS_ACGT[alt] & (UPPER[ref] != UPPER[alt])

    @cached_property
    def n_alts(self) -> np.ndarray:
        """(n,) int64 how many ALTs; 0 where it is missing ('.')."""
        found = np.ones(len(self._first), dtype=np.int64)
        commas = np.flatnonzero(self._region.text == _COMMA)
        rows = self._rows
        inside = np.searchsorted(commas, self._alt_end[rows]) - np.searchsorted(commas, self._ref_end[rows])
        is_dot = (self._alt_end[rows] - self._ref_end[rows] == 2) & (self._region.alt[rows] == _DOT)
        found[rows] = np.where(is_dot, 0, 1 + inside)
        return found

    @cached_property
    def is_symbolic(self) -> np.ndarray:
        """(n,) any ALT is no sequence: ``<DEL>``, a breakend, a gap."""
        return ((self._region.flags & HOM_REF) == 0) & (self.n_alts > 0)

    def is_bases(self, record: int) -> bool:
        """Whether REF and ALTs of a record are made of bases and ambiguity letters."""
        return all(IS_BASE[np.frombuffer(each.encode(), dtype=np.uint8)].all() for each in self.alleles(record))

    def alleles(self, record: int) -> tuple[str, ...]:
        """REF and ALTs of a record, as they are written; REF alone where ALT is missing."""
        if not self._region.text_size[record]:
            return chr(self._region.ref[record]), chr(self._region.alt[record])
        text = self._region.text[self._first[record] : self._alt_end[record]].tobytes().decode()
        ref, _, alts = text.partition("\t")
        return (ref,) if alts == "." else (ref, *alts.split(","))


class RecordsLeft:
    """The records of a region that are still to be read.

    Args:
        region: the records, n of them.
        left_out: reason -> how many are not read, counted on; a reason without a record is not in it.

    Attributes:
        rest: (n,) bool.
    """

    def __init__(self, region: RegionCalls, left_out: Counter[str]) -> None:
        self.rest, self._left_out = region.inside.copy(), left_out

    def leave_out(self, reason: str, which: np.ndarray) -> None:
        """Leave out those of (n,) bool that are still there."""
        count = int(np.count_nonzero(self.rest & which))
        if count:
            self._left_out[str(reason)] += count
            self.rest[which] = False

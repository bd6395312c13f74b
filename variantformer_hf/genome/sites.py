"""What the records of a file are, and where, as arrays: REF, ALT and FILTER as text, positions by contig."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from .record_columns import IS_BASE, IS_SYMBOLIC, alleles_digest, has_letter, passes_filter

_TAB, _DOT, _COMMA = b"\t.,"
# Alleles are of characters from the first that is shown to the last of ASCII.
_FIRST_SHOWN, _ASCII = 33, 128


def is_text_of_sites(text: np.ndarray) -> np.ndarray:
    """Which characters (uint8) may stand in REF, ALT and FILTER with tabs between them."""
    return (text < _ASCII) & ((text >= _FIRST_SHOWN) | (text == _TAB))


@dataclass(frozen=True, slots=True)
class ContigSites:
    """Where the records of a contig are.

    Attributes:
        rows: of the file, in order of position and then of the file; a range where they lie behind one another.
        position: (n,) int32, 0-based, ascending.
        longest: no record spans more bases.
    """

    rows: range | np.ndarray
    position: np.ndarray
    longest: int

    def between(self, start: int, end: int) -> tuple[int, int]:
        """The records that may overlap [start, end), from one index to another."""
        low = int(np.searchsorted(self.position, start - self.longest, side="right"))
        return low, max(low, int(np.searchsorted(self.position, end, side="left")))

    def part(self, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and positions of the records from one index to another, both int64."""
        rows = self.rows[low:high]
        found = np.arange(rows.start, rows.stop) if isinstance(rows, range) else rows
        return found, self.position[low:high].astype(np.int64)


def by_contig(
    names: Sequence[str], code: np.ndarray, position: np.ndarray, length: np.ndarray | None = None
) -> dict[str, ContigSites]:
    """The records of each contig, in order of position however they lie in the file.

    Args:
        names: of contigs; two codes may have the same.
        code: (n,) place of each record's contig in ``names``.
        position: (n,) int32, 0-based.
        length: (n,) reference bases that each spans; None = one.
    """
    found: dict[str, ContigSites] = {}
    if not len(code):
        return found
    number_of = {name: number for number, name in enumerate(dict.fromkeys(names))}
    contig = np.array([number_of[name] for name in names], dtype=np.int32)[code]
    order: np.ndarray | None = None
    begin = _begins(contig)
    if len(np.unique(contig[begin])) < len(begin):  # a contig stands in several places
        order = np.argsort(contig, kind="stable")
        contig = contig[order]
        begin = _begins(contig)
    stretches = {int(contig[first]): (first, last) for first, last in pairwise([*begin.tolist(), len(code)])}
    for name, number in number_of.items():
        if number not in stretches:
            continue
        rows = np.arange(*stretches[number]) if order is None else order[slice(*stretches[number])]
        at = position[rows]
        longest = 1 if length is None else int(length[rows].max())
        first, last = int(rows[0]), int(rows[-1]) + 1
        if last - first == len(rows) and (np.diff(at) >= 0).all():
            found[name] = ContigSites(range(first, last), position[first:last], longest)
        else:
            rows = rows[np.argsort(at, kind="stable")]
            found[name] = ContigSites(rows, position[rows], longest)
    return found


def _begins(values: np.ndarray) -> np.ndarray:
    """Where stretches of equal values begin."""
    return np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])


@dataclass(frozen=True, slots=True)
class Sites:
    """REF, ALT and FILTER of some records, as a VCF writes them, tabs between them, one record behind the other.

    Attributes:
        text: (m,) uint8.
        first: (n + 1,) int64, where each record begins.
        ref_end, alt_end: (n,) int64, the tabs behind REF and ALT.
        length: (n,) int64, reference bases that the record spans.
        unseen: (n,) bool, whether the last of them does not make a region find it.
    """

    text: np.ndarray
    first: np.ndarray
    ref_end: np.ndarray
    alt_end: np.ndarray
    length: np.ndarray
    unseen: np.ndarray

    @classmethod
    def of_text(cls, text: np.ndarray, first: np.ndarray) -> "Sites":
        """Those whose REF says how far they span; ``text`` holds two tabs a record."""
        tabs = np.flatnonzero(text == _TAB).reshape(-1, 2)
        unseen = np.zeros(len(tabs), dtype=bool)
        return cls(text, first, tabs[:, 0], tabs[:, 1], tabs[:, 0] - first[:-1], unseen)

    @classmethod
    def of_strings(cls, records: Sequence[tuple[str, str, str]]) -> "Sites":
        """Those of REF, ALT and FILTER of each record.

        Raises:
            ValueError: one has characters that none has.
        """
        texts = ["\t".join(record).encode() for record in records]
        first = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
        text = np.frombuffer(b"".join(texts), dtype=np.uint8)
        if not is_text_of_sites(text).all() or int((text == _TAB).sum()) != 2 * len(texts):
            raise ValueError("an allele or FILTER has characters that none has")
        return cls.of_text(text, first)

    def __len__(self) -> int:
        return len(self.ref_end)

    def of(self, index: int) -> tuple[str, str, str]:
        """REF, ALT and FILTER of a record."""
        ref, alt, filters = self.text[self.first[index] : self.first[index + 1]].tobytes().decode().split("\t")
        return ref, alt, filters

    @property
    def found(self) -> np.ndarray:
        """(n,) how many of the bases that each spans make a region find it."""
        return self.length - self.unseen

    @property
    def ref(self) -> np.ndarray:
        """(n,) uint8, the first letter of each REF."""
        return self.text[self.first[:-1]]

    @property
    def alt(self) -> np.ndarray:
        """(n,) uint8, the first letter of each ALT."""
        return self.text[self.ref_end + 1]

    @property
    def is_snp(self) -> np.ndarray:
        """(n,) one REF base and one other ALT base."""
        ref, alt = self.ref, self.alt
        is_short = self.alt_end - self.first[:-1] == 3
        return is_short & (self.ref_end - self.first[:-1] == 1) & IS_BASE[ref] & IS_BASE[alt] & (ref != alt)

    @property
    def has_alt(self) -> np.ndarray:
        """(n,) an ALT that is no symbolic allele."""
        starts = self.ref_end + 1
        has_alt = ~((self.alt_end - starts == 1) & (self.alt == _DOT))
        others = np.flatnonzero(has_alt & ~self.is_snp)
        has_alt[others] = ~has_letter(self.text, starts[others], self.alt_end[others], IS_SYMBOLIC)
        return has_alt

    @property
    def passes(self) -> np.ndarray:
        """(n,) FILTER is PASS or missing."""
        return passes_filter(self.text, self.alt_end + 1, self.first[1:])

    @property
    def digest(self) -> np.ndarray:
        """(n,) int64, a number for REF and ALT, see ``record_columns.alleles_digest``."""
        return alleles_digest(self.text, self.first[:-1], self.ref_end, self.alt_end)

    @property
    def n_alleles(self) -> np.ndarray:
        """(n,) int64, REF and ALTs; a missing ALT counts as one."""
        commas = np.flatnonzero(self.text == _COMMA)
        inside = np.searchsorted(commas, self.alt_end) - np.searchsorted(commas, self.ref_end)
        return inside + 2


@dataclass(frozen=True, slots=True)
class SiteTable:
    """What all records of a file are, held in memory: some twenty bytes a record.

    Attributes:
        contigs: names, as the file has them.
        code: (n,) int32, place of each record's contig.
        position: (n,) int32, 0-based.
        text, first: as of :class:`Sites`, of all records.
        spans: row -> reference bases that it spans and how many of the last ones no region finds it by, where REF does
            not say it.
    """

    contigs: tuple[str, ...]
    code: np.ndarray
    position: np.ndarray
    text: np.ndarray
    first: np.ndarray
    spans: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.position)

    def sites(self, rows: np.ndarray) -> Sites:
        """Those of some rows."""
        start, end = self.first[rows], self.first[rows + 1]
        size = end - start
        first = np.concatenate([[0], np.cumsum(size)])
        sites = Sites.of_text(self.text[np.arange(first[-1]) + np.repeat(start - first[:-1], size)], first)
        if self.spans:
            for index, row in enumerate(rows.tolist()):
                if row in self.spans:
                    sites.length[index], sites.unseen[index] = self.spans[row]
        return sites

    def lengths(self) -> np.ndarray:
        """(n,) int64, reference bases that each record spans."""
        tabs = np.flatnonzero(self.text == _TAB)[::2]
        length = tabs - self.first[:-1]
        for row, (spanned, _) in self.spans.items():
            length[row] = spanned
        return length

    def n_alleles(self) -> np.ndarray:
        """(n,) as ``Sites.n_alleles``."""
        return Sites.of_text(self.text, self.first).n_alleles

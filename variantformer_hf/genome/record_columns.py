"""Many records of one sample as arrays, decoded from VCF text without an object a record.

Nearly all records of a person are SNPs with a plain diploid genotype: what is needed of them fits into arrays. Every
other record, and every line that is in any way unusual, is parsed on its own when it is asked for.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .cohort_files import CohortFiles
from .sample_names import FIXED_COLUMNS

MISSING = -1
_TAB, _NEWLINE, _COLON, _DOT, _SLASH, _BAR = b"\t\n:./|"
# What makes a record longer than its REF, or is no plain line.
SPAN_KEYS = re.compile(rb"END=|SVLEN=|LEN|\r")
LONGEST_CALL = 96
_DIGESTED = 24
# Characters of alleles that an SNP's fast path knows: bases and ambiguity letters, either case.
IS_BASE = np.zeros(256, dtype=bool)
IS_BASE[np.frombuffer(b"ACGTNMRWSYKVHDBacgtnmrwsykvhdb", dtype=np.uint8)] = True


# Letters of symbolic alleles, breakends and gaps; what begins a call that is empty, or has an empty genotype.
IS_SYMBOLIC = np.zeros(256, dtype=bool)
IS_SYMBOLIC[np.frombuffer(b"<[].-", dtype=np.uint8)] = True
IS_EMPTY = np.zeros(256, dtype=bool)
IS_EMPTY[np.frombuffer(b"\t\n:", dtype=np.uint8)] = True


@dataclass(frozen=True, slots=True)
class Record:
    """One record, as far as a sequence depends on it.

    Attributes:
        position: 0-based.
        alleles: REF, then the ALTs; without ALT ('.') REF alone.
        length: reference bases that it spans: REF's, or more where INFO/END, SVLEN or FORMAT/LEN say so.
        genotype: allele indices of the sample, None = missing; empty without GT; None in a file without samples.
        phased: whether the genotype is written with '|' throughout.
        filters: the FILTER column.
        gq, dp: genotype quality and depth of the sample, None = not given.
        is_edit: it was put in by hand: no option leaves it out.
        unseen: how many of the last bases that it spans do not make a region find it.
    """

    position: int
    alleles: tuple[str, ...]
    length: int
    genotype: tuple[int | None, ...] | None
    phased: bool
    filters: str
    gq: float | None
    dp: float | None
    is_edit: bool = False
    unseen: int = 0

    @property
    def end(self) -> int:
        """Behind the last base by which a region finds it."""
        return self.position + self.length - self.unseen


@dataclass(frozen=True, slots=True)
class RecordColumns:
    """Records of one sample on one contig, in file order.

    Attributes:
        position, end: (n,) int64, 0-based half-open stretch by which regions find the record.
        is_snp: (n,) one REF base and one other ALT base, with a diploid genotype of alleles 0, 1 or missing.
        is_hom_ref: (n,) 0/0 with an ALT that is no symbolic allele; the record may be of any kind.
        ref, alt: (n,) uint8, the bases of an SNP as they are written.
        first, second: (n,) int8, alleles of an SNP's genotype; -1 = missing.
        passes: (n,) FILTER is PASS or missing.
        alleles: (n,) int64, a number for REF and ALT; those of like beginning may share it.
        record: index -> the whole record.
        text: (t,) uint8, in which REF and ALT of records stand, a tab between them and one behind.
        text_first: (n,) int64, where in it; -1 = not there, None = of no record. Only of records that are as long as
            REF, of whose genotype ``first`` and ``second`` are all, and that were not put in by hand.
    """

    position: np.ndarray
    end: np.ndarray
    is_snp: np.ndarray
    is_hom_ref: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    first: np.ndarray
    second: np.ndarray
    passes: np.ndarray
    alleles: np.ndarray
    record: Callable[[int], Record]
    text: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint8))
    text_first: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.position)

    def select(self, rows: np.ndarray) -> "RecordColumns":
        """Some of the records; ``rows`` are indices, ascending."""
        of_all, record = ("record", "text", "text_first"), self.record
        arrays = {each.name: getattr(self, each.name)[rows] for each in fields(self) if each.name not in of_all}
        text_first = None if self.text_first is None else self.text_first[rows]
        return RecordColumns(
            record=lambda index: record(int(rows[index])), text=self.text, text_first=text_first, **arrays
        )


class RecordSource(Protocol):
    """A person's records by the FASTA's contig names: those of the file, held in memory, or with edits.

    Attributes:
        path: of the file, or the files.
        sample: the person in it; None in a file without samples.
    """

    path: Path | CohortFiles
    sample: str | None

    @property
    def index_is_older(self) -> bool:
        """Whether the file was written after its index."""
        ...

    @property
    def damage(self) -> list[str]:
        """What was found damaged in the file's store, a sentence each."""
        ...

    @property
    def formats(self) -> list[dict[str, Any]]:
        """What the file's format does not hold of a VCF, and what was met in it; empty for a VCF."""
        ...

    def file_contig(self, chrom: str) -> str:
        """How the file calls a contig of the FASTA; one that it lacks, as the FASTA does."""
        ...

    def has_contig(self, chrom: str) -> bool:
        """Whether there is any record, of anybody, on a contig."""
        ...

    def columns(self, chrom: str, start: int, end: int) -> Iterable[RecordColumns]:
        """Records that overlap [start, end) of a contig, in file order, some at a time."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


def of_records(records: Sequence[Record]) -> RecordColumns:
    """Columns of parsed records, none of which takes the fast path."""
    n = len(records)
    none, zero = np.zeros(n, dtype=bool), np.zeros(n, dtype=np.uint8)
    position = np.array([record.position for record in records], dtype=np.int64)
    end = np.array([record.end for record in records], dtype=np.int64)
    missing = np.full(n, MISSING, dtype=np.int8)
    passes = np.array([record.filters in ("PASS", ".") for record in records], dtype=bool)
    return RecordColumns(
        position, end, none, none, zero, zero, missing, missing, passes, _digests(records), records.__getitem__
    )


def _digests(records: Sequence[Record]) -> np.ndarray:
    """As :func:`alleles_digest`, of parsed records."""
    alts = [",".join(each.alleles[1:]) if len(each.alleles) > 1 else "." for each in records]
    texts = [f"{each.alleles[0]}\t{alt}\t".encode() for each, alt in zip(records, alts, strict=True)]
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    starts = ends - np.array([len(text) for text in texts], dtype=np.int64)
    ref_ends = starts + np.array([len(each.alleles[0].encode()) for each in records], dtype=np.int64)
    characters = np.frombuffer(b"".join(texts) + b"\t", dtype=np.uint8)
    return alleles_digest(characters, starts, ref_ends, ends - 1)


def of_lines(
    lines: Sequence[str], column: int | None, n_calls: int, parse: Callable[[str], Record], *, needs_quality: bool
) -> RecordColumns:
    """Decode lines of a VCF.

    Args:
        lines: records, without their line ends.
        column: number of the sample's column from 0; None in a file without samples.
        n_calls: calls that a line has.
        parse: decodes one line in full, and refuses malformed ones.
        needs_quality: GQ or DP are asked for: every record is parsed in full.
    """
    if column is None or needs_quality or not lines:
        return of_records([parse(line) for line in lines])
    text = "\n".join(lines).encode() + b"\n"
    characters = np.frombuffer(text, dtype=np.uint8)
    line_end = np.flatnonzero(characters == _NEWLINE)
    tabs = np.flatnonzero(characters == _TAB)
    first_tab = np.searchsorted(tabs, line_end[:-1])
    first_tab = np.concatenate([np.zeros(1, dtype=first_tab.dtype), first_tab])
    n_tabs = np.diff(np.append(first_tab, len(tabs)))
    if len(line_end) != len(lines) or (n_tabs < FIXED_COLUMNS - 1 + n_calls).any():
        return of_records([parse(line) for line in lines])

    def tab(number: int) -> np.ndarray:
        return tabs[first_tab + number]

    position, is_number = numbers(characters, tab(0) + 1, tab(1))
    ref_start, ref_end, alt_start, alt_end = tab(2) + 1, tab(3), tab(3) + 1, tab(4)
    passes = passes_filter(characters, tab(5) + 1, tab(6))
    format_start, format_end = tab(7) + 1, tab(8)
    call_start = tab(column - 1) + 1
    call_end = np.where(n_tabs > column, tabs[np.minimum(first_tab + column, len(tabs) - 1)], line_end)
    has_genotype = (
        (format_end - format_start >= 2)
        & (characters[format_start] == ord("G"))
        & (characters[format_start + 1] == ord("T"))
        & ((format_end - format_start == 2) | (characters[format_start + 2] == _COLON))
    )
    call_length = call_end - call_start
    one, separator, two, after = (characters[np.minimum(call_start + at, len(characters) - 1)] for at in range(4))
    is_diploid = (
        (call_length >= 3)
        & ((separator == _SLASH) | (separator == _BAR))
        & ((call_length == 3) | (after == _COLON))
        & (call_length <= LONGEST_CALL)
        & (colons_in(characters, call_start, call_end) <= colons_in(characters, format_start, format_end))
    )
    is_plain = is_number & has_genotype & is_diploid & (ref_end > ref_start) & (alt_end > alt_start)
    for found in SPAN_KEYS.finditer(text):
        is_plain[np.searchsorted(line_end, found.start())] = False
    emptied = np.flatnonzero(IS_EMPTY[characters[tabs + 1]])
    is_plain[np.searchsorted(line_end, tabs[emptied])] = False
    first, second = _allele(one), _allele(two)
    is_plain &= (first >= MISSING) & (second >= MISSING)
    ref, alt = characters[ref_start], characters[alt_start]
    one_alt = alt_end - alt_start == 1
    is_snp = (
        is_plain
        & (ref_end - ref_start == 1)
        & one_alt
        & IS_BASE[ref]
        & IS_BASE[alt]
        & (ref != alt)
        & (first <= 1)
        & (second <= 1)
    )
    is_hom_ref = is_plain & (first == 0) & (second == 0) & ~(one_alt & (alt == _DOT))
    others = np.flatnonzero(is_hom_ref & ~is_snp)
    is_hom_ref[others] = ~has_letter(characters, alt_start[others], alt_end[others], IS_SYMBOLIC)
    length = np.where(is_plain, ref_end - ref_start, 0)

    def record(index: int) -> Record:
        if not is_plain[index]:
            return parse(lines[index])
        alts = text[alt_start[index] : alt_end[index]].decode()
        reference = text[ref_start[index] : ref_end[index]].decode()
        alleles = (reference,) if alts == "." else (reference, *alts.split(","))
        genotype = tuple(None if allele < 0 else int(allele) for allele in (first[index], second[index]))
        return Record(
            int(position[index]),
            alleles,
            int(length[index]),
            genotype,
            text[call_start[index] + 1] == _BAR,
            "PASS" if passes[index] else lines[index].split("\t", 7)[6],
            None,
            None,
        )

    for index in np.flatnonzero(~is_plain).tolist():
        parsed = parse(lines[index])
        position[index], length[index] = parsed.position, parsed.end - parsed.position
    alleles = alleles_digest(characters, ref_start, ref_end, alt_end)
    return RecordColumns(
        position, position + length, is_snp, is_hom_ref, ref, alt, first, second, passes, alleles, record
    )


def numbers(characters: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """1-based numbers in text as 0-based ones, and which of them are numbers of at most nine digits."""
    length = end - start
    value = np.zeros(len(start), dtype=np.int64)
    is_number = (length >= 1) & (length <= 9)
    for place in range(min(9, int(length.max()))):
        inside = place < length
        digit = characters[np.minimum(start + place, len(characters) - 1)].astype(np.int64) - ord("0")
        is_number &= ~inside | ((digit >= 0) & (digit <= 9))
        value = np.where(inside, value * 10 + digit, value)
    return value - 1, is_number


def alleles_digest(
    characters: np.ndarray, ref_start: np.ndarray, ref_end: np.ndarray, alt_end: np.ndarray
) -> np.ndarray:
    """A number for REF and ALT of each record, (n,) int64; ALT begins behind the tab that ends REF."""
    alleles = characters[ref_start].astype(np.int64) << 8 | characters[np.minimum(ref_end + 1, len(characters) - 1)]
    others = np.flatnonzero(alt_end - ref_start != 3)
    alleles[others] = _digest(characters, ref_start[others], alt_end[others])
    return alleles


def _digest(characters: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """A number for each stretch of text, by its length and its beginning, whichever others there are."""
    length = end - start
    value = length.copy()
    for place in range(min(_DIGESTED, int(length.max(initial=0)))):
        letter = characters[np.minimum(start + place, end - 1)]
        value = np.where(place < length, (value * 31 + letter) & 0xFFFFFFFF, value)
    return value


def passes_filter(characters: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Which FILTER fields are PASS or missing."""
    length = end - start
    is_pass = length == 4
    for place, letter in enumerate(b"PASS"):
        is_pass &= characters[np.minimum(start + place, len(characters) - 1)] == letter
    return is_pass | ((length == 1) & (characters[start] == _DOT))


def has_letter(characters: np.ndarray, start: np.ndarray, end: np.ndarray, letters: np.ndarray) -> np.ndarray:
    """Which stretches of text, none of them empty, hold any of some letters ((256,) bool)."""
    if not len(start):
        return np.zeros(0, dtype=bool)
    first = np.concatenate([[0], np.cumsum(end - start)])
    places = np.arange(first[-1]) + np.repeat(start - first[:-1], end - start)
    return np.logical_or.reduceat(letters[characters[places]], first[:-1])


def colons_in(characters: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """How many colons each stretch has; of long ones the first part is looked at."""
    length = end - start
    count = np.zeros(len(start), dtype=np.int64)
    for place in range(min(LONGEST_CALL, int(length.max()))):
        found = characters[np.minimum(start + place, len(characters) - 1)] == _COLON
        count += found & (place < length)
    return count


def _allele(character: np.ndarray) -> np.ndarray:
    """Allele of a one-character call, -1 = missing, -2 = neither a digit nor a dot."""
    digit = character.astype(np.int16) - ord("0")
    allele = np.where((digit >= 0) & (digit <= 9), digit, -2)
    return np.where(character == _DOT, MISSING, allele).astype(np.int8)

"""A VCF's or BCF's records with everybody's calls, some lines at a time, decoded without an object a call."""

from collections.abc import Iterator, Sequence
from itertools import islice
from os import PathLike
from typing import NamedTuple

import numpy as np

from ..errors import InputError
from .call_blocks import CallBlock
from .record_columns import (
    IS_BASE,
    IS_EMPTY,
    IS_SYMBOLIC,
    LONGEST_CALL,
    SPAN_KEYS,
    alleles_digest,
    colons_in,
    has_letter,
    numbers,
    passes_filter,
)
from .store_layout import HOM_REF, LONGER, PASSES, SITE
from .variants import MOST_ALLELES, VariantFile, genotype_of

_TAB, _NEWLINE, _COLON, _DOT, _SLASH, _BAR, _ZERO = b"\t\n:./|0"
# Characters of the file that are decoded at a time.
TEXT_AT_ONCE = 8 << 20


class VcfBlocks:
    """An indexed VCF or BCF, read for all of its samples.

    Args:
        path: of the file.
        text_at_once: characters of it that are decoded at a time, more or less.

    Attributes:
        path, samples, contigs: as of :class:`VariantFile`.

    Raises:
        InputError: as of :class:`VariantFile`.
    """

    def __init__(self, path: str | PathLike[str], *, text_at_once: int = TEXT_AT_ONCE) -> None:
        self._file = VariantFile(path, all_samples=True)
        self.path, self.samples, self.contigs = self._file.path, self._file.samples, self._file.contigs
        self._lines_at_once = max(16, min(16_384, text_at_once // (200 + 8 * len(self.samples))))

    @property
    def indexed_contigs(self) -> list[str]:
        """Contigs that have records, in the order of the header."""
        return self._file.indexed_contigs

    @property
    def index_is_older(self) -> bool:
        """Whether the file was written after its index."""
        return self._file.index_is_older

    def blocks(self, contig: str) -> Iterator[CallBlock]:
        """All records of a contig, in file order.

        Raises:
            InputError: a record of any sample is malformed, or the file gives its records' lengths by sample
                (FORMAT/LEN).
        """
        lines = self._file.lines(contig)
        while part := list(islice(lines, self._lines_at_once)):
            yield _decoded(part, self._file)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Calls(NamedTuple):
    """Where in some text the calls of its lines stand, (lines, samples) each, and which lines are plain."""

    characters: np.ndarray
    start: np.ndarray
    end: np.ndarray
    is_plain: np.ndarray


def _decoded(lines: Sequence[str], file: VariantFile) -> CallBlock:
    n_samples = len(file.samples)
    lines = [line if line.count("\t") == 8 + n_samples else file.whole(line) for line in lines]
    text = "\n".join(lines).encode() + b"\n"
    characters = np.frombuffer(text, dtype=np.uint8)
    line_end = np.flatnonzero(characters == _NEWLINE)
    tabs: np.ndarray = np.flatnonzero(characters == _TAB)
    if len(line_end) != len(lines):  # a line end within a line
        for line in lines:
            file.parse(line)
    tabs = np.reshape(tabs, (len(lines), 8 + n_samples))
    position, is_number = numbers(characters, tabs[:, 0] + 1, tabs[:, 1])
    ref_start, ref_end, alt_start, alt_end = tabs[:, 2] + 1, tabs[:, 3], tabs[:, 3] + 1, tabs[:, 4]
    passes = passes_filter(characters, tabs[:, 5] + 1, tabs[:, 6])
    format_start, format_end = tabs[:, 7] + 1, tabs[:, 8]
    has_keys = (characters[format_start] != _DOT) | (format_end - format_start != 1)
    n_keys = _colons(characters, format_start[:, None], format_end[:, None])
    is_plain = (
        is_number
        & (ref_end > ref_start)
        & (alt_end > alt_start)
        & (characters[format_start] == ord("G"))
        & (characters[format_start + 1] == ord("T"))
        & ((characters[format_start + 2] == _COLON) | (format_end - format_start == 2))
    )
    length = ref_end - ref_start
    is_longer = np.zeros(len(lines), dtype=bool)
    for found in SPAN_KEYS.finditer(text):
        row = int(np.searchsorted(line_end, found.start()))
        _check_lengths(lines[row], file)
        is_plain[row] = False
    call_start = tabs[:, 8:] + 1
    is_whole = is_plain & ~IS_EMPTY[characters[call_start]].any(axis=1)
    for row in np.flatnonzero(~is_whole).tolist():
        parsed = file.parse(lines[row])
        position[row], length[row] = parsed.position, parsed.end - parsed.position
        is_longer[row] = parsed.unseen
    ref, alt = characters[ref_start], characters[alt_start]
    one_alt = alt_end - alt_start == 1
    is_site = (length == 1) & (ref_end - ref_start == 1) & one_alt & IS_BASE[ref] & IS_BASE[alt] & (ref != alt)
    has_alt = ~(one_alt & (alt == _DOT))
    others = np.flatnonzero(has_alt & ~is_site)
    has_alt[others] = ~has_letter(characters, alt_start[others], alt_end[others], IS_SYMBOLIC)
    texts, text_size = _texts_of(characters, tabs, ref_start, alt_end, ~(is_site & passes))
    call_end = np.concatenate([tabs[:, 9:], line_end[:, None]], axis=1)
    too_many = (_colons(characters, call_start, call_end) > n_keys) & has_keys[:, None]
    if too_many.any():
        row, sample = np.argwhere(too_many)[0].tolist()
        raise file.malformed(lines[row], f"has more values than FORMAT keys in the sample {file.samples[sample]}")
    rows, samples, code, genotypes = _calls(lines, file, _Calls(characters, call_start, call_end, is_plain))
    return CallBlock(
        position=position,
        end=position + length,
        alleles=alleles_digest(characters, ref_start, ref_end, alt_end),
        flags=(is_site * SITE | has_alt * HOM_REF | passes * PASSES | is_longer * LONGER).astype(np.uint8),
        ref=ref,
        alt=alt,
        text_size=text_size,
        text=texts,
        call_record=rows,
        call_sample=samples,
        call_genotype=code,
        genotypes=genotypes,
    )


def _check_lengths(line: str, file: VariantFile) -> None:
    if file.span_keys.length and "LEN" in line.split("\t", 9)[8].split(":"):
        raise InputError(
            "gives lengths of records by sample (FORMAT/LEN), which a store does not hold",
            file=file.path,
            record=":".join(line.split("\t", 2)[:2]),
            remedy="Use the file itself.",
        )


def _colons(characters: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Colons in each stretch of text, (n, samples)."""
    if int((end - start).max()) <= LONGEST_CALL and start.shape[1] == 1:
        return colons_in(characters, start[:, 0], end[:, 0])[:, None]
    so_far = np.cumsum(characters == _COLON, dtype=np.int32)
    return so_far[end - 1] - so_far[start - 1]


def _texts_of(
    characters: np.ndarray, tabs: np.ndarray, ref_start: np.ndarray, alt_end: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """REF, ALT and FILTER of some records, tabs between them, one behind the other; how long each is."""
    filter_start, filter_end = tabs[:, 5], tabs[:, 6]  # the tab before it included
    size = np.zeros(len(kept), dtype=np.int64)
    size[kept] = (alt_end - ref_start + filter_end - filter_start)[kept]
    rows = np.flatnonzero(kept)
    starts = np.stack([ref_start[rows], filter_start[rows]], axis=1).ravel()
    lengths = np.stack([(alt_end - ref_start)[rows], (filter_end - filter_start)[rows]], axis=1).ravel()
    first = np.concatenate([[0], np.cumsum(lengths)])
    places = np.arange(first[-1]) + np.repeat(starts - first[:-1], lengths)
    return characters[places], size


def _calls(
    lines: Sequence[str], file: VariantFile, calls: _Calls
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Line, sample and genotype of all calls that are not 0/0, and the genotypes."""
    characters = calls.characters
    last = len(characters) - 1
    one, bar, two, behind = (characters[np.minimum(calls.start + place, last)] for place in range(4))
    size = calls.end - calls.start
    is_pair = calls.is_plain[:, None] & (size >= 3) & ((bar == _SLASH) | (bar == _BAR))
    is_pair &= (size == 3) | (behind == _COLON)
    for allele in (one, two):
        is_pair &= ((allele >= _ZERO) & (allele <= ord("9"))) | (allele == _DOT)
    rows, samples = np.nonzero(~(is_pair & (one == _ZERO) & (two == _ZERO)))
    pair = is_pair[rows, samples]
    letters = (one.astype(np.int32) << 16 | bar.astype(np.int32) << 8 | two)[rows, samples]
    code = np.zeros(len(rows), dtype=np.int64)
    kinds, which = np.unique(letters[pair], return_inverse=True)
    codes = {int(kind).to_bytes(3, "big").decode(): number for number, kind in enumerate(kinds)}
    code[pair] = which
    for index in np.flatnonzero(~pair).tolist():
        line, sample = lines[int(rows[index])], int(samples[index])
        keys, values = line.split("\t", 9)[8].split(":"), line.split("\t")[9 + sample].split(":")
        written = dict(zip(keys, values, strict=False)).get("GT", "")
        try:
            highest = max((allele for allele in genotype_of(written) if allele is not None), default=0)
        except ValueError:
            highest = MOST_ALLELES
        if highest >= MOST_ALLELES:
            raise file.malformed(line, f"has the genotype {written!r} in the sample {file.samples[sample]}")
        code[index] = codes.setdefault(written, len(codes))
    return rows, samples, code, tuple(codes)

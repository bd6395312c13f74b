"""A VCF's or BCF's records with everybody's calls, some lines at a time, decoded without an object a call."""

from collections.abc import Iterator, Sequence
from itertools import islice
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from .call_blocks import CallBlock
from .record_columns import (
    IS_BASE,
    IS_EMPTY,
    IS_SYMBOLIC,
    SPAN_KEYS,
    alleles_digest,
    has_letter,
    numbers,
    passes_filter,
)
from .store_layout import HOM_REF, LONGER, PASSES, SITE
from .variants import BEHIND_ANY_CONTIG, VariantFile
from .vcf_calls import CallText, calls_of, fixed_width_calls

_TAB, _NEWLINE, _COLON, _DOT = b"\t\n:."
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

    def blocks(
        self, contig: str, start: int = -1, end: int = BEHIND_ANY_CONTIG, samples: np.ndarray | None = None
    ) -> Iterator[CallBlock]:
        """As of :class:`CallSource`.

        Raises:
            InputError: a record of any sample is malformed, or the file gives its records' lengths by sample
                (FORMAT/LEN).
        """
        numbers = None
        if samples is not None and len(samples) < len(self.samples):
            numbers = np.full(len(self.samples), -1, dtype=np.int64)
            numbers[samples] = np.arange(len(samples))
        lines = self._file.lines_within(contig, max(0, start), end)
        while part := list(islice(lines, self._lines_at_once)):
            block = _decoded(part, self._file)
            yield block if numbers is None else block.of_samples(numbers)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _decoded(lines: Sequence[str], file: VariantFile) -> CallBlock:
    n_samples = len(file.samples)
    fixed = fixed_width_calls(lines, n_samples)
    if fixed is not None:
        return CallBlock(**_sites(lines, fixed.heads, file).arrays, **fixed.calls._asdict())
    lines = [line if line.count("\t") == 8 + n_samples else file.whole(line) for line in lines]
    sites = _sites(lines, lines, file)
    return CallBlock(**sites.arrays, **calls_of(lines, file, sites.text)._asdict())


class _Sites(NamedTuple):
    """What lines say of their records, as of ``CallBlock``, and where in their text their calls stand."""

    arrays: dict[str, Any]
    text: CallText


def _sites(lines: Sequence[str], read: Sequence[str], file: VariantFile) -> _Sites:
    """What lines say of their records.

    Args:
        lines: whole.
        read: the same with one call or all, all with the same number.
        file: of the lines.
    """
    n_tabs = read[0].count("\t")
    text = "\n".join(read).encode() + b"\n"
    characters = np.frombuffer(text, dtype=np.uint8)
    line_end = np.flatnonzero(characters == _NEWLINE)
    tabs: np.ndarray = np.flatnonzero(characters == _TAB)
    if len(line_end) != len(lines):  # a line end within a line
        for line in lines:
            file.parse(line)
    tabs = np.reshape(tabs, (len(lines), n_tabs))
    position, is_number = numbers(characters, tabs[:, 0] + 1, tabs[:, 1])
    ref_start, ref_end, alt_start, alt_end = tabs[:, 2] + 1, tabs[:, 3], tabs[:, 3] + 1, tabs[:, 4]
    passes = passes_filter(characters, tabs[:, 5] + 1, tabs[:, 6])
    format_start, format_end = tabs[:, 7] + 1, tabs[:, 8]
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
    arrays = {
        "position": position,
        "end": position + length,
        "alleles": alleles_digest(characters, ref_start, ref_end, alt_end),
        "flags": (is_site * SITE | has_alt * HOM_REF | passes * PASSES | is_longer * LONGER).astype(np.uint8),
        "ref": ref,
        "alt": alt,
        "text_size": text_size,
        "text": texts,
    }
    call_end = np.concatenate([tabs[:, 9:], line_end[:, None]], axis=1)
    return _Sites(arrays, CallText(characters, format_start, format_end, call_start, call_end, is_plain))


def _check_lengths(line: str, file: VariantFile) -> None:
    if file.span_keys.length and "LEN" in line.split("\t", 9)[8].split(":"):
        raise InputError(
            "gives lengths of records by sample (FORMAT/LEN), which a store does not hold",
            file=file.path,
            record=":".join(line.split("\t", 2)[:2]),
            remedy="Use the file itself.",
        )


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

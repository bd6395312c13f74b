"""Compiled decoding of the text of a VCF: as ``record_columns.of_lines``, in one pass and without a string a line.

``of_lines`` reads what is not read here (a BCF, an odd line, all without numba): a rule of one is one of the other.
"""

# mypy: disable-error-code="assignment"

import numpy as np

from ..compiled import njit
from .record_columns import IS_BASE, IS_EMPTY, IS_SYMBOLIC, LONGEST_CALL, MISSING
from .sample_names import FIXED_COLUMNS

_TAB, _NEWLINE, _COLON, _DOT, _SLASH, _BAR, _ZERO = (np.uint8(letter) for letter in b"\t\n:./|0")
_E, _N, _D, _L, _EQUALS, _G, _T = (np.uint8(letter) for letter in b"ENDL=GT")
_DIGESTED = 24
_NEITHER = -2
# Rows of what ``decode`` fills in.
NUMBERS = ("position", "end", "alleles", "line_start", "line_end", "ref_start", "ref_end", "alt_end", "call_start")
LETTERS = ("ref", "alt", "first", "second", "is_plain", "is_snp", "is_hom_ref", "passes")


@njit(cache=True, nogil=True)
def find_marks(words, text, marks):  # type: ignore[no-untyped-def]
    """Find all tabs and line ends.

    Args:
        words: (w,) uint64, the text by eight characters; what is left over is not in it.
        text: (t,) uint8, the text.
        marks: (m,) int32, filled with their places.

    Returns:
        How many there are; -1 where there are others than ASCII characters, or more than ``marks`` holds.
    """
    high, low = np.uint64(0x8080808080808080), np.uint64(0x7F7F7F7F7F7F7F7F)
    upper_half = np.uint64(0xF0F0F0F0F0F0F0F0)
    seen = np.uint64(0)
    n, most = 0, len(marks) - 8
    for index in range(len(words)):
        word = words[index]
        seen |= word
        # A byte below 16 has no bit in its upper half: of such only the highest bit is left.
        half = word & upper_half
        found = ~(((half & low) + low) | half | low)
        if found:
            if n > most:
                return -1
            for byte in range(8):
                if found & (np.uint64(0x80) << np.uint64(8 * byte)):
                    marks[n] = 8 * index + byte
                    n += 1
    for place in range(8 * len(words), len(text)):
        seen |= np.uint64(text[place])
        if text[place] < 16:
            if n > most:
                return -1
            marks[n] = place
            n += 1
    return -1 if seen & high else n


@njit(cache=True, nogil=True)
def _has_span_key(text, start, end):  # type: ignore[no-untyped-def]
    """Whether END= or LEN stands in a stretch of text."""
    stretch = text[start : end + 1]
    near = False
    for place in range(len(stretch) - 1):
        near |= (stretch[place] == _E) & (stretch[place + 1] == _N)
    if near:
        for place in range(start, end - 1):
            if text[place] == _E and text[place + 1] == _N:
                if place > start and text[place - 1] == _L:
                    return True
                if place + 3 < end and text[place + 2] == _D and text[place + 3] == _EQUALS:
                    return True
    return False


@njit(cache=True, nogil=True)
def _allele(letter):  # type: ignore[no-untyped-def]
    if letter == _DOT:
        return MISSING
    digit = np.int64(letter) - np.int64(_ZERO)
    return digit if 0 <= digit <= 9 else _NEITHER


@njit(cache=True, nogil=True)
def decode(text, marks, contig, column, n_calls, start, end, numbers, letters):  # type: ignore[no-untyped-def]
    """Decode the lines of a text that overlap [start, end) of a contig.

    Args:
        text: (t,) uint8, whole lines.
        marks: (m,) int32, its tabs and line ends.
        contig: (c,) uint8, name of the contig.
        column: number of the sample's column from 0.
        n_calls: calls that a line has.
        start, end: 0-based half-open.
        numbers, letters: (rows, n) int64 and uint8, filled with what is found, see ``NUMBERS`` and ``LETTERS``; of a
            line that is not plain, position and end are not.

    Returns:
        How many lines were found; whether the lines behind are not asked for; whether a line is so unusual that it was
        not read, nor any behind it.
    """
    n, mark = 0, 0
    line_start = 0
    while mark < len(marks):
        first = mark
        while mark < len(marks) and text[marks[mark]] == _TAB:
            mark += 1
        if mark == len(marks) or text[marks[mark]] != _NEWLINE:
            return n, False, True
        n_tabs, line_end = mark - first, np.int64(marks[mark])
        mark += 1
        if n_tabs < FIXED_COLUMNS - 1 + n_calls:
            return n, False, True
        # Contig and position
        is_same = marks[first] - line_start == len(contig)
        if is_same:
            for place in range(len(contig)):
                is_same &= text[line_start + place] == contig[place]
        if not is_same:
            return n, n > 0, n == 0
        place, stop = np.int64(marks[first]) + 1, np.int64(marks[first + 1])
        is_number = 1 <= stop - place <= 9 and text[place] != _ZERO
        position = np.int64(0)
        while is_number and place < stop:
            digit = np.int64(text[place]) - np.int64(_ZERO)
            is_number = 0 <= digit <= 9
            position = position * 10 + digit
            place += 1
        if not is_number:
            return n, False, True
        position -= 1
        if position >= end:
            return n, True, False
        ref_start, ref_end = np.int64(marks[first + 2]) + 1, np.int64(marks[first + 3])
        alt_start, alt_end = ref_end + 1, np.int64(marks[first + 4])
        format_start, format_end = np.int64(marks[first + 7]) + 1, np.int64(marks[first + 8])
        spans_ref = ref_end > ref_start and not _has_span_key(text, np.int64(marks[first + 6]), format_end)
        if position < start:
            if not spans_ref:
                return n, False, True
            if position + ref_end - ref_start <= start:
                line_start = line_end + 1
                continue
        # The call
        call_start = np.int64(marks[first + column - 1]) + 1
        call_end = np.int64(marks[first + column]) if n_tabs > column else line_end
        is_plain = spans_ref and alt_end > alt_start
        is_plain &= format_end - format_start >= 2 and text[format_start] == _G and text[format_start + 1] == _T
        is_plain &= format_end - format_start == 2 or text[format_start + 2] == _COLON
        is_plain &= 3 <= call_end - call_start <= LONGEST_CALL
        one, two = _NEITHER, _NEITHER
        if is_plain:
            one, two = _allele(text[call_start]), _allele(text[call_start + 2])
            between = text[call_start + 1]
            is_plain = one >= MISSING and two >= MISSING and between in (_SLASH, _BAR)
            is_plain &= call_end - call_start == 3 or text[call_start + 3] == _COLON
        if is_plain:
            n_values = 0
            for letter in text[call_start:call_end]:
                n_values += letter == _COLON
            for letter in text[format_start:format_end]:
                n_values -= letter == _COLON
            is_plain = n_values <= 0
            for tab in marks[first : first + n_tabs]:
                is_plain &= not IS_EMPTY[text[tab + 1]]
        ref, alt = text[ref_start], text[alt_start]
        length, one_alt = ref_end - ref_start, alt_end - alt_start == 1
        is_snp = is_plain and length == 1 and one_alt and IS_BASE[ref] and IS_BASE[alt] and ref != alt
        is_snp = is_snp and one <= 1 and two <= 1
        is_hom_ref = is_plain and one == 0 and two == 0 and not (one_alt and alt == _DOT)
        if is_hom_ref and not is_snp:
            for place in range(alt_start, alt_end):
                is_hom_ref &= not IS_SYMBOLIC[text[place]]
        place, stop = np.int64(marks[first + 5]) + 1, np.int64(marks[first + 6])
        passes = stop - place == 1 and text[place] == _DOT
        if stop - place == 4:
            passes = text[place] == 80 and text[place + 1] == 65 and text[place + 2] == 83 and text[place + 3] == 83
        if alt_end - ref_start == 3:
            alleles = np.int64(ref) << 8 | np.int64(text[ref_end + 1])
        else:
            alleles = alt_end - ref_start
            for place in range(ref_start, min(alt_end, ref_start + _DIGESTED)):
                alleles = (alleles * 31 + np.int64(text[place])) & 0xFFFFFFFF
        numbers[0, n], numbers[1, n], numbers[2, n] = position, position + length, alleles
        numbers[3, n], numbers[4, n] = line_start, line_end
        numbers[5, n], numbers[6, n], numbers[7, n], numbers[8, n] = ref_start, ref_end, alt_end, call_start
        letters[0, n], letters[1, n] = ref, alt
        letters[2, n], letters[3, n] = np.uint8(one & 0xFF), np.uint8(two & 0xFF)
        letters[4, n], letters[5, n], letters[6, n], letters[7, n] = is_plain, is_snp, is_hom_ref, passes
        n += 1
        line_start = line_end + 1
    return n, False, False

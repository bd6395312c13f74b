"""Compiled edits of plain records, and what they write: as ``consensus`` has it, for all of a stretch at once.

Plain is a record of one ALT whose alleles are bases and ambiguity letters, with a genotype of two alleles. Whatever a
kernel leaves undecided is decided record by record.
"""

# mypy: disable-error-code="assignment"

import numpy as np

from ..compiled import njit
from .consensus import OUTCOME_CODE, Outcome
from .record_columns import MISSING
from .snp_genotypes import BITS_OF, EDIT, LETTER_OF, UPPER

_APPLIED, _MISMATCH = OUTCOME_CODE[Outcome.APPLIED], OUTCOME_CODE[Outcome.REF_MISMATCH]
_MISSING, _HOM_REF = OUTCOME_CODE[Outcome.MISSING_GENOTYPE], OUTCOME_CODE[Outcome.HOM_REF]
_TAB = ord("\t")
IUPAC, ALT, REF, HAPLOTYPE1, HAPLOTYPE2 = range(5)


@njit(cache=True, nogil=True)
def _keeps_anchor(letters, ref, alt, end):  # type: ignore[no-untyped-def]
    """As ``consensus.keeps_anchor``, of letters[ref:alt] and letters[alt:end]."""
    if letters[ref] != letters[alt]:
        return False
    left, right = alt - ref, end - alt
    while left and right and letters[ref] == letters[alt]:
        ref, alt, left, right = ref + 1, alt + 1, left - 1, right - 1
    if not left or not right:
        return left != right
    while left > 1 and right > 1 and letters[ref + left - 1] == letters[alt + right - 1]:
        left, right = left - 1, right - 1
    return left != right and min(left, right) == 1 and letters[ref + left - 1] == letters[alt + right - 1]


@njit(cache=True, nogil=True)
def plain_edits(  # type: ignore[no-untyped-def]
    text,
    text_first,
    rows,
    length,
    first,
    second,
    mode,
    outcome,
    letters,
    ref_first,
    alt_first,
    alt_last,
    anchored,
):
    """Decide plain records.

    Args:
        text, text_first: (t,) uint8 and (n,) int64, as of ``RecordColumns``.
        rows: (r,) int64, the records to look at.
        length: (n,) int64, bases that each spans.
        first, second: (n,) int8, its genotype.
        mode: the genotype mode, by its number here.
        outcome: (n,) int8, filled in where a record is plain.
        letters: (l,) uint8, filled with REF and what takes its place.
        ref_first, alt_first, alt_last, anchored: (r,), where of each edit, and whether it keeps its anchor.

    Returns:
        How many letters were filled in, and how many edits; -1 letters where there are more than ``letters`` holds.
    """
    n_letters, n_edits = 0, 0
    for row in rows:
        one, two = first[row], second[row]
        at = text_first[row]
        if at < 0 or one < MISSING or two < MISSING or one > 1 or two > 1:
            continue
        tab = at
        while tab < len(text) and BITS_OF[text[tab]]:
            tab += 1
        if tab == at or tab - at != length[row] or tab >= len(text) or text[tab] != _TAB:
            continue
        stop = tab + 1
        while stop < len(text) and BITS_OF[text[stop]]:
            stop += 1
        if stop == tab + 1 or stop >= len(text) or text[stop] != _TAB:
            continue
        has_ref, has_alt = one == 0 or two == 0, one == 1 or two == 1
        if mode == IUPAC:
            is_missing, takes_alt = not has_ref and not has_alt, has_alt
        elif mode == ALT:
            is_missing, takes_alt = min(one, two) == MISSING, has_alt
        elif mode == REF:
            is_missing, takes_alt = min(one, two) == MISSING, has_alt and not has_ref
        else:
            allele = one if mode == HAPLOTYPE1 else two
            is_missing, takes_alt = allele == MISSING, allele == 1
        if is_missing:
            outcome[row] = _MISSING
        elif not takes_alt:
            outcome[row] = _HOM_REF
        else:
            size = stop - at - 1
            if n_letters + size > len(letters):
                return -1, n_edits
            begin, middle = n_letters, n_letters + tab - at
            for place in range(tab - at):
                letters[begin + place] = text[at + place]
            for place in range(stop - tab - 1):
                letter = text[tab + 1 + place]
                if mode == IUPAC:
                    bits = BITS_OF[letter]
                    if has_ref and place < tab - at:
                        bits |= BITS_OF[text[at + place]]
                    letter = LETTER_OF[bits]
                letters[middle + place] = letter
            n_letters += size
            ref_first[n_edits], alt_first[n_edits], alt_last[n_edits] = begin, middle, n_letters
            anchored[n_edits] = _keeps_anchor(letters, begin, middle, n_letters)
            outcome[row] = EDIT
            n_edits += 1
    return n_letters, n_edits


@njit(cache=True, nogil=True)
def resolve(  # type: ignore[no-untyped-def]
    bases,
    low,
    stretch,
    clusters,
    cluster_end,
    member,
    is_snp,
    position,
    ref,
    letter,
    plain,
    edits,
    anchored,
    letters,
    outcome,
    spans,
    alts,
    left,
):
    """What clusters of one record write, each where all of it lies inside a region; as ``cluster_spans``.

    Args:
        bases: (b,) uint8, the reference from ``low`` on, as far as the clusters and a base behind reach in the stretch.
        low: 0-based.
        stretch: its start and end.
        clusters: (k,) int64, those to look at, ascending.
        cluster_end, member, is_snp: (C,), end of each, its first record, and whether it is one SNP.
        position, ref, letter: (n,), of the records.
        plain: (n,) int64, which plain edit a record has; -1 = none.
        edits: (e, 3) int64, where in ``letters`` REF and ALT of each begin, and where ALT ends.
        anchored: (e,) whether it keeps its anchor.
        outcome: (n,) int8, filled in.
        spans: (k, 4) int64, filled with start, end, and where in ``alts`` what takes their place begins and ends.
        alts: (a,) uint8, filled in.
        left: (k,) int64, filled with clusters that have to be resolved otherwise.

    Returns:
        How many spans, alts and clusters left there are.
    """
    n_spans, n_alts, n_left = 0, 0, 0
    for cluster in clusters:
        record = member[cluster]
        begin = position[record]
        if is_snp[cluster]:
            found = bases[begin - low]
            if UPPER[found] != UPPER[ref[record]]:
                outcome[record] = _MISMATCH
                continue
            outcome[record] = _APPLIED
            written = letter[record] + np.uint8(32) if found >= 97 else letter[record]
            if written != found:
                spans[n_spans, 0], spans[n_spans, 1] = begin, begin + 1
                spans[n_spans, 2], spans[n_spans, 3] = n_alts, n_alts + 1
                alts[n_alts] = written
                n_spans, n_alts = n_spans + 1, n_alts + 1
            continue
        stop = cluster_end[cluster]
        if begin < stretch[0] or stop >= stretch[1]:
            continue  # no region of the stretch holds all of it and a base behind it
        edit = plain[record]
        if edit < 0:
            left[n_left] = cluster
            n_left += 1
            continue
        ref_first, alt_first, alt_last = edits[edit, 0], edits[edit, 1], edits[edit, 2]
        length, size, at = alt_first - ref_first, alt_last - alt_first, begin - low
        agrees = True
        for place in range(length):
            agrees &= UPPER[bases[at + place]] == UPPER[letters[ref_first + place]]
        if not agrees:
            left[n_left] = cluster
            n_left += 1
            continue
        is_lower = 97 <= bases[at] <= 122
        for place in range(size):
            upper = UPPER[letters[alt_first + place]]
            alts[n_alts + place] = upper + np.uint8(32) if is_lower and 65 <= upper <= 90 else upper
        keep = anchored[edit] if size <= length else letters[ref_first] == alts[n_alts]
        if keep:
            alts[n_alts] = bases[at]
        outcome[record] = _APPLIED
        is_same = size == length
        for place in range(min(size, length)):
            is_same &= bases[at + place] == alts[n_alts + place]
        if is_same:
            continue
        # What is the same at both ends is left out, but a base stays, so that a span has a place.
        shortest = min(length - 1, size)
        head = 0
        while head < shortest and bases[at + head] == alts[n_alts + head]:
            head += 1
        tail, most = 0, shortest - head
        while tail < most and bases[at + length - 1 - tail] == alts[n_alts + size - 1 - tail]:
            tail += 1
        spans[n_spans, 0], spans[n_spans, 1] = begin + head, begin + length - tail
        spans[n_spans, 2], spans[n_spans, 3] = n_alts + head, n_alts + size - tail
        n_spans, n_alts = n_spans + 1, n_alts + size
    return n_spans, n_alts, n_left

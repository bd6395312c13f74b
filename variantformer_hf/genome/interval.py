"""Stretches of a genome, their text form, and the other strand."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from ..errors import InputError

_COMPLEMENT = str.maketrans("ACGTRYSWKMBDHV", "TGCAYRSWMKVHDB")
_RANGE = re.compile(r"(.+):(\d[\d,]*)(?:-(\d[\d,]*)?)?")


class Interval(NamedTuple):
    """A stretch of a contig, 0-based and half-open, on the forward strand."""

    chrom: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.chrom}:{self.start + 1}-{self.end}"


def parse_region(text: str, contigs: Mapping[str, int]) -> Interval:
    """Region text as samtools reads it, 1-based and inclusive: ``chr1:100-200``, ``chr1:100`` (to the end), ``chr1``.

    A contig name may hold colons: the whole text is looked up as a name first.

    Args:
        text: the region; commas in numbers are allowed.
        contigs: name -> length; an end beyond the length is cut to it.

    Raises:
        InputError: unknown contig, or numbers that are no region.
    """
    text = text.strip()
    if text in contigs:
        return Interval(text, 0, contigs[text])
    found = _RANGE.fullmatch(text)
    if found is None or found[1] not in contigs:
        raise InputError(f"{text!r} is not a region of these contigs", remedy="Write it as chr1:100-200.")
    length = contigs[found[1]]
    start = int(found[2].replace(",", "")) - 1
    end = int(found[3].replace(",", "")) if found[3] else length
    if not 0 <= start < end or start >= length:
        raise InputError(
            f"{text!r} is an empty region or lies beyond {found[1]}, which has {length} bases",
            remedy="Positions are 1-based, and the end is included.",
        )
    return Interval(found[1], start, min(end, length))


def reverse_complement(sequence: str) -> str:
    """The other strand, upper-case; ambiguity letters are complemented, other characters kept."""
    return sequence.upper().translate(_COMPLEMENT)[::-1]

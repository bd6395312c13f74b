"""Alleles without the bases that they share: a record, or an edit, as the smallest ones that say the same."""

from dataclasses import replace

from .consensus import Edit, is_bases, keeps_anchor
from .record_columns import Record


def trimmed_alleles(ref: str, alt: str) -> tuple[int, str, str]:
    """REF and ALT without the bases that they share at their ends: (offset in REF, ref, alt).

    Shared last bases go first, so that an insertion or deletion stands as far to the left as its alleles let it; one
    base stays on either side.
    """
    tail, shortest = 0, min(len(ref), len(alt))
    while tail < shortest - 1 and ref[-1 - tail].upper() == alt[-1 - tail].upper():
        tail += 1
    head = 0
    while head < shortest - tail - 1 and ref[head].upper() == alt[head].upper():
        head += 1
    return head, ref[head : len(ref) - tail], alt[head : len(alt) - tail]


def minimal_alleles(ref: str, alt: str) -> list[tuple[int, str, str]]:
    """What of REF and ALT differs: (offset in REF, ref, alt) each, in order; none where they are alike.

    Alleles of one length are split into their differing bases; others are trimmed.
    """
    if len(ref) == len(alt):
        return [(at, *pair) for at, pair in enumerate(zip(ref, alt, strict=True)) if pair[0].upper() != pair[1].upper()]
    return [trimmed_alleles(ref, alt)]


def minimal_edits(edit: Edit) -> list[Edit]:
    """The smallest edits that write what an edit writes; itself where its alleles are no bases."""
    if edit.blank or not edit.length == edit.checked == len(edit.ref) or not is_bases(edit.alt):
        return [edit]
    return [
        Edit(edit.position + offset, ref, alt, len(ref), keeps_anchor(ref, alt), len(ref))
        for offset, ref, alt in minimal_alleles(edit.ref.upper(), edit.alt.upper())
    ]


def minimal_records(record: Record) -> list[Record]:
    """A record as one for each base, insertion or deletion that is carried; itself where nothing is gained by it.

    The calls of a piece are 1 where its ALT is called and 0 where another allele is. A record whose carried ALTs are
    its REF has no piece.
    """
    ref = record.alleles[0]
    called = (1,) if record.genotype is None else record.genotype
    carried = sorted({allele for allele in called if allele})
    is_literal = record.length == len(ref) and (not carried or carried[-1] < len(record.alleles))
    if not is_literal or not all(is_bases(record.alleles[allele]) for allele in carried):
        return [record]
    pieces = []
    for allele in carried:
        calls = tuple(None if each is None else int(each == allele) for each in called)
        for offset, of_ref, of_alt in minimal_alleles(ref, record.alleles[allele]):
            pieces.append(
                replace(
                    record,
                    position=record.position + offset,
                    alleles=(of_ref, of_alt),
                    length=len(of_ref),
                    genotype=None if record.genotype is None else calls,
                )
            )
    if pieces and all((piece.position, piece.alleles[0]) == (record.position, ref) for piece in pieces):
        return [record]
    return sorted(pieces, key=lambda piece: (piece.position, len(piece.alleles[0]) != len(piece.alleles[1])))

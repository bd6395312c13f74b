"""One person's sequence of one region: the rules of ``bcftools consensus`` (1.24) as a pure function.

A record is decided in two steps. :func:`chosen_edit` looks at the genotype alone and gives the edit that the record
asks for, or why it asks for none; that does not depend on the region. :func:`apply_edits` walks one region's edits in
file order and writes the sequence; the same edit can be applied in one region and be skipped, or cut, in another.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from ..errors import SymbolicAlleleError


class Outcome(StrEnum):
    """What became of a record."""

    APPLIED = "applied"
    NO_ALT = "no_alt"
    HOM_REF = "hom_ref"
    MISSING_GENOTYPE = "missing_genotype"
    HAPLOID = "haploid_second_haplotype"
    SYMBOLIC = "symbolic_allele"
    OVERLAPS = "overlaps_previous"
    REF_MISMATCH = "ref_mismatch"
    NOT_SNP = "not_snp"
    FILTER = "filter_not_pass"
    LOW_GQ = "low_gq"
    LOW_DP = "low_dp"


# Where many records are handled by array, an outcome is its place here.
OUTCOMES = tuple(Outcome)
OUTCOME_CODE = {outcome: code for code, outcome in enumerate(OUTCOMES)}


@dataclass(frozen=True, slots=True)
class Edit:
    """What a record asks for in one person.

    Attributes:
        position: 0-based.
        ref, alt: the alleles to exchange; in IUPAC mode ``alt`` is the merge of the carried ones.
        length: reference bases that the record spans; more than ``len(ref)`` where END or SVLEN say so.
        keeps_anchor: an insertion or deletion that begins with the reference's base.
        checked: number of REF bases to compare with the sequence (a ``<DEL>`` gives its first base only).
        blank: changes nothing, but later records inside are skipped (``<*>``, ``<NON_REF>``).
    """

    position: int
    ref: str
    alt: str
    length: int
    keeps_anchor: bool
    checked: int
    blank: bool = False

    @property
    def is_symbolic_deletion(self) -> bool:
        """Whether this is a ``<DEL>``."""
        return self.keeps_anchor and self.checked == len(self.alt) == 1

    @property
    def changes_nothing(self) -> bool:
        """Whether this is a ``<DEL>`` without an end: it blocks its base and changes none."""
        return self.is_symbolic_deletion and self.length == 1

    @property
    def end(self) -> int:
        return self.position + self.length

    @property
    def contradicts_itself(self) -> bool:
        """Whether END says that a sequence takes the place of more bases than REF has: no FASTA can agree with it."""
        return self.checked > len(self.ref)


_BITS = {letter: bits for bits, letter in enumerate("ACMGRSVTWYHKDBN", start=1)}
_LETTERS = {bits: letter for letter, bits in _BITS.items()}
_SYMBOLIC = re.compile("<.*>")
_REFERENCE_BLOCK = {"<*>", "<NON_REF>"}


def is_symbolic(alt: str) -> bool:
    """Whether an ALT is no sequence: what ``bcftools``' expression ``ALT~"<.*>"`` matches, a breakend, or a gap."""
    return _SYMBOLIC.search(alt) is not None or is_breakend(alt) or has_gap(alt)


def has_gap(alt: str) -> bool:
    """Whether an ALT is written with ``-``, as old files of PLINK write a deletion, and not of which bases."""
    return "-" in alt


def is_breakend(alt: str) -> bool:
    """Whether an ALT is a breakend: ``C[chr2:100[``, ``]chr2:100]C``, or a single one, ``C.`` or ``.C``."""
    return "[" in alt or "]" in alt or (len(alt) > 1 and (alt[0] == "." or alt[-1] == "."))


def is_reference_block(alt: str) -> bool:
    """Whether an ALT is the "any other allele" of a gVCF."""
    return alt.upper() in _REFERENCE_BLOCK


def is_bases(allele: str) -> bool:
    """Whether an allele is made of bases and ambiguity letters."""
    return set(allele.upper()) <= _BITS.keys()


def is_snp_record(alleles: Sequence[str]) -> bool:
    """Whether every ALT differs from REF in one base once what they share at both ends is taken away.

    As ``bcftools``' ``TYPE="snp"`` for all ALTs: ``*``, symbolic alleles, MNPs and indels are no SNPs.
    """
    kinds = {_differing_bases(alleles[0], alt) for alt in alleles[1:]}
    return 1 in kinds and kinds <= {0, 1}


def _differing_bases(ref: str, alt: str) -> int | None:
    """How many bases differ between alleles of one length, letter case included; None for anything else."""
    if len(ref) != len(alt) or not is_bases(alt):
        return None
    return sum(left != right for left, right in zip(ref, alt, strict=True))


def chosen_allele(genotype: Sequence[int | None], mode: str) -> int | Outcome:
    """Index of the allele that a mode other than ``iupac`` takes from a genotype, or why it takes none."""
    if mode.startswith("haplotype"):
        index = int(mode[-1]) - 1
        if index >= len(genotype):
            return Outcome.MISSING_GENOTYPE if genotype in ((), (None,)) else Outcome.HAPLOID
        allele = genotype[index]
        return Outcome.MISSING_GENOTYPE if allele is None else allele
    first = genotype[0] if genotype else None
    if first is None:
        return Outcome.MISSING_GENOTYPE
    left = first
    for allele in genotype[1:]:
        if allele is None:
            return Outcome.MISSING_GENOTYPE
        if allele != left:
            if mode == "ref" and 0 in genotype:
                return 0
            return allele or left
        left = allele
    return first


def merged_allele(alleles: Sequence[str], carried: Set[int]) -> str | None:
    """IUPAC merge of the carried alleles, position by position from the left end; None when only REF is carried.

    Alleles with other characters than bases and ambiguity letters do not take part; when no ALT is left the first
    carried one is used as it is written.
    """
    usable = {index: alleles[index].upper() for index in sorted(carried) if is_bases(alleles[index])}
    lengths = [len(allele) for index, allele in usable.items() if index > 0]
    if not lengths:
        others = [index for index in sorted(carried) if index > 0]
        return alleles[others[0]] if others else None
    merged = [0] * max(lengths)
    for allele in usable.values():
        for column, letter in enumerate(allele[: len(merged)]):
            merged[column] |= _BITS[letter]
    return "".join(_LETTERS[bits] for bits in merged)


# The same few alleles make up most insertions and deletions of a genome.
_remembered_merge = lru_cache(maxsize=1 << 14)(merged_allele)


def chosen_edit(
    position: int, alleles: Sequence[str], length: int, genotype: Sequence[int | None] | None, mode: str
) -> Edit | Outcome:
    """The edit that a record asks for, or why it asks for none.

    Args:
        position: 0-based.
        alleles: REF, then the ALTs.
        length: reference bases that the record spans.
        genotype: allele indices, None = missing; None instead of a genotype = a file without samples.
        mode: ``iupac``, ``alt``, ``ref``, ``haplotype1`` or ``haplotype2``.

    Raises:
        SymbolicAlleleError: the person carries a symbolic allele that has no defined sequence.
        IndexError: the genotype names an allele that the record does not have.
    """
    if len(alleles) < 2:
        return Outcome.NO_ALT
    ref = alleles[0]
    if genotype is None:
        alt: str | None = alleles[1]
    elif mode == "iupac":
        carried = frozenset(allele for allele in genotype if allele is not None)
        if not carried:
            return Outcome.MISSING_GENOTYPE
        alt = _remembered_merge(tuple(alleles), carried)
    else:
        if not mode.startswith("haplotype") and any(len(alleles) <= (allele or 0) for allele in genotype):
            raise IndexError
        allele = chosen_allele(genotype, mode)
        if isinstance(allele, Outcome):
            return allele
        alt = alleles[allele] if allele else None
    if alt is None:
        return Outcome.HOM_REF
    if alt.startswith("<") or is_breakend(alt) or has_gap(alt):
        name = alt.upper()
        if name in _REFERENCE_BLOCK:
            return Edit(position, ref, alt, length, keeps_anchor=False, checked=0, blank=True)
        if name != "<DEL>":
            kind = "breakend" if is_breakend(alt) else "symbolic allele" if alt.startswith("<") else "allele"
            raise SymbolicAlleleError(f"the {kind} {alt} has no defined sequence")
        return Edit(position, ref, ref[0], length, keeps_anchor=True, checked=1)
    return Edit(position, ref, alt, length, keeps_anchor(ref, alt), checked=length)


@lru_cache(maxsize=1 << 14)
def keeps_anchor(ref: str, alt: str) -> bool:
    """Whether an insertion or deletion leaves the reference's first base as it is."""
    if ref[0] != alt[0]:
        return False
    shared = 0
    while shared < min(len(ref), len(alt)) and ref[shared] == alt[shared]:
        shared += 1
    left, right = ref[shared:], alt[shared:]
    if not left or not right:
        return len(left) != len(right)
    while len(left) > 1 and len(right) > 1 and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    return len(left) != len(right) and min(len(left), len(right)) == 1 and left[-1] == right[-1]


def apply_alone(reference: str, edit: Edit) -> str | None:
    """What one edit writes, where it and a base behind it lie inside the region and no other edit is near.

    Args:
        reference: the bases that the edit spans, and what follows in the region.
        edit: an edit that begins with the first of them.

    Returns:
        What stands in place of the spanned bases; None where :func:`apply_edits` has to be asked.
    """
    ref, alt, length = edit.ref, edit.alt, edit.length
    if edit.blank or edit.checked != length or len(ref) != length or reference[:length].upper() != ref.upper():
        return None
    alt = alt.lower() if reference[0].islower() else alt.upper()
    keep = edit.keeps_anchor if len(alt) <= length else ref[0] == alt[0]
    return reference[0] + alt[1:] if keep and alt else alt


def apply_edits(reference: str, start: int, edits: Sequence[Edit], first_base: str = "") -> tuple[str, list[Outcome]]:
    """Sequence of a region with edits, and what became of each.

    Args:
        reference: the region's bases, case kept.
        start: 0-based position of the first of them.
        edits: edits that overlap the region, in file order.
        first_base: the region's first base, where ``reference`` is only the part of it from the first edit on.

    Returns:
        The sequence, and one outcome per edit: APPLIED, OVERLAPS or REF_MISMATCH (the edit is then left out).
    """
    if not edits:
        return reference, []
    source = reference
    written: list[str] = []  # the text that stands for the first `cursor` bases of the reference, a letter an entry
    cursor = 0
    frozen = -1
    after_insertion = False
    consumed_position, consumed_base = -1, ""
    outcomes: list[Outcome] = []
    for edit in edits:
        position = edit.position
        if position < frozen or (position == frozen and (not edit.keeps_anchor or after_insertion)):
            outcomes.append(Outcome.OVERLAPS)
            continue
        if edit.blank:
            stop = min(edit.end - start, len(source))
            written += source[cursor:stop]
            cursor = max(cursor, stop)
            frozen, after_insertion = edit.end - 1, False
            outcomes.append(Outcome.APPLIED)
            continue
        if position - start > cursor:
            written += source[cursor : position - start]
            cursor = position - start
        index = position - start + len(written) - cursor
        missing = max(0, -index)  # bases of the record that lie before the text
        index = max(0, index)
        reused = written[index:]
        alt, ref, length = edit.alt, edit.ref, edit.length - missing
        checked = min(edit.checked, edit.length) - missing
        if missing and len(alt) <= missing and not edit.contradicts_itself:
            alt, checked = "", 0
        elif missing:
            alt, ref = alt[missing:], ref[missing:]
        available = len(reused) + len(source) - cursor
        if length > available:
            length, alt = available, alt[:available]
        visible = "".join(reused) + source[cursor : cursor + max(length, 1)]
        checked = min(checked, length)
        # bcftools does not look at the REF of a <DEL>; here the FASTA must hold it, whatever is written there by now.
        seen = source[position - start :][:1] if edit.is_symbolic_deletion and not missing else visible
        if checked > 0 and not _agrees(ref, seen, checked, consumed_base if consumed_position == position else ""):
            outcomes.append(Outcome.REF_MISMATCH)
            continue
        # Where all is deleted bcftools looks at the region's first base, which its buffer still holds.
        alt = alt.lower() if (visible or first_base or source)[:1].islower() else alt.upper()
        keep = edit.keeps_anchor if len(alt) <= length else bool(ref) and ref[0] == alt[0]
        if keep and alt and visible:
            alt = visible[0] + alt[1:]
        after_insertion = len(alt) > length
        if after_insertion:
            consumed_position = position
        elif length > 0 and not edit.changes_nothing:
            consumed_position, consumed_base = position + missing + length - 1, visible[length - 1]
        frozen = position + missing + length - 1
        written[index:] = alt
        cursor += length - len(reused)
        outcomes.append(Outcome.APPLIED)
    return "".join(written) + source[cursor:], outcomes


def _agrees(ref: str, visible: str, checked: int, consumed_base: str) -> bool:
    """Whether the first ``checked`` REF bases are what the text holds; letter case aside.

    Where the record before consumed the same base, that base as the reference had it counts too.
    """
    wanted, found = ref[:checked].upper(), visible[:checked].upper()
    if wanted == found and len(wanted) == checked:
        return True
    same_base = bool(consumed_base) and ref[:1].upper() == consumed_base.upper()
    return same_base and len(wanted) == checked and wanted[1:] == found[1:]

"""Variants by their names: SPDI and HGVS, which say what a stretch of a sequence is replaced by."""

import re
from dataclasses import dataclass
from typing import Literal

from .variant import Variant, VariantError, VariantNormalizer

_SPDI = re.compile(
    r"(?P<chrom>[A-Z]{2}_[0-9]+\.[0-9]+):(?P<start>[0-9]{1,12}):(?P<deleted>[A-Za-z]*|[0-9]{1,9}):(?P<inserted>[A-Za-z]*)"
)
_HGVS = re.compile(r"(?P<chrom>[^:\s]+):(?P<level>[a-z])\.(?P<change>\S+)")
_CHANGE = re.compile(
    r"(?P<first>[0-9]{1,12})(?:_(?P<last>[0-9]{1,12}))?"
    r"(?:(?P<ref>[ACGT])>(?P<alt>[ACGT])"
    r"|del(?P<deleted>[ACGT]*)(?:ins(?P<new>[ACGT]+))?"
    r"|ins(?P<inserted>[ACGT]+)"
    r"|(?P<copied>dup|inv)(?P<held>[ACGT]*))",
    re.IGNORECASE,
)
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True, slots=True)
class Replacement:
    """A stretch of a contig that other bases stand for.

    Attributes:
        chrom: contig.
        start, end: the stretch, 0-based half-open; empty for an insertion.
        deleted: its bases as they are named; "" = they are not.
        inserted: the bases instead of it; ``dup`` is twice its own, ``inv`` its reverse complement.
    """

    chrom: str
    start: int
    end: int
    deleted: str
    inserted: str
    copied: Literal["", "dup", "inv"] = ""

    def variant(self, normalizer: VariantNormalizer) -> Variant:
        """The same as in a VCF: by the FASTA's contig name, with the base before it where an allele is empty.

        Raises:
            VariantError: the FASTA has no such contig or position, or holds other bases than those named.
        """
        chrom = normalizer.contig(self.chrom)
        length = normalizer.reference.contigs[chrom]
        if not 0 <= self.start <= self.end <= length:
            raise VariantError(
                f"the position lies outside of {chrom} ({length} bases)",
                remedy="Check the position and the assembly.",
                kind="outside",
            )
        held = normalizer.reference.sequence(chrom, self.start, self.end).upper() if self.end > self.start else ""
        if self.deleted and self.deleted.upper() != held:
            raise VariantError(
                f"its bases are {self.deleted[:40]}, and the FASTA holds {held[:40]} there",
                remedy="Check the assembly and the strand.",
                kind="ref_mismatch",
            )
        alt = {"dup": held * 2, "inv": held.translate(_COMPLEMENT)[::-1], "": self.inserted.upper()}[self.copied]
        start = self.start
        if not held or not alt:
            if start > 0:
                start -= 1
                base = normalizer.reference.sequence(chrom, start, start + 1).upper()
                held, alt = base + held, base + alt
            elif self.end < length:
                base = normalizer.reference.sequence(chrom, self.end, self.end + 1).upper()
                held, alt = held + base, alt + base
        return Variant(chrom, start + 1, held, alt)


def parse_name(text: str) -> Variant | Replacement:
    """Read a variant by any of its names.

    Args:
        text: a spelling of :meth:`Variant.parse`; SPDI with an accession, 0-based (``NC_000019.10:44908683:T:C``; the
            deleted bases may be their number, and either side may be empty); HGVS on a chromosome
            (``NC_000019.10:g.44908684T>C``, ``chr19:g.123_125del``, ``ins``, ``dup``, ``delins``, ``inv``).

    Raises:
        VariantError: it is none of them, of a transcript or protein, or of another assembly.
    """
    text = text.strip()
    spdi = _SPDI.fullmatch(text)
    if spdi is not None:
        start, deleted = int(spdi["start"]), spdi["deleted"]
        if deleted.isdecimal():
            return Replacement(spdi["chrom"], start, start + int(deleted), "", spdi["inserted"])
        return Replacement(spdi["chrom"], start, start + len(deleted), deleted, spdi["inserted"])
    hgvs = _HGVS.fullmatch(text)
    if hgvs is not None:
        return _hgvs(text, hgvs)
    return Variant.parse(text)


def _hgvs(text: str, name: re.Match[str]) -> Replacement:
    if name["level"] != "g":
        raise VariantError(
            f"{text[:60]!r} is HGVS of a transcript, a protein or the mitochondrion",
            remedy="Give it on the chromosome, as NC_000019.10:g.44908684T>C.",
        )
    change = _CHANGE.fullmatch(name["change"])
    if change is None:
        raise VariantError(
            f"{text[:60]!r} is a form of HGVS that is not read",
            remedy="Write it as a substitution, del, ins, dup, delins or inv of known bases, or as in a VCF.",
        )
    first, last = int(change["first"]), int(change["last"] or change["first"])
    if change["inserted"] is not None:
        if last != first + 1:
            raise VariantError(f"{text[:60]!r}: bases are inserted between two neighbours, as g.123_124insA")
        return Replacement(name["chrom"], first, first, "", change["inserted"])
    named = change["ref"] or change["deleted"] or change["held"] or ""
    if last < first or (named and len(named) != last - first + 1):
        raise VariantError(f"{text[:60]!r}: its positions and its bases do not go together")
    copied = (change["copied"] or "").lower()
    inserted = change["alt"] or change["new"] or ""
    return Replacement(name["chrom"], first - 1, last, named, inserted, copied)  # type: ignore[arg-type]

"""A variant as users name it, and its one spelling: trimmed, left-aligned, by the FASTA's contig names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike

from ..errors import InputError
from .contigs import map_contigs
from .reference import ReferenceGenome

_TEXT = re.compile(
    r"(?P<chrom>\S+?)[:_\-](?P<pos>[0-9]{1,12})[:_\-](?P<ref>[A-Za-z*<>]+)[:_\->/](?P<alt>[A-Za-z*<>]+)"
    r"(?:_(?P<build>b37|b38|hg19|hg38))?"
)
_OTHER_BUILDS = ("b37", "hg19")
_RSID = re.compile(r"rs[0-9]+", re.IGNORECASE)
_ACCESSION = re.compile(r"[A-Z]{2}_[0-9]+\.[0-9]+")
# Chromosomes as PLINK numbers them; 25 is what X and Y share.
_NUMBERED = {"23": "X", "24": "Y", "25": "X", "26": "MT"}
_BASES = frozenset("ACGT")
# Bases of the reference that are looked at in one step of the alignment to the left.
_STEP = 256


class VariantError(InputError):
    """A variant that cannot be used: its alleles, its place, or a REF that the FASTA does not hold.

    Args:
        problem, file, record, remedy: as of ``InputError``.
        kind: what is wrong in a word, for counting.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | PathLike[str] | None = None,
        record: str | None = None,
        remedy: str | None = None,
        kind: str = "no_variant",
    ) -> None:
        super().__init__(problem, file=file, record=record, remedy=remedy)
        self.kind = kind


@dataclass(frozen=True, slots=True, order=True)
class Variant:
    """A variant as in a VCF.

    Attributes:
        chrom: contig.
        pos: 1-based position of the first REF base.
        ref, alt: alleles.
    """

    chrom: str
    pos: int
    ref: str
    alt: str

    @property
    def start(self) -> int:
        """0-based position of the first REF base."""
        return self.pos - 1

    @property
    def end(self) -> int:
        """0-based position behind the last REF base."""
        return self.pos - 1 + len(self.ref)

    @property
    def is_snp(self) -> bool:
        """One base for another."""
        return len(self.ref) == len(self.alt) == 1

    @property
    def is_indel(self) -> bool:
        """The alleles differ in length."""
        return len(self.ref) != len(self.alt)

    @property
    def changed(self) -> tuple[int, int]:
        """0-based half-open bases that the alleles do not share; empty, at its place, for an insertion."""
        return changed_span(self.start, self.ref, self.alt)

    def __str__(self) -> str:
        return f"{self.chrom}:{self.pos}:{self.ref}:{self.alt}"

    @classmethod
    def parse(cls, text: str) -> "Variant":
        """Read a variant in one of the spellings that are about.

        Args:
            text: ``chr19:44908684:T>C``, ``chr19_44908684_T_C_b38``, ``19_44908684_T_C``, ``19:44908684:T:C`` or
                ``19-44908684-T-C``. SPDI and HGVS are read by ``variant_names.parse_name``.

        Raises:
            VariantError: it is none of them, or is of another assembly (``_b37``).
        """
        text = text.strip()
        if _RSID.fullmatch(text):
            raise VariantError(
                f"{text!r} has no position",
                remedy="Give a VCF that has it in its column ID (bcftools view -i 'ID=@ids.txt' dbsnp.vcf.gz), or the "
                "columns chrom, pos, ref, alt.",
                kind="rsid",
            )
        found = _TEXT.fullmatch(text)
        if found is None:
            raise VariantError(
                f"{_shown(text)!r} is no variant",
                remedy="Write it as chr19:44908684:T>C, position 1-based as in a VCF.",
            )
        if _ACCESSION.fullmatch(found["chrom"]) and text.count(":") == 3:
            raise VariantError(
                f"{_shown(text)!r} is SPDI, whose position is 0-based", remedy="Read it with variant_names.parse_name."
            )
        if found["build"] in _OTHER_BUILDS:
            raise VariantError(
                f"{_shown(text)!r} is of build 37",
                remedy="Lift it over to GRCh38, which the models were trained on.",
                kind="assembly",
            )
        return cls(found["chrom"], int(found["pos"]), found["ref"], found["alt"])


def changed_span(start: int, ref: str, alt: str) -> tuple[int, int]:
    """Bases of [start, start + len(ref)) that are not shared by both alleles, from the left first."""
    ref, alt = ref.upper(), alt.upper()
    head, shortest = 0, min(len(ref), len(alt))
    while head < shortest and ref[head] == alt[head]:
        head += 1
    tail = 0
    while tail < shortest - head and ref[-1 - tail] == alt[-1 - tail]:
        tail += 1
    return start + head, start + len(ref) - tail


class VariantNormalizer:
    """Brings variants to their one spelling against a FASTA.

    Args:
        reference: the FASTA.
    """

    def __init__(self, reference: ReferenceGenome) -> None:
        self.reference = reference
        self._contigs: dict[str, str | None] = {}

    def __call__(self, variant: Variant) -> Variant:
        """Trimmed, left-aligned, in upper case, by the FASTA's contig name.

        Raises:
            VariantError: alleles that are no bases, or alike; a contig or position that the FASTA does not have; a REF
                that it does not hold; an insertion or deletion whose first place is beside an assembly gap.
        """
        ref, alt = variant.ref.upper(), variant.alt.upper()
        self._check_alleles(variant, ref, alt)
        chrom = self.contig(variant.chrom)
        start = variant.pos - 1
        if start < 0 or start + len(ref) > self.reference.contigs[chrom]:
            raise VariantError(
                f"the position lies outside of {chrom} ({self.reference.contigs[chrom]} bases)",
                record=str(variant),
                remedy="Check the position (1-based) and the assembly.",
                kind="outside",
            )
        held = self.reference.sequence(chrom, start, start + len(ref)).upper()
        if held != ref:
            in_gap = set(held) == {"N"}
            where = "an assembly gap" if in_gap else _shown(held)
            swapped = self.holds(chrom, start, alt)
            raise VariantError(
                f"REF is {_shown(ref)}, and the FASTA holds {where} there",
                record=str(variant),
                remedy="REF and ALT look swapped: REF is what the FASTA holds."
                if swapped
                else "Check the assembly, the strand and which allele is REF.",
                kind="gap" if in_gap else "ref_mismatch",
            )
        normal = Variant(chrom, *self._aligned(chrom, start, ref, alt))
        if not set(normal.ref + normal.alt) <= _BASES:
            raise VariantError(
                f"left-aligned it is {_shown(normal.ref)}>{_shown(normal.alt)} at {chrom}:{normal.pos}, on a base that "
                "is none of A, C, G, T",
                record=str(variant),
                remedy="Such a variant cannot be scored.",
            )
        return normal

    def spellings_end(self, variant: Variant) -> int:
        """0-based position behind the last base that any spelling of a normalised variant may begin at or hold.

        An insertion or deletion in a repeat can be written anywhere in it.
        """
        if not variant.is_indel:
            return variant.end
        if min(len(variant.ref), len(variant.alt)) > 1:
            return variant.end
        unit = variant.ref[1:] or variant.alt[1:]
        position, length = variant.end, self.reference.contigs[variant.chrom]
        place = 0
        while position < length:
            block = self.reference.sequence(variant.chrom, position, min(position + _STEP, length)).upper()
            for base in block:
                if base != unit[place % len(unit)]:
                    return position + 1
                place += 1
                position += 1
        return position

    def _check_alleles(self, variant: Variant, ref: str, alt: str) -> None:
        if not ref or not set(ref) <= _BASES:
            in_gap = set(ref) == {"N"}
            raise VariantError(
                "REF lies in an assembly gap (N)"
                if in_gap
                else f"REF {_shown(variant.ref)!r} holds more than A, C, G, T",
                record=str(variant),
                remedy="Such a variant cannot be scored." if in_gap else "Write the bases of the reference.",
                kind="gap" if in_gap else "alleles",
            )
        if alt in ("", ".", "*") or "<" in alt or "[" in alt or "]" in alt:
            raise VariantError(
                f"the ALT {variant.alt!r} is symbolic or missing",
                record=str(variant),
                remedy="Write its bases out.",
                kind="symbolic",
            )
        if not set(alt) <= _BASES:
            raise VariantError(
                f"ALT {_shown(variant.alt)!r} holds more than A, C, G, T",
                record=str(variant),
                remedy="Write one base a position, and one ALT a row.",
                kind="alleles",
            )
        if alt == ref:
            raise VariantError(
                "REF and ALT are the same", record=str(variant), remedy="Correct the ALT.", kind="same_alleles"
            )

    def contig(self, name: str) -> str:
        """The FASTA's name of a chromosome: as it is, with or without ``chr``, by its accession, by PLINK's number.

        Raises:
            VariantError: the FASTA has none of them, or the accession is of another assembly.
        """
        if name not in self._contigs:
            found = next((contig for each in _chromosomes(name) if (contig := self._mapped(each)) is not None), None)
            self._contigs[name] = found
        chrom = self._contigs[name]
        if chrom is None and _ACCESSION.fullmatch(name):
            raise VariantError(
                f"{name} is no chromosome of this FASTA; of GRCh37 the accessions have other versions",
                remedy="Lift it over to GRCh38, whose first chromosome is NC_000001.11.",
                kind="assembly",
            )
        if chrom is None:
            raise VariantError(
                f"the FASTA has no contig {_shown(name)}",
                remedy=f"Use its names: {', '.join(list(self.reference.contigs)[:3])}, ...",
                kind="contig",
            )
        return chrom

    def holds(self, chrom: str, start: int, bases: str) -> bool:
        """Whether the FASTA has these bases from a 0-based position of one of its contigs on."""
        end = start + len(bases)
        inside = start >= 0 and end <= self.reference.contigs[chrom]
        return inside and self.reference.sequence(chrom, start, end).upper() == bases.upper()

    def _mapped(self, name: str) -> str | None:
        return map_contigs(
            [name],
            self.reference.contigs,
            wanted_file="the variants",
            available_file=self.reference.path,
            announce=False,
        ).get(name)

    def _aligned(self, chrom: str, start: int, ref: str, alt: str) -> tuple[int, str, str]:
        """Position (1-based) and alleles, without a shared last base, as far to the left as they go, then trimmed."""
        before = self._bases_before(chrom, start)
        while True:
            if ref and alt and ref[-1] == alt[-1] and (len(ref) > 1 or len(alt) > 1):
                ref, alt = ref[:-1], alt[:-1]
            elif ref and alt:
                break
            if not ref or not alt:
                base = next(before, None)
                if base is None:
                    # At the contig's start the base behind is the anchor.
                    base = self.reference.sequence(chrom, start + len(ref), start + len(ref) + 1).upper()
                    ref, alt = ref + base, alt + base
                    return start + 1, ref, alt
                start -= 1
                ref, alt = base + ref, base + alt
        head = 0
        while head < min(len(ref), len(alt)) - 1 and ref[head] == alt[head]:
            head += 1
        return start + head + 1, ref[head:], alt[head:]

    def _bases_before(self, chrom: str, start: int) -> Iterator[str]:
        while start > 0:
            first = max(0, start - _STEP)
            yield from reversed(self.reference.sequence(chrom, first, start).upper())
            start = first


def _chromosomes(name: str) -> Iterator[str]:
    """A chromosome's name as it stands, and what it may be written for: 1.0 and 01 for 1, 23 for X, Chr1 for chr1."""
    yield name
    bare = re.sub("^chr", "", name, flags=re.IGNORECASE)
    number = re.fullmatch(r"0*([1-9][0-9]?)(?:\.0)?", bare)
    if number is None:
        yield f"chr{bare}"
    else:
        yield _NUMBERED.get(number[1], number[1])


def _shown(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}... ({len(text)} letters)"

"""A person's genome with some genotypes set to what was not observed: what would be, if.

An edit sets one variant's genotype; everything else that the person carries stays. It is done on the records before
they become sequence, so that an edited genome reads as the edited VCF would, by the same rules, with indels and all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from .consensus import Edit, is_symbolic
from .personal import PersonalGenome
from .record_columns import Record, RecordColumns, RecordSource, of_records
from .variant import Variant, VariantNormalizer, changed_span
from .variants import genotype_of

# Longer records are structural variants, whose alleles are symbolic.
_LONGEST_RECORD = 1_000_000
GENOTYPES = {"het": "0/1", "hom": "1/1", "haplotype1": "1|0", "haplotype2": "0|1", "absent": "0/0"}


class EditConflictError(InputError):
    """An edit and a record that the person carries would change the same bases."""


@dataclass(frozen=True, slots=True)
class GenotypeEdit:
    """One variant's genotype, as it is to be.

    Attributes:
        variant: the variant.
        genotype: ``het``, ``hom``, ``haplotype1`` or ``haplotype2`` (on that one only), ``absent`` (both haplotypes
            as the reference), or an observed genotype of REF and ALT such as ``0|1`` or ``./1``.
    """

    variant: Variant
    genotype: str

    @property
    def text(self) -> str:
        """The genotype as in a VCF.

        Raises:
            InputError: it is none, or names another allele than REF and ALT.
        """
        text = GENOTYPES.get(self.genotype, self.genotype)
        try:
            alleles = genotype_of(text)
        except ValueError:
            alleles = (2,)
        if not alleles or any(allele not in (0, 1, None) for allele in alleles):
            raise InputError(
                f"there is no genotype {self.genotype!r} of one variant",
                record=str(self.variant),
                remedy=f"Choose one of {', '.join(GENOTYPES)}, or write it as 0/1.",
            )
        return text

    @property
    def is_carried(self) -> bool:
        """Whether any haplotype gets the ALT."""
        return 1 in genotype_of(self.text)

    def record(self) -> Record:
        """The record that says it."""
        variant, text = self.variant, self.text
        return Record(
            variant.start,
            (variant.ref, variant.alt),
            len(variant.ref),
            genotype_of(text),
            "/" not in text,
            "PASS",
            None,
            None,
            is_edit=True,
        )


@dataclass(frozen=True, slots=True)
class PlacedEdit:
    """A normalised edit, and where other spellings of its variant may stand.

    Attributes:
        edit: the edit.
        low, high: 0-based half-open stretch that a record with its variant overlaps.
    """

    edit: GenotypeEdit
    low: int
    high: int


class EditedRecords:
    """Records of a person, those of edited variants taken out, and the edits' own put in.

    Args:
        base: the person's records; None = there are none.
        edits: normalised, by the FASTA's contig names.
        contig_of: contig of the FASTA -> contig of ``base``.
        normalizer: of the FASTA.
    """

    def __init__(
        self,
        base: RecordSource | None,
        edits: Sequence[PlacedEdit],
        contig_of: dict[str, str],
        normalizer: VariantNormalizer,
    ) -> None:
        self._base, self._normalizer = base, normalizer
        self.path = Path("edits") if base is None else base.path
        self.samples = () if base is None else base.samples
        self.sample = None if base is None else base.sample
        self.contigs: dict[str, int | None] = {} if base is None else base.contigs
        self._edits: dict[str, list[PlacedEdit]] = {}
        self._fasta_contig = {found: chrom for chrom, found in contig_of.items()}
        for placed in sorted(edits, key=lambda each: _order(each.edit)):
            chrom = placed.edit.variant.chrom
            self._edits.setdefault(contig_of.get(chrom, chrom), []).append(placed)
        self._reach = {chrom: (min(each.low for each in of_chrom), max(each.high for each in of_chrom))
                       for chrom, of_chrom in self._edits.items()}  # fmt: skip

    @property
    def index_is_older(self) -> bool:
        """Whether the file was written after its index."""
        return self._base is not None and self._base.index_is_older

    def close(self) -> None:
        """Close the person's file."""
        if self._base is not None:
            self._base.close()

    def columns(self, chrom: str, start: int, end: int, *, needs_quality: bool = False) -> Iterator[RecordColumns]:
        """As ``VariantFile.columns``."""
        edits = self._edits.get(chrom, [])
        mine = [each.edit.record() for each in edits if each.edit.is_carried]
        waiting = [each for each in mine if each.position < end and each.position + each.length > start]
        for part in () if self._base is None else self._base.columns(chrom, start, end, needs_quality=needs_quality):
            added: list[tuple[int, Record]] = []
            while waiting and _place_in(part, waiting[0]) < len(part):
                added.append((_place_in(part, waiting[0]), waiting.pop(0)))
            yield from _spliced(part, added, self._changes(part, edits, chrom))
        if waiting:
            yield of_records(waiting)

    def contig_edits(self, chrom: str) -> list[PlacedEdit]:
        """The edits on a contig (by the person's file), in the order of their records."""
        return self._edits.get(chrom, [])

    def may_change(self, chrom: str, position: int) -> bool:
        """Whether a record that begins there may hold an edited variant: quick, and never wrongly False."""
        low, high = self._reach.get(chrom, (0, 0))
        return low - _LONGEST_RECORD < position < high

    def remaining(self, record: Record, chrom: str) -> Record | None:
        """What the edits on a contig leave of a record; None = nothing, the record itself = all of it."""
        left = record
        for each in self._edits.get(chrom, ()):
            if record.position < each.high and record.position + record.length > each.low:
                allele = same_allele(record, each.edit.variant, self._fasta_contig.get(chrom, chrom), self._normalizer)
                if allele is not None:
                    left = without_allele(left, allele)
        return left if left is record or _is_of_use(left) else None

    def _changes(self, part: RecordColumns, edits: Sequence[PlacedEdit], chrom: str) -> list[tuple[int, Record | None]]:
        """Rows that hold an edited variant, and what is left of each; None = nothing."""
        changes: list[tuple[int, Record | None]] = []
        near = np.zeros(len(part), dtype=bool)
        for each in edits:
            near |= (part.position < each.high) & (part.end > each.low)
        for row in np.flatnonzero(near).tolist():
            record = part.record(row)
            left = self.remaining(record, chrom)
            if left is not record:
                changes.append((row, left))
        return changes


class EditedGenome(PersonalGenome):
    """A person's genome with genotypes set; equal to ``bcftools consensus`` on the edited VCF.

    Args:
        person: the person, or the reference genome.
        edits: the genotypes to set, in any spelling.
        on_conflict: ``error``, or ``keep`` to leave both to the rules of overlapping records (the first one wins).

    Attributes:
        person: the person.
        genotypes: the edits, normalised.
        records: the person's records after the edits.

    Raises:
        VariantError: a variant that cannot be used.
        InputError: one variant is set twice.
        EditConflictError: an edit would change bases that another record of the person, or another edit, changes.
    """

    def __init__(self, person: PersonalGenome, edits: Sequence[GenotypeEdit], *, on_conflict: str = "error") -> None:
        for name in (
            "reference", "mode", "symbolic", "snps_only", "pass_only", "min_gq", "min_dp", "on_ref_mismatch",
            "refuse_gvcf", "sample",
        ):  # fmt: skip
            setattr(self, name, getattr(person, name))
        normalizer = VariantNormalizer(person.reference)
        self.person = person
        self.genotypes = tuple(replace(edit, variant=normalizer(edit.variant)) for edit in edits)
        _check_once(edits, self.genotypes)
        self._contig_of = dict(person._contig_of)
        for edit in self.genotypes:
            self._contig_of.setdefault(edit.variant.chrom, edit.variant.chrom)
        placed = [_placed(edit, normalizer) for edit in self.genotypes]
        self._on_conflict = on_conflict
        self.records = EditedRecords(person._variants, placed, self._contig_of, normalizer)
        self._variants: RecordSource = self.records
        if on_conflict == "error":
            for edit in self.genotypes:
                found = self.conflict(edit)
                if found is not None:
                    raise EditConflictError(
                        f"the person carries {found}, which changes the same bases",
                        file=self.path if person._variants is not None else None,
                        record=str(edit.variant),
                        remedy="Set that one absent in the same edits, or leave this one out.",
                    )

    def has_contig(self, chrom: str) -> bool:
        """As of the person; a contig with edits is there too."""
        return self.person.has_contig(chrom) or bool(self.edited_spans(chrom))

    def edited_contigs(self) -> dict[str, str]:
        """Contigs with edits, by the person's file -> by the FASTA."""
        chroms = dict.fromkeys(edit.variant.chrom for edit in self.genotypes)
        return {self._contig_of[chrom]: chrom for chrom in chroms}

    def edited_spans(self, chrom: str) -> list[tuple[int, int]]:
        """Stretches of a contig (by the FASTA) in which edits put records in or take them out, 0-based half-open."""
        return [(each.low, each.high) for each in self.records.contig_edits(self._contig_of.get(chrom, chrom))]

    def conflict(self, edit: GenotypeEdit) -> str | None:
        """A carried record, or another edit, that changes bases which an edit of this genome changes; None = none."""
        if not edit.is_carried:
            return None
        variant = edit.variant
        low, high = variant.changed
        if not isinstance(self._chosen(edit.record(), variant.chrom), Edit):
            return None  # it is on the haplotype that this mode does not read
        for part in self._variants.columns(
            self._contig_of[variant.chrom], max(0, variant.start - 1), variant.end + 1
        ):  # fmt: skip
            for row in range(len(part)):
                record = part.record(row)
                if record.is_edit and (record.position, record.alleles) == (variant.start, (variant.ref, variant.alt)):
                    continue
                choice = self._chosen(record, variant.chrom)
                if isinstance(choice, Edit) and not choice.changes_nothing:
                    span = changed_span(choice.position, choice.ref, choice.alt)
                    if choice.blank or choice.length != len(choice.ref):
                        span = choice.position + 1, choice.end
                    if _collide((low, high), span):
                        return f"{variant.chrom}:{record.position + 1}:{':'.join(record.alleles)}"
        return None

    def description(self) -> dict[str, object]:
        """As of the person, and the edits."""
        edits = [f"{edit.variant}={edit.text}" for edit in self.genotypes]
        return {**self.person.description(), "edits": edits}

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_edited, (self.person, self.genotypes, self._on_conflict)


def observed_genotype(person: PersonalGenome, variant: Variant, normalizer: VariantNormalizer) -> str:
    """A person's genotype of a normalised variant, as in a VCF: 0 = REF, 1 = its ALT, 2 = any other allele.

    ``0/0`` where no record of the person has the variant.
    """
    if person._variants is None or variant.chrom not in person._contig_of:
        return "0/0"
    placed = _placed(GenotypeEdit(variant, "absent"), normalizer)
    for part in person._variants.columns(person._contig_of[variant.chrom], placed.low, placed.high):
        for row in range(len(part)):
            record = part.record(row)
            allele = same_allele(record, variant, variant.chrom, normalizer)
            if allele is not None and record.genotype:
                shown = ["." if each is None else "1" if each == allele else "2" if each else "0"
                         for each in record.genotype]  # fmt: skip
                if "1" in shown:
                    return ("|" if record.phased else "/").join(shown)
    return "0/0"


def same_allele(record: Record, variant: Variant, chrom: str, normalizer: VariantNormalizer) -> int | None:
    """Which ALT of a record is a normalised variant, however it is spelt; None = none of them."""
    ref = record.alleles[0]
    for number, alt in enumerate(record.alleles[1:], start=1):
        if len(alt) - len(ref) != len(variant.alt) - len(variant.ref) or is_symbolic(alt):
            continue
        written = Variant(chrom, record.position + 1, ref.upper(), alt.upper())
        if written == variant:
            return number
        low, high = written.changed
        is_shifted = variant.is_indel and min(high - low, variant.end - variant.start) <= high - low
        if not (is_shifted or (low, high) == variant.changed):
            continue
        try:
            if normalizer(written) == variant:
                return number
        except InputError:  # another record's own fault: it is met, and named, where it is read
            continue
    return None


def without_allele(record: Record, allele: int) -> Record:
    """The record with one ALT's calls turned into REF; in a file without samples the first ALT is what is called."""
    called = (1,) if record.genotype is None else record.genotype
    return replace(record, genotype=tuple(0 if each == allele else each for each in called))


def place_edits(edits: Sequence[GenotypeEdit], normalizer: VariantNormalizer) -> list[PlacedEdit]:
    """Normalised edits with the stretches in which records of their variants may stand."""
    return [_placed(replace(edit, variant=normalizer(edit.variant)), normalizer) for edit in edits]


def _placed(edit: GenotypeEdit, normalizer: VariantNormalizer) -> PlacedEdit:
    return PlacedEdit(edit, edit.variant.start, normalizer.spellings_end(edit.variant))


def _order(edit: GenotypeEdit) -> tuple[int, bool]:
    """Along the genome; at one position what keeps the length comes first, so that an indel's anchor may follow it."""
    return edit.variant.start, edit.variant.is_indel


def _place_in(part: RecordColumns, record: Record) -> int:
    """Row before which a record stands in a part."""
    is_indel = len(record.alleles[0]) != len(record.alleles[1])
    return int(np.searchsorted(part.position, record.position, side="right" if is_indel else "left"))


def _spliced(
    part: RecordColumns, added: list[tuple[int, Record]], changes: list[tuple[int, Record | None]]
) -> Iterator[RecordColumns]:
    """A part with records put in before some rows, and with some rows changed or taken out."""
    if not added and not changes:
        yield part
        return
    steps: list[tuple[int, int, int, Record | None]] = [(row, 0, n, record) for n, (row, record) in enumerate(added)]
    steps += [(row, 1, 0, record) for row, record in changes]
    cursor = 0
    for place, taken, _, record in sorted(steps, key=lambda step: step[:3]):
        if cursor < place:
            yield part.select(np.arange(cursor, place))
        if record is not None:
            yield of_records([record])
        cursor = max(cursor, place + taken)
    if cursor < len(part):
        yield part.select(np.arange(cursor, len(part)))


def _is_of_use(record: Record) -> bool:
    """Whether a record without one of its ALTs still says anything of the person."""
    return any(allele for allele in record.genotype or ())


def _collide(left: tuple[int, int], right: tuple[int, int]) -> bool:
    """Whether two changes touch the same bases: insertions at one place, or in the midst of what another changes."""
    (a, b), (c, d) = left, right
    if a == b and c == d:
        return a == c
    if a == b:
        return c < a < d
    if c == d:
        return a < c < b
    return a < d and c < b


def _check_once(given: Sequence[GenotypeEdit], edits: Sequence[GenotypeEdit]) -> None:
    seen: dict[Variant, GenotypeEdit] = {}
    for as_given, edit in zip(given, edits, strict=True):
        if edit.variant in seen:
            raise InputError(
                f"is the same variant as {seen[edit.variant].variant}, and both are set",
                record=str(as_given.variant),
                remedy="Keep one of the two edits.",
            )
        seen[edit.variant] = as_given


def _rebuild_edited(person: PersonalGenome, edits: Sequence[GenotypeEdit], on_conflict: str) -> EditedGenome:
    return EditedGenome(person, edits, on_conflict=on_conflict)

"""A person's genome with some genotypes set to what was not observed: what would be, if.

An edit sets one variant's genotype; everything else that the person carries stays. It is done on the records before
they become sequence, so that an edited genome reads as the edited VCF would, by the same rules, with indels and all.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from ..errors import InputError
from .consensus import Edit, is_symbolic
from .edit_conflicts import Asking, Crowd, EditJudge
from .minimal import minimal_records, trimmed_alleles
from .personal import PersonalGenome
from .record_columns import Record, RecordColumns, RecordSource, of_records
from .variant import Variant, VariantNormalizer
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


_Item = TypeVar("_Item")


class RecordQueue(Generic[_Item]):
    """What waits for its place among a person's records, in the order in which it is to stand.

    At one position an edit that keeps the length comes first, so that an indel's anchor may follow it; then pieces of
    the person's records, before whole ones; then edits that do not.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, int, _Item]] = []
        self._n = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def push_edit(self, edit: GenotypeEdit, item: _Item) -> None:
        """Let an edit wait."""
        self._push(edit.variant.start, 2 if edit.variant.is_indel else 0, item)

    def push_piece(self, position: int, item: _Item) -> None:
        """Let a piece of a record wait that begins behind it."""
        self._push(position, 1, item)

    def pop_before(self, position: int) -> list[_Item]:
        """Take out what stands before the person's next record, at a position."""
        return self._pop(bisect_left(self._waiting, (position, 2)))

    def pop_within(self, part: RecordColumns) -> list[tuple[int, _Item]]:
        """Take out what stands before a row of a part, with that row."""
        rows = [int(np.searchsorted(part.position, position, side="right" if rank == 2 else "left"))
                for position, rank, *_ in self._waiting]  # fmt: skip
        inside = [row for row in rows if row < len(part)]
        return list(zip(inside, self._pop(len(inside)), strict=True))

    def pop_all(self) -> list[_Item]:
        """Take out all."""
        return self._pop(len(self._waiting))

    def _push(self, position: int, rank: int, item: _Item) -> None:
        insort(self._waiting, (position, rank, self._n, item), key=lambda each: each[:3])
        self._n += 1

    def _pop(self, n: int) -> list[_Item]:
        taken, self._waiting = self._waiting[:n], self._waiting[n:]
        return [item for *_, item in taken]


class EditedRecords:
    """Records of a person, those of edited variants taken out, and the edits' own put in.

    Args:
        base: the person's records; None = there are none.
        edits: normalised, by the FASTA's contig names.
        contig_of: contig of the FASTA -> contig of ``base``.
        normalizer: of the FASTA.
        splits: whether a record of the person, by its contig in the FASTA, is to be put in as its smallest pieces
            where it overlaps an edit's; None = none is.
    """

    def __init__(
        self,
        base: RecordSource | None,
        edits: Sequence[PlacedEdit],
        contig_of: dict[str, str],
        normalizer: VariantNormalizer,
        splits: Callable[[Record, str], bool] | None = None,
    ) -> None:
        self._base, self._normalizer, self._splits = base, normalizer, splits
        self.path = Path("edits") if base is None else base.path
        self.samples = () if base is None else base.samples
        self.sample = None if base is None else base.sample
        self.contigs: dict[str, int | None] = {} if base is None else base.contigs
        self._edits: dict[str, list[PlacedEdit]] = {}
        self._fasta_contig = {found: chrom for chrom, found in contig_of.items()}
        for placed in sorted(edits, key=lambda each: each.edit.variant.start):
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
        queue = RecordQueue[Record]()
        for edit in (each.edit for each in edits if each.edit.is_carried):
            if _overlaps(edit.record(), start, end):
                queue.push_edit(edit, edit.record())
        for part in () if self._base is None else self._base.columns(chrom, start, end, needs_quality=needs_quality):
            changes = []
            for row, left in self._changes(part, edits, chrom):
                seen = [record for record in left if _overlaps(record, start, end)]
                in_place = [record for record in seen if record.position == part.position[row]]
                changes.append((row, in_place))
                for record in seen[len(in_place) :]:
                    queue.push_piece(record.position, record)
            yield from _spliced(part, queue.pop_within(part), changes)
        if queue:
            yield of_records(queue.pop_all())

    def contig_edits(self, chrom: str) -> list[PlacedEdit]:
        """The edits on a contig (by the person's file), along it."""
        return self._edits.get(chrom, [])

    def may_change(self, chrom: str, position: int) -> bool:
        """Whether a record that begins there may be changed by an edit: quick, and never wrongly False."""
        low, high = self._reach.get(chrom, (0, 0))
        return low - _LONGEST_RECORD < position < high

    def remaining(self, record: Record, chrom: str) -> list[Record]:
        """What the edits on a contig leave of a record, in order; the record itself = all of it."""
        left, is_beside = record, False
        for each in self._edits.get(chrom, ()):
            if _overlaps(record, each.low, each.high):
                is_beside |= _overlaps(record, each.edit.variant.start, each.edit.variant.end)
                alleles = same_alleles(
                    record, each.edit.variant, self._fasta_contig.get(chrom, chrom), self._normalizer
                )
                if alleles:
                    left = without_alleles(left, alleles)
        if left is not record and not _is_of_use(left):
            return []
        if is_beside and self._splits is not None and self._splits(left, self._fasta_contig.get(chrom, chrom)):
            return minimal_records(left)
        return [left]

    def _changes(self, part: RecordColumns, edits: Sequence[PlacedEdit], chrom: str) -> list[tuple[int, list[Record]]]:
        """Rows that edits change, and what is left of each."""
        changes: list[tuple[int, list[Record]]] = []
        near = np.zeros(len(part), dtype=bool)
        for each in edits:
            near |= (part.position < each.high) & (part.end > each.low)
        for row in np.flatnonzero(near).tolist():
            record = part.record(row)
            left = self.remaining(record, chrom)
            if not (len(left) == 1 and left[0] is record):
                changes.append((row, left))
        return changes


class EditedGenome(PersonalGenome):
    """A person's genome with genotypes set; equal to ``bcftools consensus`` on the edited VCF.

    ``bcftools`` leaves a record out that begins within the REF of another one, whatever of that REF changes. So where
    an edit and records of the person cannot be applied side by side as they stand, those records are put in as their
    smallest pieces, provided that the person's sequence stays what it is. What still leaves out an edit, or a record
    of the person's, is a conflict.

    Args:
        person: the person, or the reference genome.
        edits: the genotypes to set, in any spelling.
        on_conflict: ``error``, or ``keep`` to leave both to the rules of overlapping records (the first one wins).

    Attributes:
        person: the person.
        genotypes: the edits, normalised.
        records: the person's records after the edits.
        conflict: a record of the person, or another edit, that is not applied beside an edit, or leaves it out, as
            ``chrom:pos:REF:ALT``; None = none.

    Raises:
        VariantError: a variant that cannot be used.
        InputError: one variant is set twice.
        EditConflictError: there is a conflict; or a record of the person is applied before the edits and not after
            them, or the other way round.
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
        self._not_diploid = person._not_diploid
        self._variants: RecordSource | None = person._variants  # until the edits are in it
        for edit in self.genotypes:
            self._contig_of.setdefault(edit.variant.chrom, edit.variant.chrom)
        self._on_conflict = on_conflict
        self._placed = [_placed(edit, normalizer) for edit in self.genotypes]
        self._sources = {(carried, split): self._edited_records(normalizer, carried=carried, split=split)
                         for carried in (False, True) for split in (False, True)}  # fmt: skip
        self._judge = EditJudge(self.reference, self._asking, person._variants, self._sources, self._remaining)
        self._crowds = self._find_crowds()
        conflict = self._first_conflict(split=False)
        self._is_split = conflict is not None and self._first_conflict(split=True) is None
        if self._is_split:
            conflict = None
        self.conflict = None if conflict is None else conflict[1]
        self.records = self._sources[True, self._is_split]
        self._variants = self.records
        if on_conflict == "error":
            conflict = conflict or self._first_unlike()
            if conflict is not None:
                raise EditConflictError(
                    f"{conflict[1]} is in the way: the two cannot be applied side by side",
                    file=self.path if person._variants is not None else None,
                    record=str(conflict[0]),
                    remedy="Set that one absent in the same edits, or leave this one out.",
                )

    def _first_conflict(self, *, split: bool) -> tuple[Variant, str] | None:
        """An edit's variant and the record in its way, wherever the regions are cut."""
        for crowd in self._crowds:
            found = self._judge.conflict(crowd, 0, self.reference.contigs[crowd.chrom], split=split)
            if found is not None:
                return crowd.variant, found
        return None

    def _first_unlike(self) -> tuple[Variant, str] | None:
        """An edit's variant and a record that is applied with it or without it only, in the person as is."""
        for crowd in self._crowds:
            found = self._judge.unlike(crowd)
            if found is not None:
                return crowd.variant, found
        return None

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

    def conflict_in(self, chrom: str, starts: np.ndarray, ends: np.ndarray) -> str | None:
        """As ``conflict``, where regions of a contig (by the FASTA) are read each by itself, and cut records.

        Args:
            starts, ends: (R,) int64, 0-based half-open, within the contig.
        """
        if self.conflict is not None:
            return self.conflict
        for crowd in self._crowds:
            if crowd.chrom == chrom:
                is_cut = (starts < crowd.end) & (ends > crowd.start) & ((starts > crowd.start) | (ends <= crowd.end))
                for region in np.flatnonzero(is_cut).tolist():
                    found = self._judge.conflict(crowd, int(starts[region]), int(ends[region]), split=self._is_split)
                    if found is not None:
                        return found
        return None

    def _edited_records(self, normalizer: VariantNormalizer, *, carried: bool, split: bool) -> EditedRecords:
        placed = self._placed
        if not carried:
            placed = [replace(each, edit=replace(each.edit, genotype="absent")) for each in placed]
        splits = (lambda record, chrom: isinstance(self._chosen(record, chrom), Edit)) if split else None
        return EditedRecords(self.person._variants, placed, self._contig_of, normalizer, splits)

    def _asking(self, source: RecordSource | None, chrom: str, start: int, end: int) -> list[Asking]:
        """Records that overlap a stretch and ask for an edit, in order."""
        if source is None or chrom not in self._contig_of:
            return []
        needs_quality = self.min_gq is not None or self.min_dp is not None
        found = []
        for part in source.columns(self._contig_of[chrom], start, end, needs_quality=needs_quality):
            for record in map(part.record, range(len(part))):
                choice = self._chosen(record, chrom)
                if isinstance(choice, Edit):
                    found.append(Asking(record, choice))
        return found

    def _find_crowds(self) -> list[Crowd]:
        """Stretches around edits that have other records in them, as wide as records that overlap reach."""
        crowds: dict[tuple[str, int, int], Crowd] = {}
        for placed in self._placed:
            variant, (start, end) = placed.edit.variant, (placed.low, placed.high)
            asking: list[Asking] = []
            while True:
                n_before = len(asking)
                asking = [each for source in (self.person._variants, self._sources[True, False])
                          for each in self._asking(source, variant.chrom, start, end)]  # fmt: skip
                start = min([start, *(each.edit.position for each in asking)])
                end = max([end, *(each.edit.end for each in asking)])
                if len(asking) == n_before:
                    break
            if not all(self._is_about(each.record, variant) for each in asking):
                crowds.setdefault((variant.chrom, start, end), Crowd(variant, start, end))
        return list(crowds.values())

    def _is_about(self, record: Record, variant: Variant) -> bool:
        """Whether a record says nothing but an edit's variant."""
        if record.is_edit:
            return (record.position, record.alleles) == (variant.start, (variant.ref, variant.alt))
        return not self._remaining(record, variant.chrom)

    def _remaining(self, record: Record, chrom: str) -> list[Record]:
        """What of a record is left where the edited variants are absent."""
        return self._sources[False, False].remaining(record, self._contig_of[chrom])

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
            alleles = same_alleles(record, variant, variant.chrom, normalizer)
            if alleles and record.genotype:
                shown = ["." if each is None else "1" if each in alleles else "2" if each else "0"
                         for each in record.genotype]  # fmt: skip
                if "1" in shown:
                    return ("|" if record.phased else "/").join(shown)
    return "0/0"


def same_alleles(record: Record, variant: Variant, chrom: str, normalizer: VariantNormalizer) -> tuple[int, ...]:
    """Which ALTs of a record are a normalised variant, however it is spelt: none, one, or several that are alike."""
    ref = record.alleles[0].upper()
    found = []
    for number, alt in enumerate(record.alleles[1:], start=1):
        if len(alt) - len(ref) != len(variant.alt) - len(variant.ref) or is_symbolic(alt):
            continue
        offset, *alleles = trimmed_alleles(ref, alt.upper())
        written = Variant(chrom, record.position + offset + 1, *alleles)
        if written == variant:
            found.append(number)
        elif variant.is_indel or written.changed == variant.changed:
            try:
                if normalizer(written) == variant:
                    found.append(number)
            except InputError:  # another record's own fault: it is met, and named, where it is read
                continue
    return tuple(found)


def without_alleles(record: Record, alleles: Collection[int]) -> Record:
    """The record with some ALTs' calls turned into REF; in a file without samples the first ALT is what is called."""
    called = (1,) if record.genotype is None else record.genotype
    return replace(record, genotype=tuple(0 if each in alleles else each for each in called))


def _placed(edit: GenotypeEdit, normalizer: VariantNormalizer) -> PlacedEdit:
    return PlacedEdit(edit, edit.variant.start, normalizer.spellings_end(edit.variant))


def _overlaps(record: Record, start: int, end: int) -> bool:
    return record.position < end and record.position + record.length > start


def _spliced(
    part: RecordColumns, added: list[tuple[int, Record]], changes: list[tuple[int, list[Record]]]
) -> Iterator[RecordColumns]:
    """A part with records put in before some rows, and with others in the place of some rows."""
    if not added and not changes:
        yield part
        return
    steps = [(row, 0, n, [record]) for n, (row, record) in enumerate(added)]
    steps += [(row, 1, 0, records) for row, records in changes]
    cursor = 0
    for place, taken, _, records in sorted(steps, key=lambda step: step[:3]):
        if cursor < place:
            yield part.select(np.arange(cursor, place))
        if records:
            yield of_records(records)
        cursor = max(cursor, place + taken)
    if cursor < len(part):
        yield part.select(np.arange(cursor, len(part)))


def _is_of_use(record: Record) -> bool:
    """Whether a record without one of its ALTs still says anything of the person."""
    return any(allele for allele in record.genotype or ())


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

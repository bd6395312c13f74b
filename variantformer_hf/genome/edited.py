"""A person's genome with some genotypes set to what was not observed: what would be, if.

An edit sets one variant's genotype; everything else that the person carries stays. It is done on the records before
they become sequence, so that an edited genome reads as the edited VCF would, by the same rules, with indels and all.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..errors import InputError
from .consensus import Edit
from .edit_conflicts import EditJudge
from .edited_records import EditedRecords
from .genotype_edits import GenotypeEdit, PlacedEdit, same_alleles
from .options import BOTH, GenotypeOptions
from .personal import PersonalGenome
from .record_columns import Record
from .variant import Variant, VariantNormalizer


class EditConflictError(InputError):
    """An edit and a record that the person carries would change the same bases."""


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
        edited_records: the person's records after the edits.
        conflict: a record of the person, or another edit, that is not applied beside an edit, or leaves it out, as
            ``chrom:pos:REF:ALT``; None = none.

    Raises:
        VariantError: a variant that cannot be used.
        InputError: one variant is set twice.
        EditConflictError: there is a conflict; or a record of the person is applied before the edits and not after
            them, or the other way round.
    """

    def __init__(self, person: PersonalGenome, edits: Sequence[GenotypeEdit], *, on_conflict: str = "error") -> None:
        normalizer = VariantNormalizer(person.reference)
        self.person = person
        self.genotypes = tuple(replace(edit, variant=normalizer(edit.variant)) for edit in edits)
        _check_once(edits, self.genotypes)
        self._on_conflict = on_conflict
        self._readings: tuple[EditedGenome, ...] = ()
        if person.options.mode in BOTH:
            self._join([EditedGenome(each, self.genotypes, on_conflict=on_conflict) for each in person.readings()])
            return
        placed = [PlacedEdit.of(edit, normalizer) for edit in self.genotypes]
        absent = [replace(each, edit=replace(each.edit, genotype="absent")) for each in placed]
        sources = {
            (carried, split): EditedRecords(
                person.records, placed if carried else absent, normalizer, self._asks_for_edit if split else None
            )
            for carried in (False, True)
            for split in (False, True)
        }
        self._judge = EditJudge(person.reference, person.rules, person.records, sources)
        self._crowds = self._judge.crowds(placed)
        conflict = self._first_conflict(split=False)
        self._is_split = conflict is not None and self._first_conflict(split=True) is None
        if self._is_split:
            conflict = None
        self.conflict = None if conflict is None else conflict[1]
        self.edited_records = sources[True, self._is_split]
        super().__init__(person.reference, self.edited_records, person.sample, person.options)
        self.rules = person.rules  # they count the person's calls, whoever asks
        if on_conflict == "error":
            conflict = conflict or self._first_unlike()
            if conflict is not None:
                raise EditConflictError(
                    f"{conflict[1]} is in the way: the two cannot be applied side by side",
                    file=person.path,
                    record=str(conflict[0]),
                    remedy="Set that one absent in the same edits, or leave this one out.",
                )

    def _join(self, readings: "Sequence[EditedGenome]") -> None:
        """Be the genome whose haplotypes are these: a conflict on either is one."""
        self._readings = tuple(readings)
        self.conflict = next((each.conflict for each in readings if each.conflict is not None), None)
        self.edited_records = readings[0].edited_records
        super().__init__(self.person.reference, self.edited_records, self.person.sample, self.person.options)
        self.rules = self.person.rules

    def readings(self) -> "tuple[EditedGenome, ...]":
        """As of any genome."""
        return self._readings or (self,)

    def read_by(self, options: GenotypeOptions) -> "EditedGenome":
        """As of any genome: the person by other options, with the same edits."""
        return EditedGenome(self.person.read_by(options), self.genotypes, on_conflict=self._on_conflict)

    def _asks_for_edit(self, record: Record, chrom: str) -> bool:
        return isinstance(self.person.rules.chosen(record, chrom), Edit)

    def _first_conflict(self, *, split: bool) -> tuple[Variant, str] | None:
        """An edit's variant and the record in its way, wherever the regions are cut."""
        for crowd in self._crowds:
            found = self._judge.conflict(crowd, 0, self.person.reference.contigs[crowd.chrom], split=split)
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

    def edited_contigs(self) -> dict[str, str]:
        """Contigs with edits, by the person's file -> by the FASTA."""
        chroms = dict.fromkeys(edit.variant.chrom for edit in self.genotypes)
        return {self.edited_records.file_contig(chrom): chrom for chrom in chroms}

    def edited_spans(self, chrom: str) -> list[tuple[int, int]]:
        """Stretches of a contig (by the FASTA) in which edits put records in or take them out, 0-based half-open."""
        return [(each.low, each.high) for each in self.edited_records.contig_edits(chrom)]

    def conflict_in(self, chrom: str, starts: np.ndarray, ends: np.ndarray) -> str | None:
        """As ``conflict``, where regions of a contig (by the FASTA) are read each by itself, and cut records.

        Args:
            starts, ends: (R,) int64, 0-based half-open, within the contig.
        """
        if self.conflict is not None:
            return self.conflict
        if self._readings:
            of_each = [each.conflict_in(chrom, starts, ends) for each in self._readings]
            return next((each for each in of_each if each is not None), None)
        for crowd in self._crowds:
            if crowd.chrom == chrom:
                is_cut = (starts < crowd.end) & (ends > crowd.start) & ((starts > crowd.start) | (ends <= crowd.end))
                for region in np.flatnonzero(is_cut).tolist():
                    found = self._judge.conflict(crowd, int(starts[region]), int(ends[region]), split=self._is_split)
                    if found is not None:
                        return found
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
    if person.records is None:
        return "0/0"
    placed = PlacedEdit.of(GenotypeEdit(variant, "absent"), normalizer)
    for part in person.records.columns(variant.chrom, placed.low, placed.high):
        for row in range(len(part)):
            record = part.record(row)
            alleles = same_alleles(record, variant, variant.chrom, normalizer)
            if alleles and record.genotype:
                shown = [
                    "." if each is None else "1" if each in alleles else "2" if each else "0"
                    for each in record.genotype
                ]
                if "1" in shown:
                    return ("|" if record.phased else "/").join(shown)
    return "0/0"


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

"""Whether edits and a person's records are all applied, side by side, as the resolver of sequences has it.

A record is left out that begins within the REF of another one, whatever of that REF changes, and at a region's edge
records are cut. So it is the resolver that is asked, and its text that is judged: it must be what the person's applied
records and the edits write together (see ``superposition``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from .consensus import Edit, Outcome, apply_edits
from .edited_records import EditedRecords
from .genotype_edits import PlacedEdit
from .record_columns import Record, RecordSource
from .record_rules import RecordRules
from .reference import ReferenceGenome
from .superposition import Change, changes_of, superposed
from .variant import Variant


@dataclass(frozen=True, slots=True)
class Crowd:
    """A stretch around an edit with records that reach into it, all of each within; 0-based half-open.

    Attributes:
        variant: of the edit.
    """

    variant: Variant
    start: int
    end: int

    @property
    def chrom(self) -> str:
        return self.variant.chrom


@dataclass(frozen=True, slots=True)
class Asking:
    """A record, and the edit that it asks for."""

    record: Record
    edit: Edit


class EditJudge:
    """Judges one person's records and some edits.

    Args:
        reference: the FASTA.
        rules: by which the person's records are read.
        person: the person's records; None = there are none.
        sources: (whether the edits are in, or all their variants absent; whether the person's records beside them are
            split into their smallest pieces) -> the records.
    """

    def __init__(
        self,
        reference: ReferenceGenome,
        rules: RecordRules,
        person: RecordSource | None,
        sources: Mapping[tuple[bool, bool], EditedRecords],
    ) -> None:
        self._reference, self._rules = reference, rules
        self._person, self._sources = person, sources

    def crowds(self, edits: Sequence[PlacedEdit]) -> list[Crowd]:
        """Stretches around edits that have other records in them, as wide as records that overlap reach."""
        crowds: dict[tuple[str, int, int], Crowd] = {}
        for placed in edits:
            variant, (start, end) = placed.edit.variant, (placed.low, placed.high)
            asking: list[Asking] = []
            while True:
                n_before = len(asking)
                asking = [
                    each
                    for source in (self._person, self._sources[True, False])
                    for each in self._asking(source, variant.chrom, start, end)
                ]
                start = min([start, *(each.edit.position for each in asking)])
                end = max([end, *(each.edit.end for each in asking)])
                if len(asking) == n_before:
                    break
            if not all(self._is_about(each.record, variant) for each in asking):
                crowds.setdefault((variant.chrom, start, end), Crowd(variant, start, end))
        return list(crowds.values())

    def conflict(self, crowd: Crowd, start: int, end: int, *, split: bool) -> str | None:
        """A record of the person, or another edit, that is not applied beside an edit in a region, or leaves it out.

        Args:
            crowd: where.
            start, end: the region, 0-based half-open, within the contig; it cuts what lies beyond.
            split: whether the person's records are split.

        Returns:
            The record, as ``chrom:pos:REF:ALT``; None = all are applied, and the person's sequence is what it was.
        """
        low, high = max(start, crowd.start), min(end, crowd.end + 1)
        text = self._reference.sequence(crowd.chrom, low, high)
        before, ground, of_ground = self._resolved(self._sources[False, False], crowd, low, text)
        after, written, outcomes = self._resolved(self._sources[True, False], crowd, low, text)
        of_person = _applied_changes(text.upper(), low, before, of_ground, ground)
        of_edits = [
            (each, change)
            for each in after
            if each.record.is_edit
            for change in changes_of(text.upper(), low, each.edit)
        ]
        if not split and len(after) == len(before) and Outcome.REF_MISMATCH not in of_ground:
            return None  # no edit is read here
        for number, (each, change) in enumerate(of_edits):
            for other, its_change in (*of_person, *of_edits[:number]):
                if other is not each and change.collides(its_change):
                    return _name(crowd, other)
        as_they_stand, is_as_was = outcomes, True
        if split:
            is_as_was = self._resolved(self._sources[False, True], crowd, low, text)[1] == ground
            _, written, outcomes = self._resolved(self._sources[True, True], crowd, low, text)
        wanted = superposed(text.upper(), [change for _, change in (*of_person, *of_edits)])
        mismatches = outcomes.count(Outcome.REF_MISMATCH)
        if is_as_was and written == wanted and (not mismatches or mismatches <= self._mismatches(crowd, low, text)):
            return None
        return _name(crowd, _blamed(after, as_they_stand, of_ground))

    def unlike(self, crowd: Crowd) -> str | None:
        """A record that is applied either in the person or where the edited variants are absent, but not in both.

        A record of an edited variant that is not applied in the person counts, too: to take it out changes nothing.
        """
        text = self._reference.sequence(crowd.chrom, crowd.start, crowd.end + 1)
        found, _, outcomes = self._resolved(self._person, crowd, crowd.start, text)
        absent, _, of_absent = self._resolved(self._sources[False, False], crowd, crowd.start, text)
        rest = list(zip(absent, of_absent, strict=True))
        applied = {
            (each.record.position, each.record.alleles)
            for each, outcome in zip(found, outcomes, strict=True)
            if outcome is Outcome.APPLIED
        }
        for each, outcome in zip(found, outcomes, strict=True):
            is_taken_out = True
            if rest and self._remaining(each.record, crowd.chrom) == [rest[0][0].record]:
                after, of_after = rest.pop(0)
                if (of_after is Outcome.APPLIED) != (outcome is Outcome.APPLIED):
                    return _name(crowd, each)
                is_taken_out = after.edit != each.edit
            if is_taken_out and (each.record.position, each.record.alleles) not in applied:
                return _name(crowd, _blocker(each, found, outcomes))
        return None

    def _mismatches(self, crowd: Crowd, start: int, text: str) -> int:
        """Records of the person whose REF is not what is there when their turn comes."""
        return self._resolved(self._person, crowd, start, text)[2].count(Outcome.REF_MISMATCH)

    def _asking(self, source: RecordSource | None, chrom: str, start: int, end: int) -> list[Asking]:
        """Records that overlap a stretch and ask for an edit, in order."""
        found = []
        for part in () if source is None else source.columns(chrom, start, end):
            for record in map(part.record, range(len(part))):
                choice = self._rules.chosen(record, chrom)
                if isinstance(choice, Edit):
                    found.append(Asking(record, choice))
        return found

    def _is_about(self, record: Record, variant: Variant) -> bool:
        """Whether a record says nothing but an edit's variant."""
        if record.is_edit:
            return (record.position, record.alleles) == (variant.start, (variant.ref, variant.alt))
        return not self._remaining(record, variant.chrom)

    def _remaining(self, record: Record, chrom: str) -> list[Record]:
        """What of a record is left where the edited variants are absent."""
        return self._sources[False, False].remaining(record, chrom)

    def _resolved(
        self, source: RecordSource | None, crowd: Crowd, start: int, text: str
    ) -> tuple[list[Asking], str, list[Outcome]]:
        """Records of a crowd in a region, what they write there in upper case, and outcomes.

        Letter case of ``text`` is as in the FASTA: it decides whether an insertion keeps a SNP at its anchor.
        """
        asking = self._asking(source, crowd.chrom, start, start + len(text))
        written, outcomes = apply_edits(text, start, [each.edit for each in asking])
        return asking, written.upper(), outcomes


def _applied_changes(
    text: str, start: int, asking: Sequence[Asking], outcomes: Sequence[Outcome], written: str
) -> list[tuple[Asking, Change]]:
    """What each applied record changes; where they write over each other, one change for all of them."""
    applied = [each for each, outcome in zip(asking, outcomes, strict=True) if outcome is Outcome.APPLIED]
    changes = [(each, change) for each in applied for change in changes_of(text, start, each.edit)]
    collide = any(left.collides(right) for (_, left), (_, right) in combinations(changes, 2))
    if not collide and superposed(text, [change for _, change in changes]) == written:
        return changes
    first = max(0, min(each.edit.position for each in applied) - start)
    behind = max(0, len(text) - (max(each.edit.end for each in applied) - start))
    return [(applied[0], Change(first, len(text) - behind, written[first : len(written) - behind]))]


def _blamed(asking: Sequence[Asking], outcomes: Sequence[Outcome], of_absent: Sequence[Outcome]) -> Asking:
    """The record to name where not all are applied: one that fares otherwise than without the edits, or a blocker."""
    both = list(zip(asking, outcomes, strict=True))
    of_person = [each for each in both if not each[0].record.is_edit]
    for (each, outcome), before in zip(of_person, of_absent, strict=True):
        if outcome is not before:
            return each
    edits = sorted((outcome is Outcome.APPLIED, row) for row, (each, outcome) in enumerate(both) if each.record.is_edit)
    return _blocker(asking[edits[0][1] if edits else 0], asking, outcomes)


def _blocker(blocked: Asking, asking: Sequence[Asking], outcomes: Sequence[Outcome]) -> Asking:
    """An applied record that overlaps another one; else that one itself."""
    for each, outcome in zip(asking, outcomes, strict=True):
        overlaps = each.edit.position < blocked.edit.end and each.edit.end > blocked.edit.position
        if each is not blocked and overlaps and outcome is Outcome.APPLIED:
            return each
    return blocked


def _name(crowd: Crowd, asking: Asking) -> str:
    return f"{crowd.chrom}:{asking.record.position + 1}:{':'.join(asking.record.alleles)}"

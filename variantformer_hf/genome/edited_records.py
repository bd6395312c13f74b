"""A person's records with edits among them: what is taken out, what is put in, and in which order all of it stands."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from .genotype_edits import GenotypeEdit, PlacedEdit, same_alleles, without_alleles
from .minimal import minimal_records
from .record_columns import Record, RecordColumns, RecordSource, of_records
from .variant import VariantNormalizer

# Longer records are structural variants, whose alleles are symbolic.
_LONGEST_RECORD = 1_000_000
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
        rows = [
            int(np.searchsorted(part.position, position, side="right" if rank == 2 else "left"))
            for position, rank, *_ in self._waiting
        ]
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
    """Records of a person, those of edited variants taken out, and the edits' own put in; see ``RecordSource``.

    Args:
        base: the person's records; None = there are none.
        edits: normalised, by the FASTA's contig names.
        normalizer: of the FASTA.
        splits: whether a record of the person, on a contig, is to be put in as its smallest pieces
            where it overlaps an edit's; None = none is.
    """

    def __init__(
        self,
        base: RecordSource | None,
        edits: Sequence[PlacedEdit],
        normalizer: VariantNormalizer,
        splits: Callable[[Record, str], bool] | None = None,
    ) -> None:
        self._base, self._normalizer, self._splits = base, normalizer, splits
        self.path = Path("edits") if base is None else base.path
        self.sample = None if base is None else base.sample
        self._edits: dict[str, list[PlacedEdit]] = {}
        for placed in sorted(edits, key=lambda each: each.edit.variant.start):
            self._edits.setdefault(placed.edit.variant.chrom, []).append(placed)
        self._reach = {
            chrom: (min(each.low for each in of_chrom), max(each.high for each in of_chrom))
            for chrom, of_chrom in self._edits.items()
        }

    @property
    def index_is_older(self) -> bool:
        """Whether the file was written after its index."""
        return self._base is not None and self._base.index_is_older

    @property
    def damage(self) -> list[str]:
        """What was found damaged in the store of the person's file, a sentence each."""
        return [] if self._base is None else self._base.damage

    @property
    def formats(self) -> list[dict[str, Any]]:
        """What the file's format does not hold of a VCF, and what was met in it; empty for a VCF."""
        return [] if self._base is None else self._base.formats

    def file_contig(self, chrom: str) -> str:
        """How the person's file calls a contig of the FASTA; one that it lacks, as the FASTA does."""
        return chrom if self._base is None else self._base.file_contig(chrom)

    def has_contig(self, chrom: str) -> bool:
        """As of the person; a contig with edits is there too."""
        return self._base is None or self._base.has_contig(chrom) or chrom in self._edits

    def close(self) -> None:
        """Close the person's file."""
        if self._base is not None:
            self._base.close()

    def columns(self, chrom: str, start: int, end: int) -> Iterator[RecordColumns]:
        """As ``RecordSource.columns``."""
        edits = self._edits.get(chrom, [])
        queue = RecordQueue[Record]()
        for edit in (each.edit for each in edits if each.edit.is_carried):
            if _overlaps(edit.record(), start, end):
                queue.push_edit(edit, edit.record())
        for part in () if self._base is None else self._base.columns(chrom, start, end):
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
        """The edits on a contig, along it."""
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
                alleles = same_alleles(record, each.edit.variant, chrom, self._normalizer)
                if alleles:
                    left = without_alleles(left, alleles)
        if left is not record and not _is_of_use(left):
            return []
        if is_beside and self._splits is not None and self._splits(left, chrom):
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

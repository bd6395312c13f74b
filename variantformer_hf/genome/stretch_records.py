"""One person's records of a stretch, read once: what each asks for, and what it asks with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from .consensus import OUTCOME_CODE, Edit, Outcome
from .intervals import overlaps
from .options import GenotypeOptions
from .plain_edits import PlainEdits, decided_plain
from .record_columns import RecordColumns
from .snp_genotypes import EDIT, UNDECIDED, decided_snps

_COPY_BITS, _ALLELE_BITS = 8, 24


@dataclass(frozen=True, slots=True)
class StretchRecords:
    """Records of a stretch of a contig, in file order; n of them.

    Attributes:
        position, end: (n,) int64, 0-based half-open, by which regions find the record.
        furthest_end: (n,) int64, the last of the ends up to each.
        edit_end: (n,) int64, behind the last base that its edit looks at.
        outcome: (n,) int8, index into ``OUTCOMES``; ``EDIT`` where it asks for an edit, ``UNDECIDED`` where it was
            passed over.
        ref, letter: (n,) uint8, base and upper-case letter of an SNP's edit; ``letter`` is 0 for other records.
        keys: (n,) int64, a number for each record, the same whichever stretch it is read in.
        with_edits: (E,) int64, indices of the records that ask for an edit, ascending.
        plain: (n,) int64, index into ``plain_edits`` of a record with such an edit; -1 for other records.
        plain_edits: edits of short insertions, deletions and exchanges.
        edits: index -> edit, of the others that are no SNPs.
    """

    position: np.ndarray
    end: np.ndarray
    furthest_end: np.ndarray
    edit_end: np.ndarray
    outcome: np.ndarray
    ref: np.ndarray
    letter: np.ndarray
    keys: np.ndarray
    with_edits: np.ndarray
    plain: np.ndarray
    plain_edits: PlainEdits
    edits: Mapping[int, Edit]

    def __len__(self) -> int:
        return len(self.position)

    def edit(self, record: int) -> Edit:
        """The edit that a record asks for."""
        if self.letter[record]:
            ref, alt = chr(self.ref[record]), chr(self.letter[record])
            return Edit(int(self.position[record]), ref, alt, 1, keeps_anchor=False, checked=1)
        if self.plain[record] >= 0:
            return self.plain_edits.edit(int(self.plain[record]), int(self.position[record]))
        return self.edits[record]

    def overlapping(self, intervals: np.ndarray) -> np.ndarray:
        """Indices, ascending, of the records that share a base with a union of intervals."""
        if not len(intervals):
            return np.zeros(0, dtype=np.int64)
        first = int(np.searchsorted(self.furthest_end, intervals[0, 0], side="right"))
        last = int(np.searchsorted(self.position, intervals[-1, 1]))
        return first + np.flatnonzero(overlaps(self.position[first:last], self.end[first:last], intervals))


def read_records(
    parts: Iterable[RecordColumns],
    chosen: Callable[[RecordColumns, int], Edit | Outcome],
    options: GenotypeOptions,
    within: np.ndarray | None = None,
) -> StretchRecords:
    """Read the records of a stretch.

    Args:
        parts: the records in file order, some at a time.
        chosen: index in a part -> the edit that a record asks for or why it asks for none; for all but plain ones.
        options: how genotypes become sequence.
        within: (U, 2) sorted intervals without overlap; records outside are counted and otherwise passed over.
    """
    edits: dict[int, Edit] = {}
    plain_edits: list[PlainEdits] = []
    columns: list[tuple[np.ndarray, ...]] = []
    read = n_plain = 0
    for part in parts:
        outcome, letter = decided_snps(part, options)
        inside = overlaps(part.position, part.end, within)
        found_to, edit_end = part.end.copy(), part.end.copy()
        undecided = np.flatnonzero(inside & (outcome == UNDECIDED))
        plain_edits.append(decided_plain(part, undecided, options, outcome))
        plain = np.full(len(part), -1, dtype=np.int64)
        plain[undecided[outcome[undecided] == EDIT]] = n_plain + np.arange(len(plain_edits[-1]))
        n_plain += len(plain_edits[-1])
        for index in undecided[outcome[undecided] == UNDECIDED].tolist():
            choice = chosen(part, index)
            if isinstance(choice, Edit):
                edits[read + index] = choice
                outcome[index] = EDIT
                edit_end[index] = choice.end
                if choice.contradicts_itself:  # a region behind its REF has nothing to do with it
                    found_to[index] = choice.position + len(choice.ref)
            else:
                outcome[index] = OUTCOME_CODE[choice]
        columns.append((part.position, found_to, edit_end, outcome, part.ref, letter, inside, part.alleles, plain))
        read += len(part)
    empty = (np.zeros(0, dtype=np.int64),) * 9
    joined = [np.concatenate(arrays) for arrays in zip(*(columns or [empty]), strict=True)]
    position, end, edit_end, outcome, ref, letter, inside, alleles, plain = joined
    with_edits = np.flatnonzero(inside.astype(bool) & (outcome == EDIT))
    furthest_end, keys = np.maximum.accumulate(end), _record_keys(position, alleles)
    return StretchRecords(
        position,
        end,
        furthest_end,
        edit_end,
        outcome,
        ref,
        letter,
        keys,
        with_edits,
        plain,
        PlainEdits.joined(plain_edits),
        edits,
    )


def _record_keys(position: np.ndarray, alleles: np.ndarray) -> np.ndarray:
    """A number for each record: its position, its alleles, and which of several such ones it is."""
    keys = (position << _ALLELE_BITS) | (alleles & ((1 << _ALLELE_BITS) - 1))
    copies = np.zeros(len(keys), dtype=np.int64)
    shared = np.flatnonzero(position[1:] == position[:-1]) + 1
    seen: dict[int, int] = {}
    for index in shared.tolist():
        if position[index - 1] not in (position[index - 2 : index - 1]):
            seen = {int(keys[index - 1]): 0}
        key = int(keys[index])
        seen[key] = seen.get(key, -1) + 1
        copies[index] = seen[key]
    return (keys << _COPY_BITS) | (copies & ((1 << _COPY_BITS) - 1))

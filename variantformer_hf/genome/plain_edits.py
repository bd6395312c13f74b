"""Edits of plain records, all of a part at once: short insertions, deletions and exchanges with one ALT."""

from dataclasses import dataclass

import numpy as np

from .consensus import OUTCOME_CODE, Edit, Outcome
from .options import SEQUENCE_MODES, GenotypeOptions
from .record_columns import RecordColumns
from .snp_genotypes import EDIT, UNDECIDED

_FILTERED = OUTCOME_CODE[Outcome.FILTER]
_LETTERS_AN_EDIT, _FEWEST_LETTERS = 32, 4_096


@dataclass(frozen=True, slots=True)
class PlainEdits:
    """E edits, as ``Edit`` has them; each is as long as its REF.

    Attributes:
        letters: (l,) uint8, alleles one behind the other.
        places: (E, 3) int64, where REF begins, where what takes its place does, and where that ends.
        anchored: (E,) bool, whether it keeps its anchor.
    """

    letters: np.ndarray
    places: np.ndarray
    anchored: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    def edit(self, index: int, position: int) -> Edit:
        """One of them, at its 0-based position."""
        first, middle, last = self.places[index].tolist()
        text = self.letters[first:last].tobytes().decode("ascii")
        ref, alt = text[: middle - first], text[middle - first :]
        return Edit(position, ref, alt, len(ref), bool(self.anchored[index]), checked=len(ref))

    @classmethod
    def joined(cls, parts: "list[PlainEdits]") -> "PlainEdits":
        """Those of several parts, one behind the other."""
        begins = np.cumsum([0, *(len(part.letters) for part in parts)])
        nothing = no_plain_edits()
        return cls(
            np.concatenate([nothing.letters, *(part.letters for part in parts)]),
            np.concatenate(
                [nothing.places, *(part.places + begin for part, begin in zip(parts, begins[:-1], strict=True))]
            ),
            np.concatenate([nothing.anchored, *(part.anchored for part in parts)]),
        )


def no_plain_edits() -> PlainEdits:
    """None at all."""
    return PlainEdits(np.zeros(0, np.uint8), np.zeros((0, 3), np.int64), np.zeros(0, dtype=bool))


def decided_plain(part: RecordColumns, rows: np.ndarray, options: GenotypeOptions, outcome: np.ndarray) -> PlainEdits:
    """Decide those of some undecided records that are plain; without the compiler none.

    Args:
        part: the records.
        rows: (r,) int64, ascending, which to look at.
        options: how genotypes become sequence.
        outcome: (n,) int8, filled in for those that are decided.

    Returns:
        The edits of those whose outcome is ``EDIT`` then, in order.
    """
    from ..compiled import HAS_NUMBA

    if not HAS_NUMBA or part.text_first is None or options.snps_only or not len(rows):
        return no_plain_edits()
    from .edit_kernels import plain_edits

    places, anchored = np.empty((3, len(rows)), dtype=np.int64), np.empty(len(rows), dtype=bool)
    letters = np.empty(_FEWEST_LETTERS + _LETTERS_AN_EDIT * len(rows), dtype=np.uint8)
    while True:
        used, n = plain_edits(
            part.text,
            part.text_first,
            rows,
            part.end - part.position,
            part.first,
            part.second,
            SEQUENCE_MODES.index(options.mode),
            outcome,
            letters,
            *places,
            anchored,
        )
        if used >= 0:
            break
        letters = np.empty(4 * len(letters), dtype=np.uint8)
    found = PlainEdits(letters[:used].copy(), places[:, :n].T.copy(), anchored[:n].copy())
    if not options.pass_only:
        return found
    with_edits = rows[outcome[rows] == EDIT]
    decided = rows[(outcome[rows] != UNDECIDED) & ~part.passes[rows]]
    outcome[decided] = _FILTERED
    kept = part.passes[with_edits]
    return PlainEdits(found.letters, found.places[kept], found.anchored[kept])

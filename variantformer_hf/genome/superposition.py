"""What edits write together, if each writes what it writes alone: by it the resolver's own text is judged.

The rules of ``bcftools consensus`` leave out a record by the whole stretch of its REF, and in places let one record
write over another. Whether all of some edits are in a text is therefore seen from the text: each one's change is found
by applying it alone, and the changes are put together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .consensus import Edit, apply_edits
from .minimal import minimal_edits


@dataclass(frozen=True, slots=True)
class Change:
    """What stands otherwise in a region.

    Attributes:
        start, end: 0-based half-open, places in the region's text; an insertion is empty.
        text: what stands there instead, upper case.
    """

    start: int
    end: int
    text: str

    def collides(self, other: "Change") -> bool:
        """Whether both touch the same bases: insertions at one place, or in the midst of what the other changes."""
        if self.start == self.end and other.start == other.end:
            return self.start == other.start
        if self.start == self.end:
            return other.start < self.start < other.end
        if other.start == other.end:
            return self.start < other.start < self.end
        return self.start < other.end and other.start < self.end


def changes_of(text: str, start: int, edit: Edit) -> list[Change]:
    """What an edit by itself changes, in order.

    Args:
        text: a region's bases, upper case.
        start: 0-based position of the first of them.
        edit: an edit that overlaps the region.
    """
    found = []
    for piece in minimal_edits(edit):
        if piece.end <= start or piece.position >= start + len(text):
            continue
        alone = apply_edits(text, start, [piece])[0].upper()
        if alone == text:
            continue
        # The anchor stays: a repeat behind it reads as if the change came later.
        most = min(len(text), len(alone), max(0, piece.position + piece.keeps_anchor - start))
        head = 0
        while head < most and text[head] == alone[head]:
            head += 1
        tail, most = 0, min(len(text), len(alone)) - head
        while tail < most and text[-1 - tail] == alone[-1 - tail]:
            tail += 1
        found.append(Change(head, len(text) - tail, alone[head : len(alone) - tail]))
    return found


def superposed(text: str, changes: Sequence[Change]) -> str:
    """A text with changes that do not collide."""
    pieces, cursor = [], 0
    for change in sorted(changes, key=lambda each: (each.start, each.end)):
        pieces += [text[cursor : change.start], change.text]
        cursor = change.end
    return "".join([*pieces, text[cursor:]])

"""A person's records of a stretch, read by both haplotypes: two sequences, and one account of the records."""

from collections.abc import Sequence

import numpy as np

from .consensus import OUTCOMES, Outcome
from .stretch import PersonalStretch, RegionEdits

# What is said of a record that the haplotypes read otherwise, the first of these that either says.
_SAID_FIRST = (Outcome.APPLIED, Outcome.REF_MISMATCH, Outcome.OVERLAPS, Outcome.HOM_REF, Outcome.MISSING_GENOTYPE)
_RANK = np.array([(*_SAID_FIRST, each).index(each) for each in OUTCOMES], dtype=np.int8)


class HaplotypeStretch(PersonalStretch):
    """The records of a stretch as haplotype 1 and haplotype 2 read them.

    It has no one sequence: edits and sequences are those of :attr:`haplotypes`.

    Args:
        haplotypes: the same stretch, resolved for each.

    Attributes:
        haplotypes: as given.
    """

    def __init__(self, haplotypes: Sequence[PersonalStretch]) -> None:
        self.haplotypes = tuple(haplotypes)
        self.chrom = haplotypes[0].chrom

    def __len__(self) -> int:
        return len(self.haplotypes[0])

    @property
    def keys(self) -> np.ndarray:
        """As of each."""
        return self.haplotypes[0].keys

    def lies_within(self, start: int, end: int) -> np.ndarray:
        """As of each."""
        return np.logical_and.reduce([each.lies_within(start, end) for each in self.haplotypes])

    def position(self, record: int) -> int:
        """0-based position of a record."""
        return self.haplotypes[0].position(record)

    def ref_of(self, record: int) -> str:
        """REF of a record that asks for an edit on either haplotype."""
        return next(each.ref_of(record) for each in self.haplotypes if each.asks_for_edit(record))

    def edits(self, starts: np.ndarray, ends: np.ndarray) -> RegionEdits:
        """There is no one sequence.

        Raises:
            ValueError: always.
        """
        raise ValueError("two haplotypes are two sequences: ask each of `haplotypes` (or of `readings()` of a genome)")

    def records(self, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, int | None]:
        """What became of the records that overlap regions; a record that either haplotype applies is applied."""
        each = [haplotype.records(starts, ends) for haplotype in self.haplotypes]
        records = np.unique(np.concatenate([found for found, _, _ in each]))
        said = np.full((len(each), len(records)), -1, dtype=np.int8)
        for row, (found, codes, _) in zip(said, each, strict=True):
            row[np.searchsorted(records, found)] = codes
        rank = np.where(said < 0, len(_RANK), _RANK[said])
        outcomes = np.take_along_axis(said, rank.argmin(axis=0)[None], axis=0)[0]
        return records, outcomes, next((mismatch for _, _, mismatch in each if mismatch is not None), None)

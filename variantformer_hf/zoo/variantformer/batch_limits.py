"""How much goes through the model at a time, and which genes share a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much goes through the model at a time.

    Attributes:
        elements: cCREs handed to the encoder.
        scores: genes share a batch while the scores of their cCREs, all to all, are at most so many.
        rows: of the gene stream, tissues and all, that variants of a gene share a batch with.
        genes: in a batch.
        least_share: the shortest gene of a batch has at least this share of the longest one's cCREs: the rest is
            padding.
    """

    elements: int
    scores: int
    rows: int
    genes: int = 32
    least_share: float = 0.75

    @classmethod
    def of_device(cls, kind: str) -> Self:
        """What suits a kind of device, e.g. ``cpu`` or ``cuda``."""
        if kind == "cpu":
            return cls(elements=2_048, scores=600_000, rows=32_768)
        return cls(elements=8_192, scores=8_000_000, rows=262_144)

    def batches(self, sizes: Sequence[int]) -> list[slice]:
        """Split genes, by their numbers of cCREs, into runs of neighbours that go through the model together."""
        batches: list[slice] = []
        first = 0
        for end in range(1, len(sizes) + 1):
            if end == len(sizes) or not self._fit(sizes[first : end + 1]):
                batches.append(slice(first, end))
                first = end
        return batches

    def for_less_memory(self) -> Self:
        """With batches of half the size."""
        return replace(self, scores=max(1, self.scores // 2), rows=max(1, self.rows // 2))

    def _fit(self, sizes: Sequence[int]) -> bool:
        longest = max(sizes)
        few = len(sizes) <= self.genes and len(sizes) * longest**2 <= self.scores
        return few and min(sizes) >= self.least_share * longest

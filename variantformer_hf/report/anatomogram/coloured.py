"""Which number each shape has, and what is said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..colour_scale import ColourScale
from ..html import number_text
from .drawings import BESIDE, drawings, place_of


@dataclass(frozen=True, slots=True)
class ShapeValue:
    """The number of a shape.

    Attributes:
        tissues: those of the table that are drawn as this shape, each with its number or NaN; maybe none.
    """

    tissues: tuple[tuple[str, float], ...]

    @property
    def value(self) -> float:
        """The mean of the tissues that have a number; NaN where none has."""
        known = [value for _, value in self.tissues if not np.isnan(value)]
        return float(np.mean(known)) if known else float("nan")

    def said(self, shape: str, label: str) -> str:
        """Tissue, number and unit in words; of several tissues how they share the shape."""
        if not self.tissues:
            return f"{shape.replace('_', ' ')}: not in the table"
        if len(self.tissues) == 1:
            ((tissue, value),) = self.tissues
            return f"{tissue}: {_number(value)}{'' if np.isnan(value) else f' {label}'}"
        parts = " and ".join(f"{tissue} ({_number(value)})" for tissue, value in self.tissues)
        mean = "no number" if np.isnan(self.value) else f"{number_text(self.value)} {label}"
        return f"{parts} share this shape, which has their mean: {mean}"


@dataclass(frozen=True)
class Anatomogram:
    """A gene's numbers in the drawings.

    Attributes:
        scale: of the colours, with unit and limits.
        shapes: shape -> its number, of all shapes.
        beside: tissues without a place in the drawings, with their numbers.
    """

    scale: ColourScale
    shapes: Mapping[str, ShapeValue]
    beside: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, values: Sequence[float] | np.ndarray, tissues: Sequence[str], label: str) -> "Anatomogram":
        """The numbers of tissues in the drawings.

        Args:
            values: (tissues,), NaN where there is no number.
            tissues: their names, as models or GTEx call them, or ontology ids.
            label: what the numbers are, with the unit.
        """
        pairs = [(name, float(value)) for name, value in zip(tissues, values, strict=True)]
        found: dict[str, list[tuple[str, float]]] = {}
        for name, value in pairs:
            found.setdefault(place_of(name), []).append((name, value))
        shapes = {shape for drawing in drawings() for shape in drawing.shapes}
        return cls(
            ColourScale.of([value for _, value in pairs], label),
            {shape: ShapeValue(tuple(found.get(shape, ()))) for shape in sorted(shapes)},
            tuple(found.get(BESIDE, ())),
        )

    @property
    def shared(self) -> str:
        """A sentence on tissues that share a shape; "" where none do."""
        several = [
            " and ".join(name for name, _ in each.tissues) for each in self.shapes.values() if len(each.tissues) > 1
        ]
        return f"Tissues that share a shape, which has their mean: {'; '.join(several)}." if several else ""

    @property
    def said(self) -> str:
        """The whole of it in words, for those who do not see it."""
        there = [pair for each in self.shapes.values() for pair in each.tissues if not np.isnan(pair[1])]
        if not there:
            return f"no tissue of the drawings has a number, {self.scale.label}"
        high, low = max(there, key=lambda pair: pair[1]), min(there, key=lambda pair: pair[1])
        return (
            f"{len(there)} tissues coloured by {self.scale.label}, highest in {high[0]} ({number_text(high[1])}), "
            f"lowest in {low[0]} ({number_text(low[1])})"
        )


def _number(value: float) -> str:
    return "no number" if np.isnan(value) else number_text(value)

"""Numbers as colours, the same in pages and in figures."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .html import number_text
from .svg import element, hatched, text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# Colours at even distances. From light to dark of one hue to the next, and of two hues from a light middle.
_SEQUENTIAL = ("#f4f0dc", "#b9d8b4", "#62b3a8", "#2b7f9c", "#25507f", "#22254f")
_DIVERGING = ("#174f93", "#6aa5d6", "#f2f1ee", "#ea9274", "#a6261f")
_BAR_WIDTH, _BAR_HEIGHT, _BAR_STEPS = 200.0, 10.0, 40


@dataclass(frozen=True, slots=True)
class ColourScale:
    """A colour of each number between two limits; what lies outside has that of the limit.

    Attributes:
        low, high: the limits; where they are the same, all numbers have the colour of the middle.
        label: what the numbers are, with their unit.
        is_diverging: of differences, 0 in the middle.
    """

    low: float
    high: float
    label: str
    is_diverging: bool = False

    @classmethod
    def of(cls, values: "ArrayLike", label: str, *, diverging: bool = False) -> "ColourScale":
        """The scale that just holds all numbers; of differences as far down as up. NaN do not count."""
        numbers = np.asarray(values, dtype=float)
        finite = numbers[np.isfinite(numbers)]
        if diverging:
            limit = float(np.abs(finite).max(initial=0.0))
            return cls(-limit, limit, label, is_diverging=True)
        return cls(float(finite.min()), float(finite.max()), label) if finite.size else cls(0.0, 0.0, label)

    def colour(self, value: float) -> str | None:
        """``#rrggbb``; None where there is no number."""
        if math.isnan(value):
            return None
        stops = _DIVERGING if self.is_diverging else _SEQUENTIAL
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        place = min(max(share, 0.0), 1.0) * (len(stops) - 1)
        first = min(int(place), len(stops) - 2)
        mixed = [
            round(a + (place - first) * (b - a))
            for a, b in zip(_rgb(stops[first]), _rgb(stops[first + 1]), strict=True)
        ]
        return "#{:02x}{:02x}{:02x}".format(*mixed)

    def fill(self, value: float, name: str) -> str:
        """The colour, or the hatch of the drawing of this name where there is no number."""
        return self.colour(value) or hatched(name)

    def bar(self, x: float, y: float, name: str) -> str:
        """The scale as a bar with its limits and unit, and what is hatched: 340 wide, 34 high."""
        step = _BAR_WIDTH / _BAR_STEPS
        steps = [
            element(
                "rect",
                x=x + number * step,
                y=y + 12,
                width=step + 0.5,
                height=_BAR_HEIGHT,
                fill=self.colour(self.low + (self.high - self.low) * (number + 0.5) / _BAR_STEPS),
            )
            for number in range(_BAR_STEPS)
        ]
        ticks = [(0.0, self.low, None), (_BAR_WIDTH, self.high, "end")]
        if self.is_diverging and self.high:
            ticks.append((_BAR_WIDTH / 2, 0.0, "middle"))
        beside = x + _BAR_WIDTH + 24
        return element(
            "g",
            "".join(
                [
                    text(x, y + 7, self.label),
                    *steps,
                    *(text(x + at, y + 33, number_text(value), anchor=anchor) for at, value, anchor in ticks),
                    element(
                        "rect", x=beside, y=y + 12, width=18, height=_BAR_HEIGHT, fill=hatched(name), class_="edge"
                    ),
                    text(beside + 24, y + 21, "no number"),
                ]
            ),
            class_="scale",
        )


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)

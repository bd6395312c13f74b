"""Bars of a gene's expression in each tissue for a page, with what it is held against."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .html import number_text
from .svg import drawing, element, hatched, text, titled

_ROW, _WIDTH, _LETTER, _TOP, _AFTER, _HATCHED = 15.0, 300.0, 6.2, 42.0, 52.0, 24.0
BAR, _FEWEST_TICKS = "#2b7f9c", 4


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where a number lies across the drawing."""

    left: float
    ticks: Sequence[float]

    def at(self, value: float) -> float:
        return self.left + (value - self.ticks[0]) * _WIDTH / (self.ticks[-1] - self.ticks[0])


@dataclass(frozen=True, slots=True)
class Against:
    """What the bars are held against.

    Attributes:
        values: (tissues,), NaN where there is no number.
        label: what they are.
    """

    values: np.ndarray
    label: str


def bars(
    values: np.ndarray, tissues: Sequence[str], label: str, *, name: str, said: str, against: Against | None = None
) -> str:
    """A drawing: a bar a tissue, the highest first and those without a number last; a line marks the other value.

    Args:
        values: (tissues,), NaN where there is no number.
        tissues: their names.
        label: of the axis, with the unit.
        name: of the drawing, see ``svg.drawing``.
        said: what it shows, for those who do not see it.
        against: the other values; None = none.
    """
    both = values if against is None else np.concatenate([values, against.values])
    finite = both[np.isfinite(both)]
    ticks = axis_ticks(min(0.0, float(finite.min(initial=0.0))), max(0.0, float(finite.max(initial=0.0))))
    axis = _Axis(max((len(each) for each in tissues), default=0) * _LETTER + 12, ticks)
    foot = _TOP + len(tissues) * _ROW
    parts = [text(axis.left, 10, label)]
    for tick in ticks:
        parts.append(element("path", d=f"M{axis.at(tick):.1f} {_TOP - 4:.1f}V{foot:.1f}", class_="grid"))
        parts.append(text(axis.at(tick), _TOP - 8, number_text(tick), anchor="middle"))
    if against is not None:
        parts.append(element("path", d=f"M{axis.left + 1:.1f} 14V25", class_="mark"))
        parts.append(text(axis.left + 7, 23, against.label))
    for row, tissue in enumerate(np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")):
        other = None if against is None else (float(against.values[tissue]), against.label)
        parts.append(_row(axis, _TOP + row * _ROW, (tissues[tissue], label), float(values[tissue]), other, name))
    parts.append(element("path", d=f"M{axis.at(0.0):.1f} {_TOP - 4:.1f}V{foot:.1f}", class_="axis"))
    return drawing(axis.left + _WIDTH + _AFTER, foot + 8, parts, name=name, said=said)


def axis_ticks(low: float, high: float) -> list[float]:
    """Round numbers at even distances, five to seven or so, that enclose both limits."""
    span = high - low or 1.0
    base = 10.0 ** np.floor(np.log10(span / _FEWEST_TICKS))
    step = next(base * each for each in (1, 2, 2.5, 5, 10) if span / (base * each) <= _FEWEST_TICKS + 1)
    first, last = int(np.floor(low / step + 1e-9)), int(np.ceil((low + span) / step - 1e-9))
    return [float(number * step) for number in range(first, last + 1)]


def _row(
    axis: _Axis, top: float, names: tuple[str, str], value: float, other: tuple[float, str] | None, name: str
) -> str:
    """The tissue's name, the bar and its number, or a hatched piece where there is none; the other's line."""
    tissue, label = names
    zero = axis.at(0.0)
    parts = [text(axis.left - 8, top + 11, tissue, anchor="end")]
    if np.isnan(value):
        said, end = f"{tissue}: no number", zero + _HATCHED
        parts.append(
            element("rect", x=zero, y=top + 2, width=_HATCHED, height=_ROW - 4, fill=hatched(name), class_="edge")
        )
        parts.append(text(end + 4, top + 11, "no number", soft=True))
    else:
        said, end = f"{tissue}: {number_text(value)} {label}", axis.at(value)
        parts.append(element("rect", x=min(zero, end), y=top + 2, width=abs(end - zero), height=_ROW - 4, fill=BAR))
        parts.append(text(max(zero, end) + 4, top + 11, number_text(value)))
    if other is not None and not np.isnan(other[0]):
        said += f"; {other[1]}: {number_text(other[0])}"
        parts.append(element("path", d=f"M{axis.at(other[0]):.1f} {top + 1:.1f}v{_ROW - 2:.1f}", class_="mark"))
    return element("g", "".join([titled(said), *parts]), class_="bar")

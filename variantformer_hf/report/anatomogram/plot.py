"""Anatomograms as figures."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..html import number_text
from ..plots import new_figure, plain, save_figure
from .coloured import Anatomogram
from .drawings import Drawing, drawings, outline

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINE, _BODY, _INCHES = "#8796a5", "#eef1f4", 100.0
_COLOURS = 128


def anatomogram_plot(found: Anatomogram, path: Path, *, title: str) -> Path:
    """Save an anatomogram: the drawings, the scale with unit and limits, and the list of what has no place.

    Args:
        found: the numbers.
        path: the image; its suffix chooses the type (.png, .pdf, .svg).
        title: shown above.

    Raises:
        InputError: matplotlib is not installed.
    """
    shown = drawings()
    widths = [each.width for each in shown]
    figure = new_figure((sum(widths) + 260) / _INCHES, max(each.height for each in shown) / _INCHES + 1.0)
    *panels, beside = figure.subplots(1, len(shown) + 1, width_ratios=[*widths, 260])
    for each, panel in zip(shown, panels, strict=True):
        _draw(each, found, panel)
    beside.set_axis_off()
    _list(found, beside)
    _colour_bar(found, panels)
    figure.suptitle(plain(title))
    return save_figure(figure, path)


def _draw(each: Drawing, found: Anatomogram, panel: "Axes") -> None:
    from matplotlib.patches import PathPatch

    panel.set_xlim(0, each.width)
    panel.set_ylim(each.height, 0)
    panel.set_aspect("equal")
    panel.set_axis_off()
    for fill, paths in ((_BODY, each.filled), ("none", each.outlines)):
        for path in paths:
            panel.add_patch(PathPatch(outline(path), facecolor=fill, edgecolor=_LINE, linewidth=0.8))
    for shape, path in each.shapes.items():
        colour = found.scale.colour(found.shapes[shape].value)
        panel.add_patch(
            PathPatch(
                outline(path),
                facecolor=colour or "white",
                edgecolor=_LINE,
                linewidth=0.6,
                hatch=None if colour else "//////",
                gid=shape,
            )
        )
    for path in each.lines:
        panel.add_patch(PathPatch(outline(path), fill=False, edgecolor=_LINE, linewidth=0.5))
    for x, y, said in each.labels:
        panel.text(x, y, said, ha="center", fontsize="small", color="dimgrey")


def _list(found: Anatomogram, panel: "Axes") -> None:
    """Cell lines, what the hatch is, and who shares a shape."""
    lines = [f"Not in a body, {found.scale.label}:", *(f"  {name}: {_said(value)}" for name, value in found.beside)]
    lines = [*(lines if found.beside else []), "", "Hatched: no number.", found.shared]
    panel.text(0.0, 1.0, "\n".join(plain(line) for line in lines), va="top", fontsize="small", wrap=True)


def _said(value: float) -> str:
    return "no number" if np.isnan(value) else number_text(value)


def _colour_bar(found: Anatomogram, panels: "list[Axes]") -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    low, high = found.scale.low, found.scale.high
    colours = [found.scale.colour(value) or "white" for value in np.linspace(low, high, _COLOURS)]
    limits = Normalize(low, high) if high > low else Normalize(low - 0.5, high + 0.5)
    bar = panels[0].figure.colorbar(
        ScalarMappable(limits, ListedColormap(colours)), ax=panels, orientation="horizontal", shrink=0.4, aspect=40
    )
    bar.set_label(plain(found.scale.label))
    bar.set_ticks(
        [low, high] if high > low else [low], labels=[number_text(each) for each in dict.fromkeys([low, high])]
    )

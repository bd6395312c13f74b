"""The drawings, which are the project's own, and the place of each tissue in them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from ...zoo.outputs import RELEASED_TISSUES, TissueNames

if TYPE_CHECKING:
    from matplotlib.path import Path as Outline

# In the place of a shape: a cell line or a culture, which has no place in a body.
BESIDE = "beside"
_STEP = re.compile(r"([MLCZ])([^MLCZ]*)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing; paths are in SVG's letters M, L, C and Z, with y downward.

    Attributes:
        name: of letters.
        title: what is drawn.
        width, height: its bounds, from (0, 0).
        filled: what lies below all: a body, a brain, circles with what is drawn larger.
        outlines: what is drawn below the shapes.
        shapes: name -> path, of parts that lie apart of several closed ones.
        lines: what is drawn over the shapes.
        labels: (x, y, text), the text's middle.
    """

    name: str
    title: str
    width: float
    height: float
    filled: tuple[str, ...]
    outlines: tuple[str, ...]
    shapes: Mapping[str, str]
    lines: tuple[str, ...]
    labels: tuple[tuple[float, float, str], ...]


@cache
def drawings() -> tuple[Drawing, ...]:
    """All drawings: female, male, brain."""
    read = json.loads(files(__package__).joinpath("drawings.json").read_text("utf-8"))
    return tuple(
        Drawing(
            name,
            said["title"],
            said["width"],
            said["height"],
            tuple(said["filled"]),
            tuple(said["outlines"]),
            said["shapes"],
            tuple(said["lines"]),
            tuple((x, y, text) for x, y, text in said["labels"]),
        )
        for name, said in read.items()
    )


@cache
def places() -> Mapping[int, str]:
    """Id of a tissue of the released models -> its shape, or ``beside``."""
    rows = files(__package__).joinpath("tissues.tsv").read_text("utf-8").splitlines()[1:]
    return {int(number): shape for number, _, shape in (row.split("\t") for row in rows)}


@cache
def _names() -> TissueNames:
    return TissueNames(RELEASED_TISSUES)


def place_of(tissue: str) -> str:
    """The shape of a tissue by any of its names; ``beside`` of one that has none, or is not known."""
    found, _ = _names().resolve([tissue], most_suggested=0)
    return places()[found[0].id] if found else BESIDE


def outline(path: str) -> "Outline":
    """A path for matplotlib."""
    from matplotlib.path import Path as Outline

    points: list[tuple[float, float]] = []
    codes: list[int] = []
    code_of = {"M": [Outline.MOVETO], "L": [Outline.LINETO], "C": [Outline.CURVE4] * 3, "Z": [Outline.CLOSEPOLY]}
    for letter, said in _STEP.findall(path):
        numbers = [float(each) for each in _NUMBER.findall(said)]
        points += list(zip(numbers[::2], numbers[1::2], strict=True)) or [points[-1]]
        codes += map(int, code_of[letter])
    return Outline(points, codes)

"""Elements of SVG as text, for drawings within a page; its style sheet gives ink, lines and fonts."""

from collections.abc import Iterable
from html import escape

HATCH = "missing"


def element(name: str, inner: str = "", **attributes: object) -> str:
    """An element; ``class_`` is its class, ``_`` in a name stands for ``-``, numbers have two decimals at most."""
    said = "".join(f' {_name(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{said}>{inner}</{name}>" if inner else f"<{name}{said}/>"


def text(
    x: float,
    y: float,
    said: str,
    *,
    anchor: str | None = None,
    soft: bool = False,
    turn: int = 0,
    size: int | None = None,
) -> str:
    """A text at a point: its start, or its ``middle`` or ``end``; ``turn`` degrees clockwise around it."""
    return element(
        "text",
        escape(said),
        x=x,
        y=y,
        text_anchor=anchor,
        font_size=size,
        class_="soft" if soft else None,
        transform=f"rotate({turn} {_value(x)} {_value(y)})" if turn else None,
    )


def titled(said: str) -> str:
    """What is said where the pointer is."""
    return f"<title>{escape(said)}</title>"


def drawing(width: float, height: float, inner: Iterable[str], *, name: str, said: str, zoom: float = 1.0) -> str:
    """A whole drawing.

    Args:
        width, height: in its own units.
        inner: elements.
        name: of letters, digits and hyphens; no other drawing of a page has it.
        said: what it shows, for those who do not see it.
        zoom: CSS pixels a unit.
    """
    hatch = element(
        "pattern",
        element("path", d="M-1 1l2-2M0 6l6-6M5 7l2-2", class_="hatch", stroke_width=1.2),
        id=f"{name}-{HATCH}",
        width=6,
        height=6,
        patternUnits="userSpaceOnUse",
    )
    return element(
        "svg",
        "".join([element("defs", hatch), *inner]),
        xmlns="http://www.w3.org/2000/svg",
        class_="drawn",
        role="img",
        aria_label=said,
        width=width * zoom,
        height=height * zoom,
        viewBox=f"0 0 {_value(width)} {_value(height)}",
    )


def hatched(name: str) -> str:
    """The fill of what is missing, in a drawing of this name."""
    return f"url(#{name}-{HATCH})"


def _name(key: str) -> str:
    return "class" if key == "class_" else key.replace("_", "-")


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return escape(str(value))

"""Anatomograms within a page, as SVG."""

from html import escape

from ..html import number_text
from ..svg import drawing, element, text, titled
from .coloured import Anatomogram
from .drawings import Drawing, drawings

_SCALE_WIDTH, _SCALE_HEIGHT = 340.0, 38.0
# CSS pixels a unit of the drawings.
_ZOOM = 0.68


def anatomogram_html(found: Anatomogram, *, name: str, title: str) -> str:
    """The drawings beside each other, the scale, the list of what has no place, and which tissues share a shape.

    Args:
        found: the numbers.
        name: of letters, digits and hyphens; no other anatomogram of the page has it.
        title: what it shows, plain text.
    """
    scale = drawing(
        _SCALE_WIDTH,
        _SCALE_HEIGHT,
        [found.scale.bar(0, 2, f"{name}-scale")],
        name=f"{name}-scale",
        said=f"Colours of {found.scale.label}, {number_text(found.scale.low)} to {number_text(found.scale.high)}",
    )
    drawn = "".join(_drawn(each, found, f"{name}-{each.name}", title) for each in drawings())
    beside = "".join(
        f"<li>{escape(tissue)}: {'no number' if value != value else number_text(value)}</li>"  # noqa: PLR0124 -- NaN
        for tissue, value in found.beside
    )
    listed = f"<div><p>Not in a body, {escape(found.scale.label)}:</p><ul>{beside}</ul></div>" if beside else ""
    caption = f"{title}. Hatched: no number. {found.shared}"
    return (
        f'<figure class="body">{scale}<div class="side">{drawn}{listed}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _drawn(each: Drawing, found: Anatomogram, name: str, title: str) -> str:
    parts = [element("path", d=path, class_="figure") for path in each.filled]
    parts += [element("path", d=path, class_="axis") for path in each.outlines]
    for shape, path in each.shapes.items():
        value = found.shapes[shape]
        parts.append(
            element(
                "path",
                titled(value.said(shape, found.scale.label)),
                d=path,
                class_="shape",
                data_shape=shape,
                fill=found.scale.fill(value.value, name),
            )
        )
    parts += [element("path", d=path, class_="fold") for path in each.lines]
    parts += [text(x, y, said, anchor="middle", soft=True, size=14) for x, y, said in each.labels]
    said = f"{title}: {each.title}; {found.said}"
    return drawing(each.width, each.height, parts, name=name, said=said, zoom=_ZOOM)

"""Reports as one file of HTML that asks nothing of the network: no font, no picture, no script from elsewhere.

A page is a title, what must be read first, and sections of paragraphs, tables and figures. Every name that comes from a
file is escaped. All of it is there without JavaScript; the page's own script (``page.js``) sorts, filters and says what
is under the pointer.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import whole_file

if TYPE_CHECKING:
    import pandas as pd

_ID = re.compile(r'(\bid="|url\(#|href="#)')


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title: plain text.
        parts: HTML, made by :func:`paragraph`, :func:`table`, :func:`figure` and the other functions here.
    """

    title: str
    parts: Sequence[str]


def paragraph(text: str, *, first: bool = False) -> str:
    """Plain text; ``first`` marks what must be read before all else."""
    return f"{'<p class=first>' if first else '<p>'}{escape(text)}</p>"


def heading(text: str) -> str:
    """A heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def warnings(texts: Sequence[str]) -> str:
    """Sentences that a reader must not miss."""
    return f'<ul class="warnings">{"".join(f"<li>{escape(text)}</li>" for text in texts)}</ul>'


def table(frame: "pd.DataFrame", caption: str, *, most_rows: int = 40, rows: bool = False) -> str:
    """A table, numbers to four digits; of a longer one the first rows, and how many there are.

    Args:
        frame: the table.
        caption: plain text.
        most_rows: that are shown.
        rows: its rows can be sorted and filtered, where JavaScript runs.
    """
    shown = frame.head(most_rows)
    numbers = [frame[name].dtype.kind in "iuf" for name in frame]
    classes = [' class="number"' if is_number else "" for is_number in numbers]
    head = "".join(f'<th scope="col"{of}>{escape(str(name))}</th>' for name, of in zip(frame, classes, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{of}>{_cell(value)}</td>" for value, of in zip(row, classes, strict=True)) + "</tr>"
        for row in shown.itertuples(index=False, name=None)
    )
    more = f" The first {most_rows:,} of {len(frame):,} rows." if len(frame) > most_rows else ""
    said = f"<caption><span>{escape(caption + more)}</span></caption>"
    kind = ' class="rows"' if rows else ""
    inner = f"<table{kind}>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return _scrolled(inner, caption)


def figure(svg: str | Path, caption: str) -> str:
    """A figure as it stands in an SVG, its inner names made its own, so that several share a page.

    It is as wide as the page at most; in a narrow window it keeps its own size, so that its text can be read, and is
    scrolled.
    """
    path = Path(svg)
    drawing = path.read_text(encoding="utf-8")
    drawing = _ID.sub(rf"\g<1>{re.sub('[^A-Za-z0-9]', '-', path.stem)}-", drawing[drawing.index("<svg") :])
    drawing = drawing.replace("<svg", f'<svg class="picture" role="img" aria-label="{escape(caption)}"', 1)
    return f"<figure>{_scrolled(drawing, caption)}<figcaption>{escape(caption)}</figcaption></figure>"


def drawing(svg: str, caption: str) -> str:
    """A figure that was drawn for a page, at its own size; a narrow window scrolls it."""
    return f"<figure>{_scrolled(svg, caption)}<figcaption>{escape(caption)}</figcaption></figure>"


def side_by_side(parts: Sequence[str]) -> str:
    """Parts beside each other, as far as the window is wide enough."""
    return f'<div class="side">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def write_page(
    path: Path, title: str, first: Sequence[str], sections: Sequence[Section], *, scripted: bool = False
) -> Path:
    """Write a page.

    Args:
        path: the file.
        title: plain text.
        first: HTML before the list of sections.
        sections: in their order.
        scripted: the page has the script that sorts, filters and says what is under the pointer.
    """
    links = "".join(
        f'<li><a href="#section-{number}">{escape(section.title)}</a></li>' for number, section in enumerate(sections)
    )
    bodies = "\n".join(
        f'<section id="section-{number}"><h2>{escape(section.title)}</h2>\n{"".join(section.parts)}</section>'
        for number, section in enumerate(sections)
    )
    style, script = (files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    allowed, script = (f"; script-src '{_digest(script)}'", f"<script>{script}</script>") if scripted else ("", "")
    with whole_file(path) as partial:
        partial.write_text(
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            f'img-src data:{allowed}">\n<title>{escape(title)}</title>\n'
            f"<style>{style}</style></head>\n<body><main><h1>{escape(title)}</h1>\n{''.join(first)}\n"
            f'<nav aria-label="sections"><ul>{links}</ul></nav>\n{bodies}\n</main>\n{script}</body></html>\n',
            encoding="utf-8",
        )
    return path


def number_text(value: float) -> str:
    """A number to four digits; "" where there is none."""
    return "" if value != value else f"{value:.4g}"  # noqa: PLR0124 -- NaN


def _scrolled(inner: str, name: str) -> str:
    """What may be wider than the window; the keyboard reaches it."""
    return f'<div class="wide" role="region" tabindex="0" aria-label="{escape(name)}">{inner}</div>'


def _digest(script: str) -> str:
    """By which a page allows its own script, and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escape(str(value))

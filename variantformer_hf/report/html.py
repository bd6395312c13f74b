"""Reports as one file of HTML that asks nothing of the network: no script, no font, no picture from elsewhere.

A page is a title, what must be read first, and sections of paragraphs, tables and figures. Every name that comes from a
file is escaped.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..files import whole_file

if TYPE_CHECKING:
    import pandas as pd

_STYLE = """
:root { --ink: #1c2733; --soft: #5b6b7b; --line: #dfe5eb; --back: #f6f8fa; --mark: #1f6feb; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 68rem; color: var(--ink); background: #fff;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line); }
p { max-width: 46rem; margin: .5rem 0 1rem; }
.first { border-left: 4px solid var(--mark); background: var(--back); padding: .7rem 1rem; max-width: none; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
a { color: var(--mark); text-decoration: none; } a:hover { text-decoration: underline; }
figure { margin: 1.2rem 0; } figure svg { max-width: 100%; height: auto; }
figcaption, caption { color: var(--soft); font-size: .88rem; text-align: left; }
caption { padding-bottom: .4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; margin: .8rem 0 1.4rem; }
th, td { padding: .28rem .8rem .28rem 0; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; } td.number, th.number { text-align: right; }
@media print { body { max-width: none; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""
_ID = re.compile(r'(\bid="|url\(#|href="#)')


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        title: plain text.
        parts: HTML, made by :func:`paragraph`, :func:`table` and :func:`figure`.
    """

    title: str
    parts: Sequence[str]


def paragraph(text: str, *, first: bool = False) -> str:
    """Plain text; ``first`` marks what must be read before all else."""
    return f"{'<p class=first>' if first else '<p>'}{escape(text)}</p>"


def table(frame: "pd.DataFrame", caption: str, *, most_rows: int = 40) -> str:
    """A table, numbers to four digits; of a longer one the first rows, and how many there are."""
    shown = frame.head(most_rows)
    numbers = [frame[name].dtype.kind in "iuf" for name in frame]
    classes = [' class="number"' if is_number else "" for is_number in numbers]
    head = "".join(f"<th{of}>{escape(str(name))}</th>" for name, of in zip(frame, classes, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{of}>{_cell(value)}</td>" for value, of in zip(row, classes, strict=True)) + "</tr>"
        for row in shown.itertuples(index=False, name=None)
    )
    more = f" The first {most_rows:,} of {len(frame):,} rows." if len(frame) > most_rows else ""
    said = f"<caption>{escape(caption + more)}</caption>"
    return f'<div class="wide"><table>{said}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def figure(svg: str | Path, caption: str) -> str:
    """A figure as it stands in an SVG, its inner names made its own, so that several share a page."""
    path = Path(svg)
    drawing = path.read_text(encoding="utf-8")
    drawing = _ID.sub(rf"\g<1>{re.sub('[^A-Za-z0-9]', '-', path.stem)}-", drawing[drawing.index("<svg") :])
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def write_page(path: Path, title: str, first: Sequence[str], sections: Sequence[Section]) -> Path:
    """Write a page.

    Args:
        path: the file.
        title: plain text.
        first: HTML before the list of sections.
        sections: in their order.
    """
    links = "".join(
        f'<li><a href="#section-{number}">{escape(section.title)}</a></li>' for number, section in enumerate(sections)
    )
    bodies = "\n".join(
        f'<section id="section-{number}"><h2>{escape(section.title)}</h2>\n{"".join(section.parts)}</section>'
        for number, section in enumerate(sections)
    )
    with whole_file(path) as partial:
        partial.write_text(
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            f'img-src data:">\n<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n'
            f"<body><h1>{escape(title)}</h1>\n{''.join(first)}\n<nav><ul>{links}</ul></nav>\n{bodies}\n</body></html>\n",
            encoding="utf-8",
        )
    return path


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.4g}"  # noqa: PLR0124 -- NaN
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escape(str(value))

"""Where a gene's cCREs lie along the genome, and how much each tissue attends to them, as a drawing for a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.attention import GeneAttention, Pair
from .attention_plots import CRE_COLOURS
from .bars import axis_ticks
from .html import number_text
from .svg import drawing, element, text, titled

if TYPE_CHECKING:
    import pandas as pd

_LEFT, _WIDTH, _PANEL, _GAP, _TOP, _FOOT = 64.0, 640.0, 70.0, 34.0, 74.0, 44.0
_LEGEND, _LETTER = 24.0, 6.4
_PAIR = Pair()


@dataclass(frozen=True, slots=True)
class _Along:
    """Where a position lies across the drawing."""

    low: int
    high: int

    def at(self, position: float) -> float:
        return _LEFT + (position - self.low) / (self.high - self.low) * _WIDTH


def enhancer_map(found: GeneAttention, tissues: Sequence[int], *, name: str, said: str) -> str:
    """A drawing: the gene, its window and TSS, and below a panel a tissue, a line a cCRE as high as its weight.

    Weights are means over layers and heads. A cCRE that the person lacks has no line.

    Args:
        found: of one gene, with weights.
        tissues: places of the tissues that are drawn.
        name: of the drawing, see ``svg.drawing``.
        said: what it shows, for those who do not see it.
    """
    regions, gene = found.regions, found.regions.gene
    starts, ends = regions.cres_without_flanks()
    window = regions.window
    along = _Along(
        min([gene.start, window.start, *starts.tolist()]), max([gene.end, window.end, *ends.tolist(), window.start + 1])
    )
    classes = [_class_of(each) for each in found.cre_classes]
    parts = [*_legend(classes), *_gene(found, along)]
    for row, tissue in enumerate(tissues):
        parts += _panel(found, tissue, classes, along, _TOP + row * (_PANEL + _GAP))
    foot = _TOP + len(tissues) * (_PANEL + _GAP) - _GAP + 6
    ticks = [tick for tick in axis_ticks(along.low / 1e6, along.high / 1e6) if along.low <= tick * 1e6 <= along.high]
    for tick in ticks:
        parts.append(element("path", d=f"M{along.at(tick * 1e6):.1f} {foot:.1f}v5", class_="axis"))
        parts.append(text(along.at(tick * 1e6), foot + 16, f"{tick:,.6g}", anchor="middle"))
    parts.append(element("path", d=f"M{_LEFT:.1f} {foot:.1f}h{_WIDTH:.1f}", class_="axis"))
    parts.append(text(_LEFT + _WIDTH / 2, foot + 32, f"position on {window.chrom} (Mb)", anchor="middle"))
    return drawing(_LEFT + _WIDTH + 16, foot + _FOOT, parts, name=name, said=said)


def strongest_cres(found: GeneAttention, tissues: Sequence[int], n: int) -> "pd.DataFrame":
    """The cCREs with the largest weights, a column of weights a tissue: cCRE, class, place (1-based) and weights.

    Args:
        found: of one gene.
        tissues: places of its tissues.
        n: rows at most.
    """
    import pandas as pd

    weights = np.stack([found.of_pair(tissue, _PAIR) for tissue in tissues])  # (tissues, cCREs)
    starts, ends = found.regions.cres_without_flanks()
    first = np.argsort(-np.nan_to_num(weights, nan=-1.0).max(axis=0), kind="stable")[:n]
    chrom = found.regions.window.chrom
    columns: dict[str, object] = {
        "cCRE": [found.cre_ids[each] for each in first],
        "class": [found.cre_classes[each] or "element" for each in first],
        "place": [f"{chrom}:{starts[each] + 1:,}-{ends[each]:,}" for each in first],
    }
    columns.update({found.tissues[tissue]: row[first] for tissue, row in zip(tissues, weights, strict=True)})
    return pd.DataFrame(columns)


def _class_of(name: str | None) -> str:
    return (name or "element").partition(",")[0]


def _legend(classes: Sequence[str]) -> list[str]:
    parts, left = [], _LEFT
    for name, colour in CRE_COLOURS.items():
        if n := classes.count(name):
            said = f"{name} ({n})"
            parts.append(element("rect", x=left, y=4, width=9, height=9, fill=colour, class_="edge"))
            parts.append(text(left + 13, 12, said))
            left += _LEGEND + len(said) * _LETTER
    return parts


def _gene(found: GeneAttention, along: _Along) -> list[str]:
    gene, window = found.regions.gene, found.regions.window
    first, last = along.at(window.start), along.at(window.end)
    arrow = "←" if gene.strand == "-" else "→"
    return [
        element(
            "rect",
            titled(f"window of {gene.gene_name}: {window.chrom}:{window.start + 1:,}-{window.end:,}"),
            x=first,
            y=40,
            width=max(2.0, last - first),
            height=7,
            fill="#2b7f9c",
        ),
        text(min(first, _LEFT + _WIDTH - 90), 34, f"{gene.gene_name} {arrow}"),
        element("path", d=f"M{_LEFT:.1f} 43.5h{_WIDTH:.1f}", class_="grid"),
    ]


def _panel(found: GeneAttention, tissue: int, classes: Sequence[str], along: _Along, top: float) -> list[str]:
    weights = found.of_pair(tissue, _PAIR)
    starts, ends = found.regions.cres_without_flanks()
    most = float(np.nanmax(weights, initial=0.0)) or 1.0
    foot = top + _PANEL
    parts = [
        text(_LEFT, top - 8, f"{found.tissues[tissue]}, attention weight"),
        element("path", d=f"M{_LEFT:.1f} {top:.1f}V{foot:.1f}h{_WIDTH:.1f}", class_="axis"),
        text(_LEFT - 6, top + 8, number_text(most), anchor="end"),
        text(_LEFT - 6, foot, "0", anchor="end"),
    ]
    chrom = found.regions.window.chrom
    for each in np.flatnonzero(np.isfinite(weights)).tolist():
        place = f"{chrom}:{starts[each] + 1:,}-{ends[each]:,}"
        said = f"{found.cre_ids[each]}, {classes[each]}, {place}: {number_text(float(weights[each]))}"
        height = float(weights[each]) / most * _PANEL
        parts.append(
            element(
                "rect",
                titled(said),
                x=along.at((starts[each] + ends[each]) / 2) - 1,
                y=foot - height,
                width=2,
                height=height,
                fill=CRE_COLOURS[classes[each]],
                class_="cre",
            )
        )
    return parts

"""A heatmap of genes x tissues for a page, both in the order of a clustering, whose trees are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .colour_scale import ColourScale
from .html import number_text
from .svg import drawing, element, text, titled

# Of a cell, in CSS pixels: as small as for many, as large as for few.
_SMALLEST, _WIDEST, _HIGHEST, _WHOLE_WIDTH, _WHOLE_HEIGHT = 11.0, 32.0, 20.0, 690.0, 400.0
_TREE, _LETTER, _MARGIN, _SCALE = 46.0, 5.4, 8.0, 44.0
# Tissues' names are turned, so that they are read from below.
_TURN = -60


@dataclass(frozen=True, slots=True)
class Clustering:
    """An order in which what is alike lies side by side.

    Attributes:
        order: (n,) places of the items; those without any number come last, as they came.
        tree: (m, 4, 2) of each join four corners: the position in ``order``, and the height as a share of the tallest.
    """

    order: np.ndarray
    tree: np.ndarray


def clustering(matrix: np.ndarray) -> Clustering:
    """Cluster the rows of a matrix by average linkage of their Euclidean distances.

    A number that is missing counts as the mean of its column; a row without any is not clustered.

    Args:
        matrix: (n, k), NaN where there is no number.
    """
    from scipy.cluster.hierarchy import dendrogram, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import pdist

    known = np.isfinite(matrix)
    there, without = np.flatnonzero(known.any(axis=1)), np.flatnonzero(~known.any(axis=1))
    if len(there) < 2:
        return Clustering(np.concatenate([there, without]), np.empty((0, 4, 2)))
    part = matrix[there][:, known.any(axis=0)]
    filled = np.where(np.isfinite(part), part, np.nanmean(part, axis=0))
    distances = pdist(filled)
    joins = optimal_leaf_ordering(linkage(distances, "average"), distances)
    found = dendrogram(joins, no_plot=True)
    # scipy places leaves at 5, 15, 25 ...
    across, up = (np.asarray(found[name]) for name in ("icoord", "dcoord"))
    tree = np.stack([(across - 5) / 10, up / (up.max() or 1.0)], axis=2)
    return Clustering(np.concatenate([there[found["leaves"]], without]), tree)


def heatmap(
    matrix: np.ndarray, genes: Sequence[str], tissues: Sequence[str], scale: ColourScale, *, name: str, said: str
) -> str:
    """A drawing: a cell a gene and tissue, which says both and its number under the pointer.

    Args:
        matrix: (genes, tissues), NaN where there is no number.
        genes, tissues: their names.
        scale: of the colours, with the unit.
        name: of the drawing, see ``svg.drawing``.
        said: what it shows, for those who do not see it.
    """
    rows, columns = clustering(matrix), clustering(matrix.T)
    left, top = _MARGIN + _TREE + 18, _SCALE + _TREE
    wide = min(max(_WHOLE_WIDTH / max(len(tissues), 1), _SMALLEST), _WIDEST)
    high = min(max(_WHOLE_HEIGHT / max(len(genes), 1), _SMALLEST), _HIGHEST)
    width, height = len(tissues) * wide, len(genes) * high
    of_genes = max((len(each) for each in genes), default=0) * _LETTER
    slope = np.deg2rad(-_TURN)
    longest = max((len(each) for each in tissues), default=0) * _LETTER
    below = longest * float(np.sin(slope)) + 26
    # A turned name ends under its own column, and begins as far to the left as it is long.
    left = max(left, longest * float(np.cos(slope)) + _MARGIN)
    parts = [scale.bar(left, 2, name), *_trees(rows, columns, (left, top), (wide, high))]
    for place, gene in enumerate(rows.order):
        cells = "".join(
            element(
                "rect",
                titled(f"{genes[gene]}, {tissues[tissue]}: {_said(matrix[gene, tissue], scale)}"),
                x=left + column * wide,
                y=top + place * high,
                width=wide,
                height=high,
                fill=scale.fill(matrix[gene, tissue], name),
            )
            for column, tissue in enumerate(columns.order)
        )
        label = text(left + width + 5, top + (place + 0.5) * high + 3.5, genes[gene])
        parts.append(element("g", cells + label, class_="row"))
    foot = top + height
    parts += [
        text(left + (column + 0.5) * wide + 4, foot + 9, tissues[tissue], anchor="end", turn=_TURN)
        for column, tissue in enumerate(columns.order)
    ]
    parts.append(text(left + width / 2, foot + below, "tissue", anchor="middle", soft=True))
    beside = left + width + of_genes + 16
    parts.append(text(beside, top + height / 2, "gene", anchor="middle", soft=True, turn=90))
    whole = max(beside + 12, left + 320)
    return drawing(whole, foot + below + 8, parts, name=name, said=said)


def _trees(rows: Clustering, columns: Clustering, corner: tuple[float, float], cell: tuple[float, float]) -> list[str]:
    """Both trees: that of the genes left of the cells, that of the tissues above them."""
    (left, top), (wide, high) = corner, cell
    of_rows, of_columns = [], []
    for join in rows.tree:
        corners = [(left - 3 - _TREE * up, top + (place + 0.5) * high) for place, up in join]
        of_rows.append(_line(corners))
    for join in columns.tree:
        corners = [(left + (place + 0.5) * wide, top - 3 - (_TREE - 10) * up) for place, up in join]
        of_columns.append(_line(corners))
    return [element("path", d="".join(each), class_="axis") for each in (of_rows, of_columns) if each]


def _line(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)


def _said(value: float, scale: ColourScale) -> str:
    return "no number" if np.isnan(value) else f"{number_text(float(value))} {scale.label}"

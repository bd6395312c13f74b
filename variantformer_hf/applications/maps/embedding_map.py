"""A map of embeddings: all points together, and each tissue's by themselves (the paper's 3.5.2 and 6.4.2)."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from .clusters import agreement, leiden_clusters, silhouettes
from .coordinates import nearest_points, principal_components, umap_coordinates
from .map_columns import missing_column
from .points import EmbeddingPoints

if TYPE_CHECKING:
    import pandas as pd

JOINT = "joint"
# Before the names of coordinates and clusters that are a tissue's own.
OF_TISSUE = "tissue_"


@dataclass(frozen=True, slots=True)
class MapOptions:
    """How a map is made.

    Attributes:
        umap: whether UMAP is made of the principal components.
        labels: column of the points with groups that are known; None = no clusters are made.
        resolution: of the clusters.
        seed: of the SVD, UMAP, Leiden and of draws.
    """

    umap: bool = True
    labels: str | None = None
    resolution: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingMap:
    """A map.

    Attributes:
        table: the points' table, with pc1, pc2 ..., umap1, umap2, cluster; with ``tissue_`` before them those of each
            tissue's own map, where there are several tissues. NaN where a tissue has no map.
        scores: a row a number: map (``joint`` or a tissue), of (the column that has the groups), group (``all``, or
            one), measure (silhouette, nmi, ari, mean of the three), value, points, clusters.
        maps: map -> points, components, explained (share of the variance, of all components and of the first two);
            or why there is none.
    """

    table: "pd.DataFrame"
    scores: "pd.DataFrame"
    maps: dict[str, dict[str, Any]]

    def names(self, kind: str) -> list[str]:
        """Columns of ``pc``, ``umap``, ``tissue_pc`` or ``tissue_umap``, in their order; none where it was not made."""
        numbered = (f"{kind}{number}" for number in itertools.count(1))
        return list(itertools.takewhile(self.table.columns.__contains__, numbered))


@dataclass(slots=True)
class _Columns:
    """Columns that are filled map by map."""

    n_points: int
    values: dict[str, np.ndarray] = field(default_factory=dict)

    def put(self, name: str, rows: np.ndarray, found: np.ndarray) -> None:
        column = self.values.setdefault(name, np.full(self.n_points, np.nan, dtype=np.float32))
        column[rows] = found


def embedding_map(
    points: EmbeddingPoints,
    table: "pd.DataFrame",
    options: MapOptions = MapOptions(),
    on_map: Callable[[int, int], None] = lambda done, total: None,
) -> EmbeddingMap:
    """Map points.

    Each map has its own principal components: the first 50, UMAP of them, and, with labels, clusters over the graph of
    its nearest points in them. Silhouettes are taken in these components as well, of tissues in the joint map and of
    labels in each.

    Args:
        points: the points.
        table: theirs, maybe with more columns, of which one may have the labels.
        options: how.
        on_map: called with the number of maps that are done, and of all.

    Raises:
        InputError: too few points, or labels that are none; umap-learn or igraph is not installed.
    """
    import pandas as pd

    tissues = table["tissue"].to_numpy(dtype=object)
    names = list(dict.fromkeys(tissues))
    labels = None if options.labels is None else label_groups(table, options.labels)
    places = {JOINT: np.arange(len(table))}
    if len(names) > 1:
        places |= {name: np.flatnonzero(tissues == name) for name in names}
    columns = _Columns(len(table))
    scores: list[dict[str, Any]] = []
    maps: dict[str, dict[str, Any]] = {}
    for number, (name, rows) in enumerate(places.items()):
        on_map(number, len(places))
        before = "" if name == JOINT else OF_TISSUE
        try:
            components = principal_components(points.vectors[rows], options.seed)
        except InputError as error:
            if name == JOINT:
                raise
            maps[name] = {"points": len(rows), "no_map": error.problem}
            continue
        found = components.coordinates
        for place in range(found.shape[1]):
            columns.put(f"{before}pc{place + 1}", rows, found[:, place])
        nearest = nearest_points(found)
        if options.umap:
            for place, values in enumerate(umap_coordinates(found, nearest, options.seed).T):
                columns.put(f"{before}umap{place + 1}", rows, values)
        maps[name] = {
            "points": len(rows),
            "components": found.shape[1],
            "explained": min(1.0, float(components.explained.sum())),
            "explained_by_two": min(1.0, float(components.explained[:2].sum())),
        }
        if name == JOINT and len(names) > 1 and options.labels != "tissue":  # else they are among those of labels
            scores += _silhouette_rows(name, "tissue", found, tissues, options.seed)
        if labels is not None:
            clusters = leiden_clusters(nearest, options.resolution, options.seed)
            columns.put(f"{before}cluster", rows, clusters)
            scores += _label_rows(name, options, found, clusters, labels[rows])
    on_map(len(places), len(places))
    made = pd.DataFrame(columns.values)
    for name in made.columns[made.columns.str.endswith("cluster")]:
        made[name] = made[name].astype("Int32")
    order = ["map", "of", "group", "measure", "value", "points", "clusters"]
    scored = pd.DataFrame(scores, columns=order).astype({"points": "Int64", "clusters": "Int64"})
    return EmbeddingMap(pd.concat([table, made], axis=1), scored, maps)


def package_versions(options: MapOptions) -> dict[str, str]:
    """Versions of the packages that made the numbers of a map."""
    from importlib.metadata import version

    names = ["numpy", "scikit-learn"]
    names += ["umap-learn", "numba"] if options.umap else []
    names += ["igraph"] if options.labels is not None else []
    return {name: version(name) for name in names}


def label_groups(table: "pd.DataFrame", column: str) -> np.ndarray:
    """(points,) the groups of a column as text, None where there is none.

    Raises:
        InputError: there are not two groups, or each point is one.
    """
    if column not in table:
        raise missing_column(column, table)
    values = table[column]
    found = values.astype(object).where(values.notna(), None)
    groups = np.array([None if value is None else str(value) for value in found], dtype=object)
    labelled = groups[groups != None]  # noqa: E711 -- of each
    n_groups = len(set(labelled))
    if not 2 <= n_groups < max(2, len(labelled)):
        raise InputError(
            f"the column {column} has {n_groups:,} groups of {len(labelled):,} points that have one",
            remedy="Labels need two groups or more, of several points.",
        )
    return groups


def _silhouette_rows(
    name: str, of: str, coordinates: np.ndarray, groups: np.ndarray, seed: int
) -> Iterator[dict[str, Any]]:
    found = silhouettes(coordinates, groups.astype(str), seed)
    if found is None:
        return
    about = {"map": name, "of": of, "measure": "silhouette"}
    yield {**about, "group": "all", "value": found.mean, "points": sum(found.points.values())}
    for group, mean in found.of_groups.items():
        yield {**about, "group": group, "value": mean, "points": found.points[group]}


def _label_rows(
    name: str, options: MapOptions, coordinates: np.ndarray, clusters: np.ndarray, labels: np.ndarray
) -> Iterator[dict[str, Any]]:
    has_label = labels != None  # noqa: E711 -- of each
    labelled = labels[has_label].astype(str)
    of = str(options.labels)
    if len(set(labelled)) < 2:
        return
    widths = list(_silhouette_rows(name, of, coordinates[has_label], labelled, options.seed))
    yield from widths
    about = {
        "map": name,
        "of": of,
        "group": "all",
        "points": len(labelled),
        "clusters": len(np.unique(clusters[has_label])),
    }
    values = agreement(clusters[has_label], labelled)
    if widths:
        values["mean"] = (widths[0]["value"] + values["nmi"] + values["ari"]) / 3
    for measure, value in values.items():
        yield {**about, "measure": measure, "value": value}

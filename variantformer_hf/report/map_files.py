"""Maps of embeddings as files: figures, and AnnData with the coordinates in ``obsm``."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..applications.maps.embedding_map import OF_TISSUE, EmbeddingMap
from ..applications.maps.map_columns import CLUSTER
from ..applications.maps.points import EmbeddingPoints
from ..files import whole_file
from .plots import new_figure, save_figure
from .tables import annotated_data_module

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Groups that have a colour of their own; the others share one.
_MOST_COLOURS = 20
_MOST_COLUMNS = 8
_CLUSTERS = (CLUSTER, f"{OF_TISSUE}{CLUSTER}")
# Panels of different colours beside each other.
_COLOURS_A_ROW = 3
# Coordinates of a map -> their key in ``obsm``, as scanpy calls them.
_KEYS = {"pc": "X_pca", "umap": "X_umap", f"{OF_TISSUE}pc": "X_pca_tissue", f"{OF_TISSUE}umap": "X_umap_tissue"}


def joint_map_plot(found: EmbeddingMap, colours: Mapping[str, str], path: Path, *, title: str) -> Path:
    """Save the joint map, a panel a column that it is coloured by.

    Args:
        found: the map.
        colours: column of its table -> what it is called, with its unit.
        path: the image; its suffix chooses the type.
        title: shown above.

    Raises:
        InputError: matplotlib is not installed.
    """
    columns = min(_COLOURS_A_ROW, len(colours))
    figure, panels = _panels(len(colours), columns, 6.2, 4.6)
    everywhere = np.arange(len(found.table))
    for panel, (column, label) in zip(panels, colours.items(), strict=True):
        _draw(panel, found, "", everywhere, column, label)
        panel.set_title(f"{label}, n = {len(found.table):,}", fontsize="medium")
    figure.suptitle(title)
    return save_figure(figure, path)


def tissue_maps_plot(found: EmbeddingMap, column: str, label: str, path: Path, *, title: str) -> Path:
    """Save the tissues' own maps, a panel each.

    Args:
        found: a map of several tissues, of which one or more have their own.
        column: of its table, that the points are coloured by.
        label: what it is called, with its unit.
        path, title: as for :func:`joint_map_plot`.

    Raises:
        InputError: matplotlib is not installed.
    """
    if column == CLUSTER:
        column = f"{OF_TISSUE}{CLUSTER}"
    tissues = list(dict.fromkeys(found.table["tissue"]))
    columns = min(_MOST_COLUMNS, len(tissues), max(2, int(np.ceil(np.sqrt(len(tissues))))))
    figure, panels = _panels(len(tissues), columns, 4.8, 3.8)
    for number, (panel, tissue) in enumerate(zip(panels, tissues, strict=True)):
        places = np.flatnonzero(found.table["tissue"] == tissue)
        _draw(panel, found, OF_TISSUE, places, column, label, has_legend=number == len(tissues) - 1)
        panel.set_title(f"{tissue}, n = {len(places):,}", fontsize="small")
    figure.suptitle(f"{title}, each tissue by itself, by {label}")
    return save_figure(figure, path)


def write_map_data(
    found: EmbeddingMap, points: EmbeddingPoints, path: Path, metadata: Mapping[str, Any], report: Mapping[str, Any]
) -> Path:
    """Write AnnData: an observation a point, a variable a number of its embedding, coordinates in ``obsm``.

    Args:
        found: the map.
        points: its points.
        path: the output.
        metadata, report: kept in ``uns``, as JSON.

    Raises:
        InputError: anndata is not installed.
        OutputError: it cannot be written.
    """
    import pandas as pd

    observations = found.table.drop(columns=[name for kind in _KEYS for name in found.names(kind)])
    for name in observations.columns:
        column = observations[name]
        if isinstance(column.dtype, pd.Int32Dtype):
            observations[name] = column.astype(np.float32)
        elif not pd.api.types.is_numeric_dtype(column):  # AnnData writes no Arrow text, and none that is missing
            observations[name] = pd.Series(_texts(column), dtype=object).astype("category")
    observations.index = pd.Index(
        ["|".join(row) for row in found.table[["sample", "gene_id", "tissue"]].to_numpy()], dtype=object
    )
    coordinates = {key: found.table[found.names(kind)].to_numpy() for kind, key in _KEYS.items()}
    data = annotated_data_module().AnnData(
        X=points.vectors,
        obs=observations,
        var=pd.DataFrame(index=pd.Index([str(number) for number in range(points.vectors.shape[1])], dtype=object)),
        obsm={key: values for key, values in coordinates.items() if values.shape[1]},
        uns={"variantformer": json.dumps(metadata), "map": json.dumps(report)},
    )
    with whole_file(path) as partial:
        data.write_h5ad(partial)
    return path


def _panels(count: int, columns: int, width: float, height: float) -> tuple["Figure", list["Axes"]]:
    """A figure of so many panels, each of a size in inches."""
    rows = -(-count // columns)
    figure = new_figure(width * columns, height * rows + 0.4)
    panels = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for panel in panels[count:]:
        panel.set_axis_off()
    return figure, panels[:count]


def _draw(
    panel: "Axes",
    found: EmbeddingMap,
    before: str,
    places: np.ndarray,
    column: str,
    label: str,
    *,
    has_legend: bool = True,
) -> None:
    """Draw some points of a map over its first two coordinates."""
    import pandas as pd

    kind = "umap" if f"{before}umap1" in found.table else "pc"
    name = {"umap": "UMAP", "pc": "principal component"}[kind]
    x, y = (found.table[f"{before}{kind}{number}"].to_numpy()[places] for number in (1, 2))
    values = found.table[column]
    size = float(np.clip(4_000 / max(1, len(places)), 0.5, 25))
    # An image in a vector file: tens of thousands of marks open slowly.
    style: dict[str, Any] = {"s": size, "linewidths": 0, "rasterized": True}
    if pd.api.types.is_numeric_dtype(values) and column not in _CLUSTERS:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        known = numbers[np.isfinite(numbers)]
        here = numbers[places]
        panel.scatter(x[np.isnan(here)], y[np.isnan(here)], color="lightgrey", **style)
        least, most = (known.min(), known.max()) if len(known) else (0, 1)
        drawn = panel.scatter(x, y, c=here, cmap="viridis", vmin=least, vmax=most, **style)
        if has_legend:
            panel.figure.colorbar(drawn, ax=panel, label=label)
    else:
        _draw_groups(panel, x, y, _texts(values), places, style)
        if has_legend:
            panel.legend(
                fontsize="x-small",
                frameon=False,
                loc="center left",
                bbox_to_anchor=(1.0, 0.5),
                markerscale=5 / style["s"] ** 0.5,
            )
    panel.set_xlabel(f"{name} 1")
    panel.set_ylabel(f"{name} 2")


def _draw_groups(
    panel: "Axes", x: np.ndarray, y: np.ndarray, text: np.ndarray, places: np.ndarray, style: Mapping[str, Any]
) -> None:
    """Each group in its colour, the largest of the whole table first; the rest in grey below."""
    from matplotlib import colormaps

    counts = Counter(each for each in text if each is not None)
    shown = sorted(counts, key=lambda name: (-counts[name], name))[:_MOST_COLOURS]
    here = text[places]
    is_shown = np.isin(here.astype(str), shown) & np.array([each is not None for each in here])
    palette = colormaps["tab10" if len(shown) <= 10 else "tab20"]
    n_others = len(text) - sum(counts[name] for name in shown)
    if n_others:
        panel.scatter(x[~is_shown], y[~is_shown], color="lightgrey", label=f"other or none ({n_others:,})", **style)
    for number, name in enumerate(shown):
        panel.scatter(
            x[here == name], y[here == name], color=palette(number), label=f"{name} ({counts[name]:,})", **style
        )


def _texts(values: "pd.Series") -> np.ndarray:
    """(n,) text, None where it is missing."""
    return np.array(
        [None if is_none else str(value) for value, is_none in zip(values, values.isna(), strict=True)], dtype=object
    )

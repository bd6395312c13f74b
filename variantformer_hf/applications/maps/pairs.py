"""Distances of embeddings: each gene's nearest genes, and one person's from another's."""

from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from .coordinates import nearest_points
from .points import EmbeddingPoints

if TYPE_CHECKING:
    import pandas as pd

_MOST_AT_ONCE = 4_096


def distances(
    left: np.ndarray, right: np.ndarray, of_left: np.ndarray, of_right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Euclidean and cosine distance (1 - cosine) of pairs of vectors, both (pairs,) float64.

    Args:
        left, right: (n, width) and (m, width).
        of_left, of_right: (pairs,) rows of each.

    Returns:
        Both are 0 of the same vector; the cosine distance of a vector of zeros is NaN.
    """
    euclidean, cosine = np.empty(len(of_left)), np.empty(len(of_left))
    for first in range(0, len(of_left), _MOST_AT_ONCE):
        rows = slice(first, first + _MOST_AT_ONCE)
        a, b = left[of_left[rows]].astype(np.float64), right[of_right[rows]].astype(np.float64)
        euclidean[rows] = np.linalg.norm(a - b, axis=1)
        of_both, of_a, of_b = (np.einsum("nw,nw->n", *each) for each in ((a, b), (a, a), (b, b)))
        with np.errstate(invalid="ignore", divide="ignore"):
            cosine[rows] = 1 - of_both / np.sqrt(of_a * of_b)
    return euclidean, cosine


def nearest_genes(points: EmbeddingPoints, k: int) -> "pd.DataFrame":
    """The ``k`` nearest genes of each gene, of the same person in the same tissue; of fewer genes all.

    Nearest is by Euclidean distance of the embeddings themselves, exact.

    Returns:
        One row per point and neighbour: sample, tissue, gene_id, gene_name, rank (from 1), neighbour_id,
        neighbour_name, distance, cosine_distance; none of a gene that is alone.
    """
    import pandas as pd

    tables = []
    for _, rows in points.table.groupby(["sample", "tissue"], sort=False, observed=True):
        if len(rows) < 2:
            continue
        places = rows.index.to_numpy()
        nearest = places[nearest_points(points.vectors[places], k + 1).places[:, 1:]]
        genes, others = np.repeat(places, nearest.shape[1]), nearest.ravel()
        euclidean, cosine = distances(points.vectors, points.vectors, genes, others)
        found = points.table.loc[genes, ["sample", "tissue", "gene_id", "gene_name"]].reset_index(drop=True)
        found["rank"] = np.tile(np.arange(1, nearest.shape[1] + 1), len(places))
        for name in ("gene_id", "gene_name"):
            found[name.replace("gene", "neighbour")] = points.table[name].to_numpy()[others]
        tables.append(found.assign(distance=euclidean, cosine_distance=cosine))
    if not tables:
        raise InputError(
            "no person and tissue has two genes, so that none is near another", remedy="Ask for more genes."
        )
    return pd.concat(tables, ignore_index=True)


def drift(points: EmbeddingPoints, other: EmbeddingPoints) -> "pd.DataFrame":
    """How far each gene and tissue of a person is from another person's.

    Args:
        points, other: of one person each, by one model in one precision.

    Returns:
        A row a point: drift_distance, drift_cosine_distance; NaN where the other person has no such point.

    Raises:
        InputError: two models, or points of several people.
    """
    import pandas as pd

    if points.made_by["model"]["sha256"] != other.made_by["model"]["sha256"] or (
        points.made_by["precision"] != other.made_by["precision"]
    ):
        shown = [f"{each.made_by['model']['name']} in {each.made_by['precision']}" for each in (points, other)]
        raise InputError(
            f"the embeddings of the two people are by {shown[0]} and by {shown[1]}, which cannot be compared",
            remedy="Make both stores with one model and one --precision.",
        )
    for each in (points, other):
        if each.table["sample"].nunique() > 1:
            raise InputError(
                f"drift is of two people, and {each.table['sample'].nunique():,} are asked for",
                remedy="Name one with --sample.",
            )
    keys = ["gene_id", "tissue"]
    place_of = pd.Series(np.arange(len(other.table)), index=pd.MultiIndex.from_frame(other.table[keys]))
    places = place_of.reindex(pd.MultiIndex.from_frame(points.table[keys])).to_numpy()
    there = ~np.isnan(places)
    found = np.full((2, len(places)), np.nan)
    found[:, there] = distances(points.vectors, other.vectors, np.flatnonzero(there), places[there].astype(np.int64))
    return pd.DataFrame({"drift_distance": found[0], "drift_cosine_distance": found[1]})

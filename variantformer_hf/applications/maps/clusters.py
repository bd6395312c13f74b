"""Clusters of points, and how well they, or groups that are known, stand apart."""

import random
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from .coordinates import Neighbours

# Points of which a silhouette is taken; of more, so many are drawn.
MOST_SILHOUETTES = 10_000
_SILHOUETTE_MEGABYTES = 128


@dataclass(frozen=True, slots=True)
class Silhouettes:
    """How much nearer points are to their own group than to the next one: from -1 to 1.

    Attributes:
        mean: over all points.
        of_groups: group -> its mean.
        points: group -> how many points it is the mean of.
    """

    mean: float
    of_groups: dict[str, float]
    points: dict[str, int]


def silhouettes(coordinates: np.ndarray, groups: np.ndarray, seed: int = 0) -> Silhouettes | None:
    """Mean silhouettes by Euclidean distance; None = there are not two groups, or each point is a group.

    Args:
        coordinates: (points, dimensions).
        groups: (points,) text.
        seed: of the draw of 10,000 points, where there are more.
    """
    from sklearn import config_context
    from sklearn.metrics import silhouette_samples

    if len(groups) > MOST_SILHOUETTES:
        drawn = np.sort(np.random.default_rng(seed).choice(len(groups), MOST_SILHOUETTES, replace=False))
        coordinates, groups = coordinates[drawn], groups[drawn]
    names, codes = np.unique(groups, return_inverse=True)
    if not 2 <= len(names) < len(groups):
        return None
    with config_context(working_memory=_SILHOUETTE_MEGABYTES):
        values = silhouette_samples(coordinates, codes)
    counts = np.bincount(codes)
    means = np.bincount(codes, weights=values) / counts
    return Silhouettes(
        float(values.mean()),
        dict(zip(names.tolist(), means.tolist(), strict=True)),
        dict(zip(names.tolist(), counts.tolist(), strict=True)),
    )


def check_igraph() -> None:
    """Refuse clusters where igraph is not installed.

    Raises:
        InputError: it is not.
    """
    try:
        import igraph  # noqa: F401
    except ImportError as error:
        raise InputError(
            "clusters need the package igraph", remedy="Install it: pip install 'variantformer-hf[igraph]'."
        ) from error


def leiden_clusters(neighbours: Neighbours, resolution: float = 1.0, seed: int = 0) -> np.ndarray:
    """(points,) clusters from 0, the largest first: Leiden on modularity over the graph of neighbours.

    An edge joins two points of which one is among the other's neighbours; its weight is the share of their neighbours
    that both have (Jaccard, as PhenoGraph has it), so that groups smaller than a neighbourhood stay apart.

    Args:
        neighbours: of each point.
        resolution: more gives more clusters.
        seed: of Leiden.

    Raises:
        InputError: igraph is not installed.
    """
    check_igraph()
    import igraph

    n_points, k = neighbours.places.shape
    ends = np.stack([np.repeat(np.arange(n_points), k - 1), neighbours.places[:, 1:].ravel()], axis=1)
    edges = np.unique(np.sort(ends, axis=1), axis=0)
    of_each = neighbours.places[edges]  # (edges, 2, k)
    in_order = np.sort(of_each.reshape(len(edges), -1), axis=1)
    shared = (in_order[:, 1:] == in_order[:, :-1]).sum(axis=1)
    graph = igraph.Graph(n_points, edges)
    weights = shared / (2 * k - shared)
    igraph.set_random_number_generator(random.Random(seed))
    try:
        found = graph.community_leiden(
            objective_function="modularity", weights=weights, resolution=resolution, n_iterations=-1
        )
    finally:
        igraph.set_random_number_generator(random)
    _, first, codes, counts = np.unique(found.membership, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), dtype=np.int64)
    rank[np.lexsort((first, -counts))] = np.arange(len(counts))
    return rank[codes]


def agreement(clusters: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Normalised mutual information (``nmi``, over the mean of both entropies) and adjusted Rand index (``ari``).

    Args:
        clusters: (points,).
        labels: (points,).
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    return {
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
    }

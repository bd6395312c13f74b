"""Coordinates of points: principal components, neighbours, and UMAP of them (the paper's 6.4.2)."""

import warnings
from dataclasses import dataclass

import numpy as np

from ...errors import InputError

# Principal components that UMAP and clusters are made of, as 6.4.2 has it.
COMPONENTS = 50
# UMAP's own defaults. A point is one of its neighbours.
NEIGHBOURS, MIN_DIST = 15, 0.1
# UMAP's first guess in two dimensions needs so many points.
FEWEST_POINTS = 4
# Of scikit-learn.
MOST_SEED = 2**32 - 1
INSTALL_UMAP = "Install it: pip install 'variantformer-hf[maps]'."


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components of points.

    Attributes:
        coordinates: (points, components) float32.
        explained: (components,) share of the points' variance.
    """

    coordinates: np.ndarray
    explained: np.ndarray


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest of each point, the point itself first.

    Attributes:
        places: (points, k) of the neighbours.
        distances: (points, k) float32, Euclidean.
    """

    places: np.ndarray
    distances: np.ndarray


def principal_components(vectors: np.ndarray, seed: int = 0) -> Components:
    """The first 50 principal components, of fewer points or numbers as many as there are; randomized SVD.

    Args:
        vectors: (points, width) float32, without NaN.
        seed: of the SVD.

    Raises:
        InputError: there are fewer than four points, or all are the same.
    """
    if len(vectors) < FEWEST_POINTS:
        raise InputError(f"{len(vectors)} points make no map", remedy="Ask for more samples, genes or tissues.")
    if (vectors == vectors[0]).all():
        raise InputError("all points are the same", remedy="Ask for others.")
    from sklearn.decomposition import PCA

    n_components = min(COMPONENTS, len(vectors) - 1, vectors.shape[1])
    pca = PCA(n_components, svd_solver="randomized", random_state=seed)
    return Components(pca.fit_transform(vectors), pca.explained_variance_ratio_)


def nearest_points(coordinates: np.ndarray, k: int = NEIGHBOURS) -> Neighbours:
    """The ``k`` nearest of each point by Euclidean distance, of fewer points all; exact.

    Args:
        coordinates: (points, dimensions).
        k: how many, the point itself among them.
    """
    from sklearn.neighbors import NearestNeighbors

    n_points = len(coordinates)
    found = NearestNeighbors(n_neighbors=min(k, n_points) - 1, algorithm="brute").fit(coordinates)
    distances, places = found.kneighbors()
    itself = np.arange(n_points)[:, None]
    return Neighbours(np.hstack([itself, places]), np.pad(distances, ((0, 0), (1, 0))).astype(np.float32))


def has_umap() -> bool:
    """Whether umap-learn is installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a package that its optional parts need
        try:
            from umap import UMAP  # noqa: F401
        except ImportError:
            return False
    return True


def umap_coordinates(components: np.ndarray, neighbours: Neighbours, seed: int = 0) -> np.ndarray:
    """(points, 2) float32 by UMAP, in one thread: the same again for the same numbers and seed.

    Args:
        components: (points, components).
        neighbours: of the points among them.
        seed: of UMAP.

    Raises:
        InputError: umap-learn is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it may be parallel without a seed, or cannot place new points
        try:
            from umap import UMAP
        except ImportError as error:
            raise InputError("UMAP needs the package umap-learn", remedy=INSTALL_UMAP) from error
        found = UMAP(
            n_neighbors=neighbours.places.shape[1],
            min_dist=MIN_DIST,
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(neighbours.places, neighbours.distances),
        )
        return np.asarray(found.fit_transform(components), dtype=np.float32)


def map_coordinates(vectors: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray | None]:
    """Principal components of points, and their plane by UMAP; None where umap-learn is not installed.

    Args:
        vectors: (points, width) float32, without NaN.
        seed: of both.
    """
    components = principal_components(vectors, seed).coordinates
    plane = umap_coordinates(components, nearest_points(components), seed) if has_umap() else None
    return components, plane

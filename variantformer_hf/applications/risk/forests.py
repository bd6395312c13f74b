"""A random forest of two classes as arrays: read from a file of a gene, and its prediction by NumPy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ...errors import UNREADABLE, InputError, unreadable

# Tensors of a forest, and their types.
FIELDS: Mapping[str, np.dtype[Any]] = {
    "feature": np.dtype(np.int32),
    "threshold": np.dtype(np.float64),
    "left": np.dtype(np.int32),
    "right": np.dtype(np.int32),
    "probability": np.dtype(np.float64),
    "roots": np.dtype(np.int32),
    "n_features": np.dtype(np.int32),
}


def read_forest(path: str | Path, tissue: int) -> dict[str, np.ndarray]:
    """One tissue's forest from a file of :func:`read_forests`.

    Raises:
        InputError: the file has none of this tissue, or as for :func:`read_forests`.
    """
    found = read_forests(path, tissue)
    if tissue not in found:
        raise InputError(f"has no forest of tissue {tissue}", file=path)
    return found[tissue]


def read_forests(path: str | Path, tissue: int | None = None) -> dict[int, dict[str, np.ndarray]]:
    """The forests of a gene's file, by the number of the tissue.

    Args:
        path: safetensors, as ``risk train`` and ``artifacts forests`` write it.
        tissue: of one alone; None = all.

    Returns:
        Tissue -> arrays, see :func:`~variantformer_hf.conversion.risk_forests.forest_arrays`.

    Raises:
        InputError: the file cannot be read, or what it holds is no forest.
    """
    found: dict[int, dict[str, np.ndarray]] = {}
    try:
        with safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118 -- not a dict
                number, _, field = name.partition("/")
                if tissue is None or number == str(tissue):
                    found.setdefault(int(number), {})[field] = file.get_tensor(name)
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"is damaged, or holds no forests ({error})", file=path) from error
    for number, arrays in found.items():
        _check_forest(arrays, path, number)
    return found


def forest_numbers(path: str | Path) -> list[int]:
    """Numbers of the tissues that a gene's file has forests of, ascending; no forest is read.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with safe_open(path, framework="np") as file:
            return sorted({int(name.partition("/")[0]) for name in file.keys()})  # noqa: SIM118 -- not a dict
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"is damaged, or holds no forests ({error})", file=path) from error


def predict_forest(arrays: Mapping[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """Mean probability of the second class over the trees.

    Args:
        arrays: of :func:`read_forest`, or of :func:`~variantformer_hf.conversion.risk_forests.forest_arrays`.
        features: (n, features), no NaN.

    Returns:
        (n,) float64.

    Raises:
        ValueError: another number of features than the forest has.
    """
    if features.ndim != 2 or features.shape[1] != int(arrays["n_features"][0]):
        raise ValueError(f"the forest has {int(arrays['n_features'][0])} features, the rows {features.shape[1:]}")
    rows = np.arange(len(features))[:, None]
    node = np.broadcast_to(arrays["roots"], (len(features), len(arrays["roots"]))).copy()
    while True:
        feature = arrays["feature"][node]
        if (feature < 0).all():
            return np.asarray(arrays["probability"][node].mean(axis=1))
        goes_left = features[rows, np.maximum(feature, 0)] <= arrays["threshold"][node]
        child = np.where(goes_left, arrays["left"][node], arrays["right"][node])
        node = np.where(feature < 0, node, child)


def _check_forest(arrays: Mapping[str, np.ndarray], path: str | Path, tissue: int) -> None:
    """Refuse arrays in which a walk from a root would not end at a leaf: children stand behind their parents."""
    shapes = {name: value.shape for name, value in arrays.items()}
    nodes, roots = shapes.get("feature", ()), shapes.get("roots", ())
    wanted = {name: {"roots": roots, "n_features": (1,)}.get(name, nodes) for name in FIELDS}
    is_sound = (
        len(nodes) == len(roots) == 1
        and shapes == wanted
        and all(value.dtype == FIELDS[name] for name, value in arrays.items())
        and roots[0] > 0
    )
    if is_sound:
        places, inner = np.arange(nodes[0]), arrays["feature"] >= 0
        children = np.stack([arrays["left"], arrays["right"]])[:, inner]
        is_sound = bool(
            (arrays["feature"] < arrays["n_features"][0]).all()
            and ((children > places[inner]) & (children < nodes[0])).all()
            and ((arrays["roots"] >= 0) & (arrays["roots"] < nodes[0])).all()
            and ((arrays["probability"] >= 0) & (arrays["probability"] <= 1)).all()
            and np.isfinite(arrays["threshold"][inner]).all()
        )
    if not is_sound:
        raise InputError(
            "is no random forest",
            file=path,
            record=f"tissue {tissue}",
            remedy="Make the folder anew: `variantformer risk train`, or `artifacts forests`.",
        )

"""Disease risk by a converted forest: its arrays of one tissue, and prediction by NumPy."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import safe_open

from ..errors import InputError


def read_forest(path: str | Path, tissue: int) -> dict[str, np.ndarray]:
    """One tissue's forest from a converted file.

    Raises:
        InputError: the file has none of this tissue.
    """
    with safe_open(path, framework="np") as file:
        names = [name for name in file.keys() if name.startswith(f"{tissue}/")]  # noqa: SIM118 -- not a dict
        if not names:
            raise InputError(f"has no forest of tissue {tissue}", file=path)
        return {name.partition("/")[2]: file.get_tensor(name) for name in names}


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

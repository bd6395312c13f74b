"""Random forests of two classes as arrays: a gene's file, mapped, and what its forests predict.

Of trees only the splits are kept, and each probability of leaves once, in the narrowest numbers that hold them: what
forests of a whole genome take is mostly the reading.
"""

import json
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from ...errors import UNREADABLE, InputError, unreadable
from ...files import whole_file

# Arrays of a forest, and of a gene's file beside them: numbers of the tissues, and how many trees each has.
FIELDS = ("feature", "threshold", "left", "right", "leaf", "roots", "n_features")
_OF_A_GENE = (*FIELDS, "tissues", "trees")
_REMEDY = "Make the folder anew: `variantformer risk train`, or `variantformer artifacts forests`."
_HEAD = 8
_DTYPES = {"F64": "<f8", "F32": "<f4", "I32": "<i4", "I16": "<i2"}


def packed_forest(nodes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of a forest of its nodes; nodes of all trees stand one behind the other, children behind parents.

    Args:
        nodes: feature (N,), -1 at leaves; threshold (N,), rows with ``x[feature] <= threshold`` go left; left, right
            (N,) nodes; probability (N,) of the second class, at leaves; roots (trees,) nodes; n_features (1,).

    Returns:
        Of S splits and L different leaves: feature (S,); threshold (S,) float32; left, right (S,) what is added to a
        split's place to come to its child, or of a leaf ``~place`` in leaf; leaf (L,) float64; roots (trees,) int32, a
        split's place, or of a leaf ``~place``; n_features (1,) int32. feature, left and right are int16 where their
        numbers fit, else int32. Rows of float32 go the way that they went: of each threshold the greatest float32 is
        taken that is not greater.

    Raises:
        ValueError: a child does not stand behind its parent, or a leaf is no probability.
    """
    is_split = nodes["feature"] >= 0
    if not ((nodes["probability"] >= 0) & (nodes["probability"] <= 1)).all():
        raise ValueError("a leaf is no probability")
    place = np.cumsum(is_split) - 1
    leaves, leaf_of = np.unique(nodes["probability"][~is_split], return_inverse=True)
    place[~is_split] = ~leaf_of
    splits = np.flatnonzero(is_split)
    arrays = {"feature": nodes["feature"][splits], "threshold": _float32_below(nodes["threshold"][splits])}
    for side in ("left", "right"):
        child = nodes[side][splits]
        if (child <= splits).any() or (nodes["roots"] < 0).any():
            raise ValueError("a child does not stand behind its parent")
        arrays[side] = np.where(is_split[child], place[child] - place[splits], place[child])
    arrays |= {"leaf": leaves.astype(float), "roots": place[nodes["roots"]], "n_features": nodes["n_features"]}
    return _narrow(arrays)


def _float32_below(values: np.ndarray) -> np.ndarray:
    """The greatest float32 that is not greater."""
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    return np.where(found > values, np.nextafter(found, np.float32(-np.inf)), found)


def _narrow(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same numbers in the types in which they are kept."""
    most = max(int(np.abs(arrays[name]).max(initial=0)) for name in ("left", "right", "n_features"))
    kind = np.int16 if most <= np.iinfo(np.int16).max else np.int32
    types = dict.fromkeys(("feature", "left", "right"), kind) | dict.fromkeys(("roots", "n_features"), np.int32)
    return {name: array.astype(types.get(name, array.dtype)) for name, array in arrays.items()}


@dataclass(frozen=True, slots=True)
class GeneForests:
    """Forests of a gene, one a tissue, as they lie in its file.

    Attributes:
        arrays: as of :func:`packed_forest`, of all forests one behind the other.
        tissues: their numbers in the file, or names.
        first: (tissues + 1,) where the trees of each begin in ``roots``, and the end.
    """

    arrays: Mapping[str, np.ndarray]
    tissues: Sequence[Any]
    first: np.ndarray

    @classmethod
    def of(cls, forests: Mapping[int, Mapping[str, np.ndarray]]) -> "GeneForests":
        """Of the number of each tissue -> its arrays.

        Raises:
            ValueError: they have not all as many features.
        """
        each = list(forests.values())
        if len({int(arrays["n_features"][0]) for arrays in each}) != 1:
            raise ValueError("forests of one gene have different numbers of features")
        leaves, leaf_of = np.unique(np.concatenate([arrays["leaf"] for arrays in each]), return_inverse=True)
        parts: dict[str, list[np.ndarray]] = {name: [] for name in ("feature", "threshold", "left", "right", "roots")}
        n_splits = n_leaves = 0
        for arrays in each:
            of_leaves = leaf_of[n_leaves : n_leaves + len(arrays["leaf"])]
            for name, found in parts.items():
                array = arrays[name]
                if name in ("left", "right", "roots"):
                    is_leaf = array < 0
                    array = array.astype(np.int64) + (n_splits if name == "roots" else 0)
                    array[is_leaf] = ~of_leaves[~arrays[name][is_leaf]]
                found.append(array)
            n_splits, n_leaves = n_splits + len(arrays["feature"]), n_leaves + len(arrays["leaf"])
        joined = {name: np.concatenate(found) for name, found in parts.items()}
        first = np.cumsum([0, *(len(arrays["roots"]) for arrays in each)])
        return cls(_narrow({**joined, "leaf": leaves, "n_features": each[0]["n_features"]}), list(forests), first)

    @classmethod
    def open(cls, path: str | Path) -> "GeneForests":
        """Map the forests of a gene's file, as ``risk train`` and ``artifacts forests`` write it.

        Raises:
            InputError: the file cannot be read, or holds no forests.
        """
        try:
            tensors = _mapped(path)
            if "tissues" not in tensors:  # as the first version wrote it
                forests: dict[int, dict[str, np.ndarray]] = {}
                for name, array in tensors.items():
                    number, _, field = name.partition("/")
                    forests.setdefault(int(number), {})[field] = array
                return cls.of({number: packed_forest(nodes) for number, nodes in sorted(forests.items())})
            _check_sizes(tensors)
            first = np.concatenate([[0], np.cumsum(tensors["trees"])])
            return cls({name: tensors[name] for name in FIELDS}, tensors["tissues"].tolist(), first)
        except UNREADABLE as error:
            raise unreadable(path, error) from None
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
            raise InputError(f"is damaged, or holds no forests ({error})", file=path, remedy=_REMEDY) from error

    def save(self, path: Path, metadata: dict[str, str] | None = None) -> Path:
        """Write them as a gene's file.

        Raises:
            OutputError: it cannot be written.
        """
        tensors = {
            **self.arrays,
            "tissues": np.asarray(self.tissues, dtype=np.int32),
            "trees": np.diff(self.first).astype(np.int32),
        }
        with whole_file(path) as partial:
            save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, partial, metadata)
        return path

    @property
    def n_features(self) -> int:
        """Numbers in a row that they take."""
        return int(self.arrays["n_features"][0])

    def forests(self) -> dict[Any, dict[str, np.ndarray]]:
        """Tissue -> arrays of its forest, all but the roots those of all."""
        roots = np.split(self.arrays["roots"], self.first[1:-1])
        return {tissue: {**self.arrays, "roots": each} for tissue, each in zip(self.tissues, roots, strict=True)}

    def predict(self, tissues: Sequence[Any], features: np.ndarray) -> np.ndarray:
        """Mean probability of the second class over the trees of several forests.

        Args:
            tissues: T of them.
            features: (T, n, n_features), no NaN; they are compared in float32, as scikit-learn does.

        Returns:
            (T, n) float64.

        Raises:
            ValueError: another number of features than they have; the arrays are no forests.
        """
        places = np.array([self.tissues.index(tissue) for tissue in tissues], dtype=np.int64)
        return _means(self.arrays, self.first[places], self.first[places + 1], features)


def read_forest(path: str | Path, tissue: int) -> dict[str, np.ndarray]:
    """One tissue's forest from a gene's file.

    Raises:
        InputError: the file has none of this tissue, or as for :meth:`GeneForests.open`.
    """
    found = GeneForests.open(path).forests().get(tissue)
    if found is None:
        raise InputError(f"has no forest of tissue {tissue}", file=path)
    return found


def predict_forest(arrays: Mapping[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """Mean probability of the second class over the trees of a forest.

    Args:
        arrays: of :func:`packed_forest`.
        features: (n, n_features), no NaN; they are compared in float32, as scikit-learn does.

    Returns:
        (n,) float64.

    Raises:
        ValueError: another number of features than the forest has; the arrays are no forest.
    """
    ends = np.array([0]), np.array([len(arrays["roots"])])
    return _means(arrays, *ends, features[None])[0]


def _means(arrays: Mapping[str, np.ndarray], first: np.ndarray, last: np.ndarray, features: np.ndarray) -> np.ndarray:
    """(T, n) mean leaf over the trees of each of T forests, which are those from first to last."""
    from ...compiled import HAS_NUMBA

    width = int(arrays["n_features"][0])
    if features.ndim != 3 or features.shape[2] != width:
        raise ValueError(f"the forest has {width} features, the rows {features.shape[2:]}")
    rows = np.ascontiguousarray(features, dtype=np.float32)
    if not HAS_NUMBA:
        return _means_by_numpy(arrays, first, last, rows)
    from .forest_kernels import forest_means

    means = np.empty(rows.shape[:2])
    if not forest_means(*(arrays[name] for name in FIELDS[:-1]), first, last, rows, means):
        raise ValueError("the arrays are no forest")
    return means


def _means_by_numpy(
    arrays: Mapping[str, np.ndarray], first: np.ndarray, last: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """A split further in all trees at a time; each mean is summed in the order of its trees, as the compiled one is."""
    n_forests, n_rows, width = rows.shape
    trees = last - first
    # Walks of the first row of the first forest, of its second row, ... of the second forest, ...
    at = np.concatenate([np.tile(arrays["roots"][a:b], n_rows) for a, b in zip(first, last, strict=True)], dtype=int)
    row = np.repeat(np.arange(n_forests * n_rows), np.repeat(trees, n_rows))
    flat = rows.reshape(-1, width)
    try:
        while len(going := np.flatnonzero(at >= 0)):
            split = at[going]
            feature = arrays["feature"][split]
            child = np.where(
                flat[row[going], feature] <= arrays["threshold"][split], arrays["left"][split], arrays["right"][split]
            ).astype(int)
            if (feature < 0).any() or not child.all():
                raise IndexError
            at[going] = np.where(child > 0, split + child, child)
        sums = np.bincount(row, arrays["leaf"][~at], n_forests * n_rows)
    except IndexError:
        raise ValueError("the arrays are no forest") from None
    return np.asarray(sums.reshape(n_forests, n_rows) / trees[:, None])


def _check_sizes(tensors: Mapping[str, np.ndarray]) -> None:
    """Refuse arrays of a gene's file that do not belong together; walks check what stands in them."""
    splits = {tensors[name].shape for name in ("feature", "threshold", "left", "right")}
    tissues, trees, leaf = (tensors[name] for name in ("tissues", "trees", "leaf"))
    if (
        len(splits) != 1
        or any(array.ndim != 1 for array in tensors.values())
        or not len(tissues) == len(trees) == len(set(tissues.tolist()))
        or (trees <= 0).any()
        or trees.sum() != len(tensors["roots"])
        or not ((leaf >= 0) & (leaf <= 1)).all()
    ):
        raise ValueError("its arrays do not belong together")


def _mapped(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a file of safetensors, mapped.

    They may be written to, in this process alone: it is such arrays that the kernel is compiled for.
    """
    with Path(path).open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    behind = _HEAD + int.from_bytes(content[:_HEAD], "little")
    described: dict[str, Any] = json.loads(content[_HEAD:behind])
    described.pop("__metadata__", None)
    return {
        name: np.ndarray(each["shape"], _DTYPES[each["dtype"]], content, behind + each["data_offsets"][0])
        for name, each in described.items()
    }

"""The released random forests of disease risk (treelite files) -> arrays in safetensors."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..applications.risk.forests import GeneForests, packed_forest, predict_forest
from ..errors import InputError

_FOREST_FILE = re.compile(r"model_tissue_(?P<tissue>\d+)\.tl")
_FIELDS = ("feature", "threshold", "left", "right", "probability", "roots")
_TREE_FIELDS = (
    "cleft",
    "cright",
    "split_index",
    "threshold",
    "cmp",
    "leaf_vector",
    "leaf_vector_begin",
    "has_categorical_split",
)
_LESS_OR_EQUAL = 3  # treelite's number of the comparison
_REMEDY = "Give the forests as released."


def forest_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """A forest of binary classification as arrays.

    Args:
        path: a treelite file.

    Returns:
        As of :func:`~variantformer_hf.applications.risk.forests.packed_forest`.

    Raises:
        InputError: treelite is missing, the file is none of its, or the forest is of another kind.
    """
    return _arrays(_open(Path(path)), Path(path))


def _open(path: Path) -> Any:
    """A treelite model."""
    try:
        import treelite
    except ImportError as error:
        raise InputError(
            "reading treelite files needs treelite", remedy="Install it: pip install 'variantformer-hf[forests]'."
        ) from error
    if not path.is_file():
        raise InputError("no such file", file=path)
    try:
        return treelite.Model.deserialize(path)
    except Exception as error:
        raise InputError("is not a treelite file of a version that is read here", file=path, remedy=_REMEDY) from error


def _arrays(model: Any, path: Path) -> dict[str, np.ndarray]:
    header = model.get_header_accessor()
    shape = header.get_field("leaf_vector_shape").tolist()
    if shape != [1, 2] or not header.get_field("average_tree_output")[0] or any(header.get_field("base_scores")):
        raise InputError("is not a forest that averages probabilities of two classes", file=path, remedy=_REMEDY)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in _FIELDS}
    offset = 0
    for number in range(model.num_tree):
        tree = model.get_tree_accessor(number)
        _add_tree(parts, {name: tree.get_field(name) for name in _TREE_FIELDS}, offset, path)
        offset += len(parts["feature"][-1])
    nodes = {name: np.concatenate(each) for name, each in parts.items()}
    try:
        return packed_forest({**nodes, "n_features": np.array([model.num_feature])})
    except ValueError as error:
        raise InputError(f"is no forest that is read here: {error}", file=path, remedy=_REMEDY) from error


def _add_tree(parts: dict[str, list[np.ndarray]], tree: Mapping[str, np.ndarray], offset: int, path: Path) -> None:
    left, right = tree["cleft"].astype(np.int64), tree["cright"].astype(np.int64)
    is_leaf = left < 0
    if tree["has_categorical_split"].any() or (tree["cmp"][~is_leaf] != _LESS_OR_EQUAL).any():
        raise InputError("has splits other than x <= threshold", file=path, remedy=_REMEDY)
    probability = np.zeros(len(left))
    begins = tree["leaf_vector_begin"][is_leaf].astype(np.int64)
    vectors = np.stack([tree["leaf_vector"][begins], tree["leaf_vector"][begins + 1]], axis=1)
    probability[is_leaf] = vectors[:, 1] / vectors.sum(axis=1)
    parts["feature"].append(np.where(is_leaf, -1, tree["split_index"]))
    parts["threshold"].append(tree["threshold"])
    parts["left"].append(np.where(is_leaf, -1, left + offset))
    parts["right"].append(np.where(is_leaf, -1, right + offset))
    parts["probability"].append(probability)
    parts["roots"].append(np.array([offset]))


def convert_forests(
    folder: str | Path, output: str | Path, *, on_gene: Callable[[int, int], None] | None = None
) -> dict[str, int]:
    """Write one safetensors file a gene, with the forests of its tissues; genes that are there are left.

    Args:
        folder: ``GENE/model_tissue_ID.tl``, as released (``alzheimer_disease/v4_pcg/ad``).
        output: a folder for ``GENE.safetensors``, whose tensors are ``ID/feature`` and so on.
        on_gene: called with (done, total).

    Returns:
        Forests of each gene.

    Raises:
        InputError: no forest is there, or as :func:`forest_arrays`; also where the arrays do not predict what treelite
            does.
    """
    folder, output = Path(folder), Path(output)
    files: dict[str, dict[int, Path]] = {}
    for path in sorted(folder.rglob("*.tl")):
        match = _FOREST_FILE.fullmatch(path.name)
        if match:
            files.setdefault(path.parent.name, {})[int(match["tissue"])] = path
    if not files:
        raise InputError("holds no GENE/model_tissue_ID.tl", file=folder, remedy="Fetch them: --what risk.")
    output.mkdir(parents=True, exist_ok=True)
    for number, (gene, forests) in enumerate(files.items(), 1):
        target = output / f"{gene}.safetensors"
        if not target.is_file():
            found: dict[int, dict[str, np.ndarray]] = {}
            for tissue, path in sorted(forests.items()):
                model = _open(path)
                found[tissue] = _arrays(model, path)
                _check_equal(found[tissue], model, path)
            GeneForests.of(found).save(target)
        if on_gene is not None:
            on_gene(number, len(files))
    return {gene: len(forests) for gene, forests in files.items()}


def _check_equal(arrays: Mapping[str, np.ndarray], model: Any, path: Path) -> None:
    import treelite

    rows = np.random.default_rng(0).normal(size=(64, int(arrays["n_features"][0]))).astype(np.float32)
    # In the type that the forest's own thresholds have.
    theirs = treelite.gtil.predict(model, rows.astype(model.input_type))[:, 0, 1]
    if not np.allclose(predict_forest(arrays, rows), theirs, atol=1e-6):
        raise InputError("the arrays do not predict what treelite does", file=path)

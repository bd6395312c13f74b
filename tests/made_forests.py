"""A folder of small forests on made embeddings, as ``risk train`` and ``artifacts forests`` leave it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from variantformer_hf.applications.risk.forest_folder import (
    DONORS_FILE,
    TRAIN,
    UNIT_COLUMNS,
    UNITS_FILE,
    ForestsDescription,
    gene_file,
    write_description,
    write_forests,
)
from variantformer_hf.applications.risk.forest_grid import fit_forest
from variantformer_hf.zoo.outputs import RELEASED_TISSUES

TREES, DEPTH = 10, 6


def made_forests(
    folder: Path,
    units: Mapping[str, Sequence[str]],
    *,
    model: Mapping[str, str] | None = None,
    precision: str = "float32",
    width: int = 6,
    tissues: Sequence[str] = ("liver", "lung", "thyroid"),
    features: str = "embeddings",
    trained_on: Sequence[str] = (),
) -> Path:
    """Write a folder of trained forests.

    Args:
        folder: where.
        units: gene id -> tissues.
        model: name and sha256; None = the released forests: no description, and numbers of the released tissues.
        precision, width, tissues, features: of its description.
        trained_on: donors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: Sequence[str | None] = RELEASED_TISSUES if model is None else tissues
    rows = []
    for gene_id, of_gene in units.items():
        forests = {names.index(tissue): made_forest(gene_id, tissue, width) for tissue in of_gene}
        known = {number: {"n": 40, "brier": 0.2, "bins": []} for number in forests} if model is not None else None
        write_forests(folder / gene_file(gene_id), forests, calibrations=known)
        rows += [(gene_id, gene_id, tissue, 1, True, 0.7, 0.6, TREES, DEPTH, 40, 0.25, "ok") for tissue in of_gene]
    if model is not None:
        pd.DataFrame(rows, columns=list(UNIT_COLUMNS)).to_csv(folder / UNITS_FILE, sep="\t", index=False, na_rep="NA")
        donors = pd.DataFrame({"donor": trained_on, "part": TRAIN})
        donors.to_csv(folder / DONORS_FILE, sep="\t", index=False)
        write_description(
            folder, ForestsDescription("a disease", features, model, precision, width, list(tissues), 0.3, 40, 12)
        )
    return folder


def made_forest(gene_id: str, tissue: str, width: int) -> dict[str, np.ndarray]:
    """The forest of a unit: of made vectors, a case where the first number is positive, but for one in ten."""
    seed = sum(f"{gene_id}{tissue}".encode())
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(40, width))
    labels = ((vectors[:, 0] > 0) ^ (rng.random(40) < 0.1)).astype(int)
    return fit_forest(vectors, labels, trees=TREES, depth=DEPTH, seed=seed)

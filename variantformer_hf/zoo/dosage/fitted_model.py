"""Fitted genes -> a model, and constants -> a model."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch

from ...errors import InputError
from ...genome.genes import Gene, GeneTable
from ...modeling import (
    ForestDosageConfig,
    ForestDosageForExpression,
    LinearDosageConfig,
    LinearDosageForExpression,
)
from ..gene_fits import fits_table
from .forest_recipe import forest_arrays
from .gene_fit import DosageRecipe, GeneFit
from .gene_model import DosageGeneModel, ForestDosageGeneModel, LinearDosageGeneModel
from .linear_recipes import linear_arrays
from .variants import GeneVariants, ModelVariants

if TYPE_CHECKING:
    import pandas as pd

REFERENCE = "reference"


def fitted_model(
    recipe: DosageRecipe,
    genes: Sequence[Gene],
    fits: Sequence[GeneFit],
    *,
    tissues: Sequence[str],
    unit: str,
    assembly: str | None,
) -> DosageGeneModel:
    """The model of genes that were fitted one by one.

    Args:
        recipe: how.
        genes, fits: each gene, and what came out.
        tissues: names of the outputs.
        unit: of the values.
        assembly: of the genome; None = not known.
    """
    described = {
        "kind": recipe.kind,
        "radius": recipe.radius,
        "anchor": recipe.anchor,
        "recipe": {name: value for name, value in asdict(recipe).items() if name not in ("radius", "anchor")},
    }
    return _model(recipe.network, genes, fits, {**described, "unit": unit, "assembly": assembly}, tissues)


def weights_model(
    genes: Sequence[Gene],
    fits: Sequence[GeneFit],
    *,
    tissues: Sequence[str],
    described: dict[str, Any],
) -> LinearDosageGeneModel:
    """The model of weights that were made by no recipe of a baseline.

    Args:
        genes, fits: each gene, and its weights.
        tissues: names of the outputs.
        described: fields of ``LinearDosageConfig``: ``kind``, ``radius``, ``recipe``, ``unit``, ``assembly``.
    """
    found = _model("linear", genes, fits, described, tissues)
    assert isinstance(found, LinearDosageGeneModel)
    return found


def _model(
    kind: str, genes: Sequence[Gene], fits: Sequence[GeneFit], described: dict[str, Any], tissues: Sequence[str]
) -> DosageGeneModel:
    arrays = _arrays(kind, fits)
    config_class, network_class, model_class, sizes = _NETWORKS[kind]
    config = config_class(
        tissues=list(tissues),
        n_genes=len(genes),
        **described,
        **{size: len(arrays[name]) for size, name in sizes.items()},
        **({"has_effects": True} if "effect" in arrays else {}),
    )
    network = network_class(config)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    variants = ModelVariants.of_genes([fit.variants for fit in fits])
    return model_class(network, GeneTable(genes), variants, _table(genes, fits, tissues), device="cpu")


# Network -> its config, itself, its gene model, and sizes in the config -> the tensors that have them.
_NETWORKS: dict[str, tuple[Any, Any, type[DosageGeneModel], dict[str, str]]] = {
    "linear": (LinearDosageConfig, LinearDosageForExpression, LinearDosageGeneModel, {"n_weights": "weight"}),
    "forest": (
        ForestDosageConfig,
        ForestDosageForExpression,
        ForestDosageGeneModel,
        {"n_nodes": "feature", "n_trees": "roots"},
    ),
}


def _arrays(kind: str, fits: Sequence[GeneFit]) -> dict[str, np.ndarray]:
    """The network's tensors."""
    each = [fit.arrays for fit in fits]
    is_linear = kind == "linear"
    arrays = linear_arrays(each) if is_linear else forest_arrays(each, [len(fit.variants) for fit in fits])
    return {
        **arrays,
        "fitted": np.stack([arrays["fitted"] for arrays in each]),
        "n_read": np.array([fit.n_read for fit in fits], dtype=np.int64),
    }


def _table(genes: Sequence[Gene], fits: Sequence[GeneFit], tissues: Sequence[str]) -> pa.Table:
    """See ``fits_table``; n_read is added to what the recipe says."""
    rows = [[{**row, "n_read": fit.n_read} for row in fit.rows] for fit in fits]
    return fits_table(genes, rows, tissues)


def constant_model(
    table: "pd.DataFrame", genes: GeneTable, *, column: str, unit: str, tissues: Sequence[str], assembly: str | None
) -> LinearDosageGeneModel:
    """The model whose prediction of a gene is the same for everybody: a model's of the reference genome.

    Args:
        table: gene_id, tissue, status and ``column``, a row each: predictions of one person, the reference genome.
        genes: of the model that predicted.
        column, unit: of its values.
        tissues: names of its outputs.
        assembly: of the genome; None = not known.

    Raises:
        InputError: no gene has a number.
    """
    there = table[table[column].notna()]
    values = there.pivot(index="gene_id", columns="tissue", values=column).reindex(columns=list(tissues))
    kept = [gene for gene in genes if gene.gene_id in values.index]
    if not kept:
        raise InputError("the model predicts none of the genes", remedy="Ask for other genes.")
    numbers = values.loc[[gene.gene_id for gene in kept]].to_numpy(dtype=np.float32)
    config = LinearDosageConfig(
        kind=REFERENCE, tissues=list(tissues), n_genes=len(kept), radius=0, unit=unit, assembly=assembly
    )
    network = LinearDosageForExpression(config)
    network.intercept.data = torch.from_numpy(np.nan_to_num(numbers))
    network.fitted = torch.from_numpy(~np.isnan(numbers))
    return LinearDosageGeneModel(
        network, GeneTable(kept), ModelVariants(np.zeros(len(kept) + 1, np.int64), GeneVariants.nothing()), device="cpu"
    )

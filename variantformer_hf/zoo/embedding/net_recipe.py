"""Elastic nets on the vectors of one gene's people: scikit-learn's, as UKBioBERT's embeddings are held against."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from ...genome.genes import Gene, GeneTable
from ...modeling import EmbeddingNetConfig, EmbeddingNetForExpression
from ..gene_fits import FITTED, NO_VALUES, TOO_FEW, fits_table, is_too_few, people_of_output
from .gene_model import EmbeddingNetGeneModel

NET = "embedding-net"


@dataclass(frozen=True, slots=True)
class NetRecipe:
    """How an elastic net is fitted: ``ElasticNetCV`` on the numbers as they are, each output by itself.

    Attributes:
        l1_ratio: share of the lasso's penalty.
        folds: of the cross-validation that chooses the penalty, of ``alphas``.
        seed: of the folds.
        alphas: penalties that are tried.
        most_iterations: of a fit.
    """

    l1_ratio: float = 0.5
    folds: int = 5
    seed: int = 2024
    alphas: int = 100
    most_iterations: int = 2_000


@dataclass(frozen=True, slots=True, eq=False)
class NetFit:
    """A fitted gene.

    Attributes:
        weight: (T, width) float32; intercept: (T,) float64; fitted: (T,) bool.
        rows: of each output: status, n_people, and what is known of the fit.
    """

    weight: np.ndarray
    intercept: np.ndarray
    fitted: np.ndarray
    rows: list[dict[str, Any]] = field(default_factory=list)


def fit_net(
    recipe: NetRecipe,
    vectors: np.ndarray,
    person: np.ndarray,
    output: np.ndarray,
    value: np.ndarray,
    n_outputs: int,
) -> NetFit:
    """Fit a gene's outputs.

    Args:
        recipe: how.
        vectors: (n, width) of n people of the fit.
        person, output: (N,) int64, of each value: row of ``vectors``, number of the output.
        value: (N,) float64.
        n_outputs: of the model.
    """
    found = NetFit(
        np.zeros((n_outputs, vectors.shape[1]), dtype=np.float32), np.zeros(n_outputs), np.zeros(n_outputs, dtype=bool)
    )
    for number in range(n_outputs):
        people, values = people_of_output(person, output, value, number)
        row: dict[str, Any] = {"output": number, "status": NO_VALUES, "n_people": len(people)}
        found.rows.append(row)
        if not len(people):
            continue
        row["status"], found.fitted[number] = FITTED, True
        if is_too_few(values) or float(vectors[people].std(axis=0).max()) <= 1e-12:
            found.intercept[number] = values.mean()
            row["note"] = TOO_FEW
            continue
        said, weight, found.intercept[number] = _of_output(recipe, vectors[people].astype(np.float64), values)
        found.weight[number] = weight
        row.update(said)
    return found


def _of_output(recipe: NetRecipe, vectors: np.ndarray, values: np.ndarray) -> tuple[dict[str, Any], np.ndarray, float]:
    """What is known of the fit, its weights and its intercept."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import ElasticNetCV
    from sklearn.model_selection import KFold

    folds = KFold(min(recipe.folds, len(values)), shuffle=True, random_state=recipe.seed)
    model = ElasticNetCV(
        l1_ratio=recipe.l1_ratio, alphas=recipe.alphas, cv=folds, max_iter=recipe.most_iterations, random_state=0
    )
    with warnings.catch_warnings():  # of the fit that counts it is said
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(vectors, values)
    error = float(model.mse_path_.mean(axis=-1).min())
    said: dict[str, Any] = {
        "alpha": float(model.alpha_),
        "cv_mse": error,
        "cv_r2": 1 - error / float(values.var()),
        "n_weights": int((model.coef_ != 0).sum()),
    }
    if int(model.n_iter_) >= recipe.most_iterations:
        said["note"] = "not converged"
    return said, np.asarray(model.coef_), float(model.intercept_)


def net_model(
    recipe: NetRecipe,
    genes: Sequence[Gene],
    fits: Sequence[NetFit],
    *,
    tissues: Sequence[str],
    unit: str,
    fields: dict[str, Any],
) -> EmbeddingNetGeneModel:
    """The model of genes that were fitted one by one.

    Args:
        recipe: how.
        genes, fits: each gene, and what came out.
        tissues: names of the outputs.
        unit: of the values.
        fields: of the config, about the vectors.
    """
    pairs = [np.nonzero(fit.weight) for fit in fits]
    counts = np.concatenate([np.bincount(output, minlength=len(tissues)) for output, _ in pairs])
    config = EmbeddingNetConfig(
        kind=NET,
        tissues=list(tissues),
        n_genes=len(genes),
        n_weights=int(counts.sum()),
        recipe=asdict(recipe),
        unit=unit,
        **fields,
    )
    network = EmbeddingNetForExpression(config)
    arrays = {
        "first": np.concatenate([[0], np.cumsum(counts)]),
        "number": np.concatenate([number for _, number in pairs]),
        "weight": np.concatenate([fit.weight[pair] for fit, pair in zip(fits, pairs, strict=True)]),
        "intercept": np.stack([fit.intercept for fit in fits]).astype(np.float32),
        "fitted": np.stack([fit.fitted for fit in fits]),
    }
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    table = fits_table(genes, [fit.rows for fit in fits], tissues)
    return EmbeddingNetGeneModel(network, GeneTable(genes), fits=table, device="cpu")

"""Embeddings of a store as points: one of each person, gene and tissue that has a number."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...inference.embedding_store import EmbeddingStore
from ...zoo.units import Unit

if TYPE_CHECKING:
    import pandas as pd

# Bytes of embeddings that are held at a time; the principal components take as much again.
MOST_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True)
class EmbeddingPoints:
    """Points, and whose they are.

    Attributes:
        table: a row a point: sample, gene_id, gene_name, tissue, the prediction (the unit's column), status.
        vectors: (points, width) float32, without NaN.
        unit: of the predictions.
        made_by: what the embeddings can be compared with: model (name and SHA-256) and precision.
        left_out: status -> how many genes of people and tissues had no embedding.
    """

    table: "pd.DataFrame"
    vectors: np.ndarray
    unit: Unit
    made_by: dict[str, Any]
    left_out: dict[str, int]


def store_points(
    store: EmbeddingStore,
    *,
    genes: Sequence[str] | None = None,
    samples: Sequence[str] | None = None,
    tissues: Sequence[str] | None = None,
) -> EmbeddingPoints:
    """Points of a store, in the order in which people, then genes, then tissues are asked for.

    Args:
        store: the store.
        genes, samples, tissues: as for ``PredictionDataset.part``; None = all.

    Raises:
        RejectedQueryError, SampleError: names that the store does not hold.
        InputError: they would take too much memory, or none has an embedding; a file is damaged.
    """
    part = store.part(genes=genes, samples=samples, tissues=tissues)
    shape = len(part.samples), len(part.genes), len(part.tissues)
    needed = int(np.prod(shape)) * store.width * np.dtype(np.float32).itemsize
    if needed > MOST_BYTES:
        raise InputError(
            f"{shape[0]:,} samples x {shape[1]:,} genes x {shape[2]:,} tissues are {int(np.prod(shape)):,} points, "
            f"whose embeddings take {needed / 2**30:,.3g} GB of memory (at most: {MOST_BYTES / 2**30:,.3g} GB)",
            remedy="Ask for fewer with --sample, --gene or --tissue.",
        )
    predicted = part.table()
    table = predicted[["sample", "gene_id", "gene_name", "tissue", part.unit.column, "status"]]
    vectors = store.vectors(part, np.float32).reshape(len(table), store.width)
    has_number = np.isfinite(vectors).all(axis=1)
    left_out = dict(Counter(table["status"][~has_number]))
    if not has_number.any():
        counts = ", ".join(f"{count:,} {status}" for status, count in sorted(left_out.items()))
        raise InputError(f"no point has an embedding ({counts})", remedy="Ask for other samples or genes.")
    if left_out:
        table, vectors = table[has_number].reset_index(drop=True), vectors[has_number]
    described = store.metadata
    made_by = {"model": described["model"], "precision": described["settings"].get("precision")}
    return EmbeddingPoints(table, vectors, part.unit, made_by, left_out)

"""Options of an EPInformer's run; the defaults are those of its public code."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ..options import ExpressionOptions, LoopOptions, OptimizerOptions


@dataclass(frozen=True)
class EPInformerOptimizer(OptimizerOptions):
    """AdamW at a constant rate."""

    learning_rate: float = 5e-4
    weight_decay: float = 1e-6
    schedule: str = "constant"
    max_grad_norm: float | None = None


@dataclass(frozen=True)
class EPInformerLoop(LoopOptions):
    """16 genes a step, until R2 over held-out genes has not grown for three epochs."""

    epochs: int = 100
    batch_size: int = 16
    monitor: str = "r2"
    monitor_mode: str = "max"
    patience: int | None = 3
    optimizer: EPInformerOptimizer = field(default_factory=EPInformerOptimizer)


@dataclass(frozen=True)
class EPInformerOptions(ExpressionOptions):
    """A run of EPInformer, which begins as ``model`` or, without, as a new one.

    A new one is made of ``genes``, ``tissues``, ``elements`` and ``gene_features``, which are kept in its folder.

    Attributes:
        loop: see there.
        n_tissues, evaluate_pairs: None: all.
        elements: of the genes, see ``read_elements``; those are read that a model of this ``config`` reads.
        gene_features: of all genes, see ``read_gene_features``.
        embeddings: vectors of the genes by another model, see ``GeneFeatures.with_embeddings``; None = the model reads
            none.
    """

    model_type: ClassVar[str | None] = "epinformer"

    loop: EPInformerLoop
    n_tissues: int | None = None
    evaluate_pairs: int | None = None
    elements: Path | None = None
    gene_features: Path | None = None
    embeddings: Path | None = None

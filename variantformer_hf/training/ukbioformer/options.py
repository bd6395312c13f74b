"""Options of a UKBioFormer's run; the defaults are those of its paper's public code."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ..options import ExpressionOptions, LoopOptions, OptimizerOptions


@dataclass(frozen=True)
class UkBioFormerOptimizer(OptimizerOptions):
    """Adam at a constant rate, gradients as they are."""

    name: str = "adam"
    learning_rate: float = 5e-6
    weight_decay: float = 0.0
    schedule: str = "constant"
    max_grad_norm: float | None = None


@dataclass(frozen=True)
class UkBioFormerLoop(LoopOptions):
    """Eight people at a time, 100 times; the epoch with the lowest held-out loss is the best."""

    epochs: int = 100
    batch_size: int = 8
    optimizer: UkBioFormerOptimizer = field(default_factory=UkBioFormerOptimizer)


@dataclass(frozen=True)
class UkBioFormerOptions(ExpressionOptions):
    """A run of UKBioFormer or UKBioZoi, which begins as ``model``, on ``backbone`` or, with neither, as a new one.

    In the paper each gene has a model of its own: a split that names one gene (``Split.with_genes``) trains that one.

    Attributes:
        backbone: folder of a converted Enformer or Borzoi that a new one's trunk begins as; ``genes`` and ``tissues``
            are of the new one, and ``config`` has further fields of it (``backbone``, without such a folder).
        embedding_model: folder of the UKBioBERT; None = where ``model`` says.
        embeddings: a file of the donors' embeddings instead, as ``variantformer embed`` writes it.
        element_store: folder for the vectors of haplotypes; None = ``embeddings`` in the output.
        n_tissues: None: each donor's values in all outputs of the model.
        keep_inputs: windows of donors that stay in memory once they were read, of the donors to train on and of those
            held out so many each; one takes twice its bases in bytes.
    """

    model_type: ClassVar[str | None] = "ukbioformer"

    loop: UkBioFormerLoop
    backbone: Path | None = None
    embedding_model: Path | None = None
    embeddings: Path | None = None
    n_tissues: int | None = None
    keep_inputs: int = 5_000

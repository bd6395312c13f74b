"""Options of a Variformer's run; the defaults are those of its paper's public code."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ..options import ExpressionOptions, LoopOptions, OptimizerOptions


@dataclass(frozen=True)
class VariformerOptimizer(OptimizerOptions):
    """AdamW at a constant rate, gradients clipped hard."""

    learning_rate: float = 5e-6
    schedule: str = "constant"
    max_grad_norm: float | None = 0.05


@dataclass(frozen=True)
class VariformerLoop(LoopOptions):
    """A step is a block of 128 people of one gene in four batches, in each process."""

    epochs: int = 150
    batch_size: int = 32
    gradient_accumulation: int = 4
    precision: str = "bfloat16"
    monitor: str = "train_genes.r2"
    monitor_mode: str = "max"
    patience: int | None = 20
    optimizer: VariformerOptimizer = field(default_factory=VariformerOptimizer)


@dataclass(frozen=True)
class VariformerOptions(ExpressionOptions):
    """A run of Variformer, which begins as ``model``, as ``enformer`` or, with neither, as a new one.

    Attributes:
        loop: see there. ``people_per_block`` is a multiple of ``batch_size``, so that a batch is of one gene.
        enformer: folder of a converted Enformer that a new one's trunk begins as; ``genes`` and ``tissues`` are of the
            new one, and ``config`` has further fields of it.
        n_tissues: None: each donor's values in all tissues of the model.
        evaluate_pairs: at the end of each epoch whole genes are predicted, as many as have so many pairs; None = all.
        people_per_block: donors of one gene that are drawn together. Genes with fewer are left out.
        keep_inputs: windows of donors that stay in memory once they were read, of the donors to train on and of those
            held out so many each; one takes twice its bases in bytes.
    """

    model_type: ClassVar[str | None] = "variformer"

    loop: VariformerLoop
    enformer: Path | None = None
    n_tissues: int | None = None
    evaluate_pairs: int | None = None
    people_per_block: int = 128
    keep_inputs: int = 5_000

"""Options of heads on vectors; the defaults are those of VariantFormer's paper (S1.2)."""

from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError, check_number
from ..options import LoopOptions, OptimizerOptions


@dataclass(frozen=True)
class HeadsOptimizer(OptimizerOptions):
    """AdamW, up to 1e-4 in the first hundredth of the steps and down a half cosine to 1e-5; gradients as they are."""

    max_grad_norm: float | None = None


@dataclass(frozen=True)
class HeadsOptions:
    """How heads are fitted.

    Attributes:
        hidden: widths of the linear map that all tissues share, and of the two hidden layers of each head; the paper
            names none.
        dropout: behind each hidden layer.
        epochs: on protein-coding genes.
        more_epochs: on all genes, from there on. Where genes of one kind alone have values, or the table of genes does
            not know their types, ``epochs`` are on all of them and there is no more.
        batch_size: pairs of a gene and a donor at a time.
        gradient_accumulation: batches of a step.
        n_tissues: values that are drawn of a pair at each step.
        learning_rate: the highest; the lowest is a tenth of it.
        evaluate_pairs: at most so many held-out pairs are predicted at the end of each epoch.
        seed: of weights, order, drawn tissues and dropout.
    """

    hidden: tuple[int, int, int] = (512, 512, 256)
    dropout: float = 0.1
    epochs: int = 15
    more_epochs: int = 10
    batch_size: int = 8
    gradient_accumulation: int = 1
    n_tissues: int = 2
    learning_rate: float = 1e-4
    evaluate_pairs: int = 2_000
    seed: int = 0

    def __post_init__(self) -> None:
        lowest = {"epochs": 0, "more_epochs": 0, "batch_size": 1, "gradient_accumulation": 1, "n_tissues": 1}
        for name, least in lowest.items():
            check_number(f"--{name.replace('_', '-')}", getattr(self, name), least)
        if self.epochs + self.more_epochs < 1:
            raise InputError("--epochs and --more-epochs are both 0", remedy="Train for one epoch or more.")
        check_number("--dropout", self.dropout, 0, 0.99)
        check_number("--learning-rate", self.learning_rate, 1e-12, 10)
        if len(self.hidden) != 3 or min(self.hidden) < 1:
            raise InputError(
                f"--hidden is {', '.join(map(str, self.hidden))}",
                remedy="Give three widths of 1 or more: of the shared map, and of the two hidden layers of each head.",
            )

    def loop(self, output: Path, epochs: int) -> LoopOptions:
        """Of the loop of one phase.

        Args:
            output: its folder.
            epochs: of it.
        """
        optimizer = HeadsOptimizer(learning_rate=self.learning_rate, min_learning_rate=self.learning_rate / 10)
        return LoopOptions(
            output,
            epochs=epochs,
            batch_size=self.batch_size,
            gradient_accumulation=self.gradient_accumulation,
            seed=self.seed,
            optimizer=optimizer,
        )

"""Models whose predictions attend to cCREs one by one, and how much each is attended to."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .gene_input import GeneInput, GeneOutput
from .opened_model import OpenedModel


@dataclass(frozen=True, slots=True)
class CreAttention:
    """How much the token of each output attends to a gene's cCREs.

    Attributes:
        output: the prediction; where it has no number there are no weights, or they are not to be trusted.
        cres: (n,) int64, which of the gene's cCREs the person has.
        weights: (T, layers, heads, n) float32; over the n cCREs they sum to 1.
    """

    output: GeneOutput
    cres: np.ndarray
    weights: np.ndarray

    @classmethod
    def nothing(cls, status: str, n_outputs: int, shape: tuple[int, int]) -> "CreAttention":
        """Of a gene that there is nothing to predict from, by a model of so many layers and heads."""
        weights = np.zeros((n_outputs, *shape, 0), dtype=np.float32)
        return cls(GeneOutput.nothing(status, n_outputs), np.zeros(0, dtype=np.int64), weights)


class AttendingModel(OpenedModel, ABC):
    """An opened model with the ability ``cre_attention``."""

    @property
    @abstractmethod
    def attention_shape(self) -> tuple[int, int]:
        """Layers, and heads of each.

        Raises:
            InputError: these weights have no token that attends to cCREs.
        """

    @abstractmethod
    def attention(self, gene: GeneInput, outputs: Sequence[int]) -> CreAttention:
        """A gene's prediction, and the attention of each output's token over its cCREs, in one forward pass.

        Args:
            gene: as :meth:`OpenedModel.read` reads it.
            outputs: ids of T outputs.

        Raises:
            InputError: memory does not suffice for one output; see :attr:`attention_shape`.
        """

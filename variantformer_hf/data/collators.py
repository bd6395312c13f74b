"""Examples -> batches."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..zoo.gene_model import GeneModel


class ExpressionCollator:
    """Batches of examples, as a model's network takes them.

    Args:
        model: whose examples they are.
    """

    def __init__(self, model: GeneModel) -> None:
        self._model = model

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch of B genes in T tissues, ``labels`` (B, T) among it; see :meth:`GeneModel.batch`."""
        return self._model.batch(
            [each["gene"] for each in examples],
            np.stack([np.asarray(each["outputs"], dtype=np.int64) for each in examples]),
            np.stack([np.asarray(each["labels"], dtype=np.float32) for each in examples]),
        )

"""Learning rates and optimizers."""

import numpy as np
import pytest
import torch

from variantformer_hf.training.options import OptimizerOptions
from variantformer_hf.training.schedules import LearningRate, make_optimizer

pytestmark = pytest.mark.usefixtures("one_thread")


def test_learning_rates_by_hand() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    options = OptimizerOptions(learning_rate=1.0, min_learning_rate=0.1, warmup=0.1)
    rate = LearningRate(make_optimizer([parameter], options), options, 101)
    np.testing.assert_allclose([rate.at(0), rate.at(4), rate.at(10)], [1 / 11, 5 / 11, 1.0])
    assert rate.at(11) == 1.0
    assert rate.at(100) == pytest.approx(0.1)
    assert rate.at(11 + 44) == pytest.approx(0.1 + 0.9 * (1 + np.cos(np.pi * 44 / 89)) / 2)
    plateau = OptimizerOptions(name="adam", schedule="plateau", learning_rate=1.0, min_learning_rate=0.0)
    optimizer = make_optimizer([parameter], plateau)
    rate = LearningRate(optimizer, plateau, 10)
    for loss in (5.0, 4.0, 4.5, 4.5, 4.5):
        rate.after_evaluation(loss)
    rate.set(3)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1)
    assert isinstance(optimizer, torch.optim.Adam)
    assert not isinstance(optimizer, torch.optim.AdamW)

"""Learning rates and optimizers."""

import numpy as np
import pytest
import torch
from transformers import get_linear_schedule_with_warmup

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


def test_a_line_is_that_of_transformers() -> None:
    """Without a warm-up the rate of step s is (total - s) / total of the first one."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    options = OptimizerOptions(learning_rate=0.5, min_learning_rate=0.0, warmup=0.0, schedule="linear")
    optimizer = make_optimizer([parameter], options)
    theirs = get_linear_schedule_with_warmup(torch.optim.SGD([parameter], lr=0.5), 0, 7)
    rate = LearningRate(optimizer, options, 7)
    for step in range(7):
        assert rate.at(step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-12), step
        theirs.optimizer.step()
        theirs.step()
    floor = OptimizerOptions(learning_rate=1.0, min_learning_rate=0.2, warmup=0.2, schedule="linear")
    rate = LearningRate(optimizer, floor, 10)
    np.testing.assert_allclose([rate.at(step) for step in (0, 1, 2, 6, 9)], [0.5, 1.0, 1.0, 0.6, 0.3])

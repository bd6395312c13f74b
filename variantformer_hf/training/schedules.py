"""Optimizers and learning rates."""

import math
from collections.abc import Iterable

import torch

from .options import OptimizerOptions


def make_optimizer(parameters: Iterable[torch.nn.Parameter], options: OptimizerOptions) -> torch.optim.Optimizer:
    """Adam, whose weight decay is an L2 penalty, or AdamW, over the parameters that learn."""
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[options.name]
    learning = [each for each in parameters if each.requires_grad]
    return kind(learning, lr=options.learning_rate, weight_decay=options.weight_decay)


class LearningRate:
    """The learning rate, step by step.

    Args:
        optimizer: whose rate is set.
        options: the schedule.
        total_steps: of the run.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, options: OptimizerOptions, total_steps: int) -> None:
        self._optimizer, self._options, self._total = optimizer, options, max(1, total_steps)
        self._factor, self._best, self._waited = 1.0, math.inf, 0
        self.set(0)

    def at(self, step: int) -> float:
        """The rate of the step with this number, from 0."""
        options = self._options
        if options.schedule == "constant":
            return options.learning_rate
        if options.schedule == "plateau":
            return max(options.min_learning_rate, options.learning_rate * self._factor)
        warmup = math.ceil(options.warmup * self._total)
        if step < warmup:
            return options.learning_rate * (step + 1) / warmup
        span = options.learning_rate - options.min_learning_rate
        if options.schedule == "linear":
            return options.min_learning_rate + span * (self._total - step) / max(1, self._total - warmup)
        passed = min(1.0, (step - warmup) / max(1, self._total - 1 - warmup))
        return options.min_learning_rate + span * (1 + math.cos(math.pi * passed)) / 2

    def set(self, step: int) -> None:
        """Set the optimizer's rate for a step."""
        for group in self._optimizer.param_groups:
            group["lr"] = self.at(step)

    def after_evaluation(self, loss: float) -> None:
        """Tell the schedule what ``best`` is chosen by, lower being better; a plateau lowers the rate."""
        if loss < self._best:
            self._best, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited > self._options.plateau_patience:
            self._factor, self._waited = self._factor * self._options.plateau_factor, 0

    def state(self) -> dict[str, float]:
        """What a later run goes on from."""
        return {"factor": self._factor, "best": self._best, "waited": self._waited}

    def load(self, state: dict[str, float]) -> None:
        """Go on from a state."""
        self._factor, self._best, self._waited = state["factor"], state["best"], int(state["waited"])

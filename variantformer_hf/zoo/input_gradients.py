"""Gradients of predictions by what a network is given."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def gradients_of_inputs(network: torch.nn.Module) -> Iterator[None]:
    """Gradients of inputs, and none of weights, which would take memory."""
    learned = [each for each in network.parameters() if each.requires_grad]
    for each in learned:
        each.requires_grad_(False)
    try:
        with torch.enable_grad():
            yield
    finally:
        for each in learned:
            each.requires_grad_(True)

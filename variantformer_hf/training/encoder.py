"""Training of an encoder by itself (stage 1), by the family that has one."""

from collections.abc import Callable
from typing import Any

from ..zoo.families import encoder_training
from .options import EncoderOptions


def set_up(options: EncoderOptions) -> Any:
    """Open and check everything that a run needs, without training.

    Returns:
        The family's setup; its ``plan`` says what the run will do.

    Raises:
        InputError: anything that would stop the run later.
    """
    return encoder_training(options.model).set_up(options)


def estimate(options: EncoderOptions, setup: Any) -> dict[str, float]:
    """How long a run would take on this machine's CPU, from one batch: seconds_a_step, hours."""
    found: dict[str, float] = encoder_training(options.model).estimate(options, setup)
    return found


def train_encoder(
    options: EncoderOptions, *, on_step: Callable[[int, int, float, float], None] | None = None
) -> dict[str, float]:
    """Train, or go on with, a stage-1 run; folders as of ``train_expression``.

    Returns:
        The last evaluation on the held-out chromosomes.

    Raises:
        InputError: see :func:`set_up` and ``TrainingLoop``.
    """
    result: dict[str, float] = encoder_training(options.model).train_encoder(options, on_step=on_step)
    return result

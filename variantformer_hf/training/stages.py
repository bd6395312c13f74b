"""What ``variantformer train STAGE`` can train: two stages of any model, and those that are a family's own.

A family's stage is added with a line in ``zoo.families``: ``stages={"name": "module:STAGE"}``, where that module has

- of a model of expression: ``STAGE = on_expression(ItsOptions)``. ``ItsOptions`` is a subclass of ``ExpressionOptions``
  with ``model_type`` set, the paper's numbers as defaults (those of ``loop`` in subclasses of ``LoopOptions`` and
  ``OptimizerOptions``), and fields of its own. How it is trained is the family's ``recipe``, whose ``options_class`` it
  is; the recipe's ``takes`` names those options of all that it has.
- of anything else: ``STAGE = Stage(ItsOptions, set_up, estimate, train)``; among its options is a ``loop`` of
  ``LoopOptions``, and ``train`` runs a ``TrainingLoop``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..zoo.families import family_stages
from . import encoder, expression
from .options import EncoderOptions, ExpressionOptions


@dataclass(frozen=True, slots=True)
class Stage:
    """A way of training.

    Attributes:
        options: class of its options, for ``read_options``; a field ``loop`` is among them.
        set_up: options -> everything opened and checked; its ``plan`` says what a run would do.
        estimate: (options, what ``set_up`` gave) -> seconds_a_step and hours on this CPU.
        train: (options, on_step=) -> the last evaluation; ``on_step`` as of ``TrainingLoop``.
    """

    options: type[Any]
    set_up: Callable[..., Any]
    estimate: Callable[..., dict[str, float]]
    train: Callable[..., dict[str, float]]


def on_expression(options: type[ExpressionOptions]) -> Stage:
    """A stage that trains on the expression of cohorts' donors, by the recipe of the model's family."""
    return Stage(options, expression.set_up, expression.estimate, expression.train_expression)


_OF_ANY_FAMILY = {
    "encoder": Stage(EncoderOptions, encoder.set_up, encoder.estimate, encoder.train_encoder),
    "expression": on_expression(ExpressionOptions),
}


def stage_named(name: str) -> Stage:
    """The stage of a name.

    Raises:
        InputError: there is none.
    """
    if name in _OF_ANY_FAMILY:
        return _OF_ANY_FAMILY[name]
    stages = family_stages()
    if name not in stages:
        known = ", ".join([*_OF_ANY_FAMILY, *stages])
        raise InputError(f"there is no stage {name!r} to train", remedy=f"The stages are {known}.")
    stage: Stage = stages[name]()
    return stage

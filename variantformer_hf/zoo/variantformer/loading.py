"""Loading VariantFormer's weights and processor from a folder or the Hub."""

from pathlib import Path
from typing import Any, cast

import torch

from ...errors import InputError
from ...modeling import (
    VariantFormerEncoder,
    VariantFormerForChromatinActivity,
    VariantFormerForExpression,
    VariantFormerProcessor,
)
from ..model_files import MODEL_REMEDY, load_strictly, model_file

# Weights of a stage-1 model beside its encoder's.
_HEADS = ("classifiers.", "logit_scale")


def load_expression_model(
    model: str | Path, *, dtype: torch.dtype, revision: str | None = None, **options: Any
) -> VariantFormerForExpression:
    """Load the weights of an expression model; arguments and errors as for :func:`load_strictly`."""
    loaded = load_strictly(VariantFormerForExpression, model, dtype=dtype, revision=revision, **options)
    return cast(VariantFormerForExpression, loaded)


def load_activity_model(
    model: str | Path, *, dtype: torch.dtype, revision: str | None = None, **options: Any
) -> VariantFormerForChromatinActivity:
    """Load the weights of a stage-1 model; arguments and errors as for :func:`load_strictly`."""
    loaded = load_strictly(VariantFormerForChromatinActivity, model, dtype=dtype, revision=revision, **options)
    return cast(VariantFormerForChromatinActivity, loaded)


def load_encoder(model: str | Path, *, dtype: torch.dtype, revision: str | None = None) -> VariantFormerEncoder:
    """Load the encoder of a stage-1 model, without its heads; arguments and errors as for :func:`load_strictly`."""
    loaded = load_strictly(VariantFormerEncoder, model, dtype=dtype, revision=revision, unused=_HEADS)
    return cast(VariantFormerEncoder, loaded)


def load_processor(model: str | Path, *, revision: str | None = None) -> VariantFormerProcessor:
    """Load a model's tokenizer and geometry.

    Raises:
        InputError: its files are missing or damaged.
    """
    for name in ("tokenizer.json", "processor_config.json"):
        model_file(model, name, revision=revision)
    try:
        return VariantFormerProcessor.from_pretrained(model, revision=revision or "main")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError("its tokenizer or processor cannot be loaded", file=model, remedy=MODEL_REMEDY) from error

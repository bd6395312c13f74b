"""The config.json that another library wrote beside a checkpoint, read into a config of ours."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub.errors import StrictDataclassError

from ..errors import UNREADABLE, CheckpointError, InputError, unreadable

ConfigT = TypeVar("ConfigT")
_REMEDY = "Give the config.json that was published with the weights."


def read_published_config(path: Path, needed: tuple[str, ...]) -> dict[str, Any]:
    """A table of settings.

    Args:
        path: the file.
        needed: settings that it must have, whole numbers.

    Raises:
        InputError: it cannot be read, is another kind of JSON, or lacks one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except UNREADABLE as error:
        raise unreadable(path, error, _REMEDY) from None
    except ValueError as error:
        raise InputError("is not a JSON file", file=path, remedy=_REMEDY) from error
    if not isinstance(content, dict):
        raise InputError("is not a table of settings", file=path, remedy=_REMEDY)
    for name in needed:
        if type(content.get(name)) is not int:
            raise InputError(f"{name} is {content.get(name)!r}, not a whole number", file=path, remedy=_REMEDY)
    return content


def config_of(make: Callable[..., ConfigT], settings: Mapping[str, Any], path: Path) -> ConfigT:
    """A config with settings, or the refusal of one that it does not take.

    Args:
        make: class of the config.
        settings: its fields.
        path: the file that they are from.

    Raises:
        CheckpointError: a setting is of another type, or is not implemented.
    """
    try:
        return make(**settings)
    except (ValueError, TypeError, StrictDataclassError) as error:
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"describes a model that is not implemented: {reason}", file=path) from error

"""The libraries that read genotype formats, which are an extra."""

from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InputError


def library(name: str, path: Path) -> Any:
    """A module that reads a file.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"is read by the package {name.replace('_', '-')}, which is not installed",
            file=path,
            remedy="pip install 'variantformer-hf[genotypes]'",
        ) from error

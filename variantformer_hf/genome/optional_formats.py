"""The libraries that read some formats, which are extras."""

from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import InputError


def library(name: str, path: Path, extra: str = "genotypes") -> Any:
    """A module that reads a file.

    Args:
        name: of the module.
        path: the file, for the message.
        extra: of this package, that installs it.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"is read by the package {name.replace('_', '-')}, which is not installed",
            file=path,
            remedy=f"pip install 'variantformer-hf[{extra}]'",
        ) from error

"""YAML files that users write."""

from pathlib import Path
from typing import Any

from .errors import UNREADABLE, InputError, unreadable


def read_yaml(path: str | Path) -> Any:
    """Content of a YAML file, of plain types only.

    Raises:
        InputError: the file is missing, or is no YAML.
    """
    import yaml

    try:
        return yaml.safe_load(Path(path).read_text())
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError("cannot be read as YAML", file=path) from error

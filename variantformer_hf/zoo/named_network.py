"""Another network that a model's config names: a Hub id, or a folder by its path from the model's."""

import os
from pathlib import Path


def from_model(model: str | Path, named: str) -> str:
    """Where a config's name leads: to a folder, by its path from the model's, or to the Hub."""
    beside = Path(model) / named
    return str(beside) if beside.is_dir() else named


def absolute(where: str) -> str:
    """A folder by its whole path; a Hub id as it is."""
    return str(Path(where).resolve()) if Path(where).is_dir() else where


def seen_from(folder: Path, where: str | None) -> str | None:
    """A network's folder by its path from a model's; a Hub id as it is."""
    if where is None or not Path(where).is_dir():
        return where
    return Path(os.path.relpath(Path(where).resolve(), folder.resolve())).as_posix()

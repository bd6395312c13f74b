"""Folders of several files, put in place of the one that is there when they are whole."""

import shutil
from collections.abc import Callable
from pathlib import Path

from .files import writing


def replace_folder(folder: Path, write: Callable[[Path], object]) -> None:
    """Write a folder under another name, and put it in the place of the one that is there.

    Raises:
        OutputError: it cannot be written; the one that is there stays.
    """
    restore_folder(folder)
    partial, old = folder.with_name(f".partial-{folder.name}"), _replaced(folder)
    for leftover in (partial, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        with writing(folder.parent):
            partial.mkdir(parents=True)
            write(partial)
            if folder.exists():
                folder.replace(old)
            partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def restore_folder(folder: Path) -> None:
    """Put back a folder that :func:`replace_folder` had taken away when it was killed."""
    if not folder.exists() and _replaced(folder).is_dir():
        _replaced(folder).replace(folder)


def _replaced(folder: Path) -> Path:
    return folder.with_name(f".old-{folder.name}")

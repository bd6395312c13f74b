"""Units of a folder of forests while they are trained: a file each, so that a run that is cut short goes on."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ...errors import InputError
from ...files import whole_file, writing
from ...work.units import Unit
from .forest_folder import DONORS_FILE, FORESTS_FILE, UNITS_FILE

SUMMARY_FILE, HELD_OUT_FILE = "summary.json", "held_out.tsv"
_OURS = (FORESTS_FILE, UNITS_FILE, DONORS_FILE, SUMMARY_FILE, HELD_OUT_FILE)
_PARTS, _RUN, _UNIT, _SUFFIX = "_parts", "run.json", "unit", ".safetensors"


class ForestParts:
    """The units of a run that are done, in a folder within that of the forests.

    Args:
        folder: of the forests.
        key: of the run.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder, self._key = folder / _PARTS, key

    @classmethod
    def begin(cls, folder: Path, key: str, *, overwrite: bool) -> "ForestParts":
        """Begin a run in a folder, or go on with it.

        Args:
            folder: of the forests.
            key: what tells the run from others.
            overwrite: another run's forests are removed.

        Raises:
            InputError: it holds another run's forests, or files that no run wrote.
            OutputError: it cannot be written.
        """
        parts = folder / _PARTS
        there = [path for path in folder.iterdir() if path.name != ".lock"] if folder.is_dir() else []
        if parts.is_dir() and _read_key(parts / _RUN) == key:
            return cls(folder, key)
        if there:
            if not (folder / FORESTS_FILE).is_file() and not (parts / _RUN).is_file():
                raise InputError(
                    "holds files, and is no folder of trained forests", file=folder, remedy="Name a new folder."
                )
            if not overwrite:
                what = "forests" if (folder / FORESTS_FILE).is_file() else "the unfinished forests of another run"
                raise InputError(
                    f"holds {what} already", file=folder, remedy="Name another folder, or give --overwrite."
                )
            with writing(folder):
                _remove(folder)
        with writing(folder):
            parts.mkdir(parents=True, exist_ok=True)
            with whole_file(parts / _RUN) as partial:
                partial.write_text(json.dumps({"key": key}))
        return cls(folder, key)

    def is_done(self, unit: Unit) -> bool:
        """Whether a unit's file is there."""
        return self._path(unit.name).is_file()

    def write(self, unit: Unit, row: dict[str, Any], forest: dict[str, np.ndarray] | None) -> None:
        """Write a unit: what is to be said of it, and its forest.

        Raises:
            OutputError: it cannot be written.
        """
        with whole_file(self._path(unit.name)) as partial:
            save_file(forest or {}, partial, metadata={_UNIT: json.dumps(row)})

    def rows(self, units: Iterable[Unit]) -> list[dict[str, Any]]:
        """What was said of units.

        Raises:
            InputError: a file is damaged.
        """
        found = []
        for unit in units:
            with self._opened(unit) as file:
                found.append(json.loads(file.metadata()[_UNIT]))
        return found

    def forest(self, unit: Unit) -> dict[str, np.ndarray]:
        """The forest of a unit.

        Raises:
            InputError: its file is damaged.
        """
        with self._opened(unit) as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- not a dict

    def remove(self) -> None:
        """All is written elsewhere."""
        shutil.rmtree(self._folder)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"

    def _opened(self, unit: Unit) -> Any:
        path = self._path(unit.name)
        try:
            return safe_open(path, framework="np")
        except (SafetensorError, OSError) as error:
            path.unlink(missing_ok=True)
            raise InputError(
                f"was damaged, and removed ({error})",
                file=path,
                remedy="Start the same command again: what it held is done again.",
            ) from error


def _read_key(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_text())["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remove(folder: Path) -> None:
    """Remove what a run wrote into a folder, the file that says that it is finished first."""
    for name in _OURS:
        (folder / name).unlink(missing_ok=True)
    for path in folder.glob(f"*{_SUFFIX}"):
        path.unlink()
    shutil.rmtree(folder / _PARTS, ignore_errors=True)

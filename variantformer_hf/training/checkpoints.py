"""States that a run goes on from, and models that are done: written whole under another name, and renamed."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import writing

STATES = "checkpoints"
_PROGRESS = "progress.json"


class Checkpoints:
    """States of a run in a folder.

    Args:
        folder: of the states.
        options_hash: of the run; states of another are refused.
        keep: how many states stay.
    """

    def __init__(self, folder: Path, options_hash: str, keep: int) -> None:
        self.folder, self._hash, self._keep = folder, options_hash, keep

    def latest(self) -> tuple[Path, dict[str, Any]] | None:
        """The last whole state, and how far it was; None = there is none.

        Raises:
            InputError: it is of a run with other options.
        """
        for folder in sorted(self.folder.glob("step-*"), reverse=True):
            try:
                progress = json.loads((folder / _PROGRESS).read_text())
            except (OSError, ValueError):
                continue  # cut short while it was removed
            if progress["options"] != self._hash:
                raise InputError(
                    "is of a run with other options or data",
                    file=folder,
                    remedy="Name another output folder, or go on with the options that the run had.",
                )
            return folder, progress
        return None

    @contextmanager
    def being_written(self, step: int) -> Iterator[Path]:
        """Where the processes of a run write their parts of a state; removed when one fails.

        Raises:
            OutputError: it cannot be written.
        """
        partial = self._partial(step)
        try:
            with writing(self.folder):
                yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def finish(self, step: int, progress: Mapping[str, Any]) -> Path:
        """Make what was written the state of a step, and remove the oldest ones; by one process."""
        partial, done = self._partial(step), self.folder / f"step-{step:010d}"
        (partial / _PROGRESS).write_text(json.dumps({**progress, "step": step, "options": self._hash}))
        shutil.rmtree(done, ignore_errors=True)
        partial.replace(done)
        for old in sorted(self.folder.glob("step-*"))[: -self._keep]:
            shutil.rmtree(old)
        for cut in self.folder.glob(".partial-*"):
            shutil.rmtree(cut)
        return done

    def _partial(self, step: int) -> Path:
        return self.folder / f".partial-step-{step:010d}"


def kept_of_run(output: Path) -> str:
    """A sentence about the last state in a run's folder, and how to go on from it."""
    steps = [int(folder.name.removeprefix("step-")) for folder in (output / STATES).glob("step-*")]
    if not steps:
        return "No state is kept: the same command begins anew."
    return f"{output} keeps the state of step {max(steps)}: the same command goes on from there."

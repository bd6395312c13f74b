"""A job whose answer is known: each unit writes the square of its number.

Of little import: every worker imports this.
"""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from variantformer_hf.errors import InputError, OutputError
from variantformer_hf.files import whole_file
from variantformer_hf.work import Unit, unit_of


@dataclass(frozen=True)
class Squares:
    """The job.

    Attributes:
        folder: where units are written, and, beside them in ``began``, a line each time that one is begun.
        seconds: that each unit takes.
        refused: numbers that cannot be done.
        deadly: numbers whose process dies, always.
    """

    folder: Path
    seconds: float = 0.0
    refused: frozenset[int] = frozenset()
    deadly: frozenset[int] = frozenset()

    def open(self) -> "SquareWriter":
        return SquareWriter(self)

    def units(self, count: int) -> list[Unit]:
        self.folder.mkdir(exist_ok=True)
        return [unit_of("square", number) for number in range(count)]

    def is_done(self, unit: Unit) -> bool:
        return self.path(unit).exists()

    def path(self, unit: Unit) -> Path:
        return self.folder / f"{unit.name}.txt"

    def answers(self) -> list[int]:
        """What is written, in order."""
        return sorted(int(path.read_text()) for path in self.folder.glob("square-*.txt"))

    def begun(self) -> list[str]:
        """Names of units, each time that one was begun, in whatever process."""
        return [name for name, _ in self._began()]

    def processes(self) -> set[int]:
        """Those that have begun a unit."""
        return {pid for _, pid in self._began()}

    def last_process(self) -> int:
        """The process that has begun a unit last."""
        return self._began()[-1][1]

    def _began(self) -> list[tuple[str, int]]:
        path = self.folder / "began"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(name, int(pid)) for name, pid in (line.split() for line in lines)]


class SquareWriter:
    """The worker."""

    def __init__(self, job: Squares) -> None:
        self.job = job

    def do(self, unit: Unit) -> None:
        with (self.job.folder / "began").open("a") as file:
            file.write(f"{unit.name} {os.getpid()}\n")
        if unit.content in self.job.refused:
            raise InputError("has no square", record=str(unit.content))
        if unit.content in self.job.deadly:
            os._exit(1)
        time.sleep(self.job.seconds)
        with whole_file(self.job.path(unit)) as partial:
            partial.write_text(str(unit.content**2))

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class PreparedSquares(Squares):
    """The same, whose squares are computed ahead."""

    def open(self) -> "PreparedWriter":  # type: ignore[override]
        return PreparedWriter(self)


class PreparedWriter:
    """Its worker; it counts how far ahead of what is done it was asked to prepare."""

    furthest = 0

    def __init__(self, job: Squares) -> None:
        self.job, self.prepared, self.done, self.thread = job, 0, 0, threading.get_ident()

    def prepare(self, unit: Unit) -> int:
        if unit.content in self.job.refused:
            raise InputError("has no square", record=str(unit.content))
        self.prepared += 1
        type(self).furthest = max(self.furthest, self.prepared - self.done)
        return int(unit.content**2)

    def do(self, unit: Unit, prepared: int) -> None:
        time.sleep(self.job.seconds)
        with whole_file(self.job.path(unit)) as partial:
            partial.write_text(str(prepared))
        self.done += 1
        (self.job.folder / "furthest").write_text(str(self.furthest))

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class OneFullDisk(Squares):
    """The first process that opens the job has a full disk, or all have."""

    all_full: bool = False

    def open(self) -> "WriterWithoutRoom":
        try:
            (self.folder / "full").mkdir()
            return WriterWithoutRoom(self, full=True)
        except FileExistsError:
            return WriterWithoutRoom(self, full=self.all_full)


class WriterWithoutRoom(SquareWriter):
    def __init__(self, job: Squares, *, full: bool) -> None:
        super().__init__(job)
        self.full = full

    def do(self, unit: Unit) -> None:
        if self.full:
            raise OutputError("no room is left on the disk", file=self.job.folder)
        time.sleep(0.01)
        super().do(unit)


@dataclass(frozen=True)
class CannotOpen(Squares):
    def open(self) -> SquareWriter:
        raise InputError("no such file", file="model", remedy="Put it on all machines.")

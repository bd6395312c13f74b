"""A run cut into units, each of which is done by itself and leaves a file of its own.

A command says what its units are, how a process gets ready for them (a :class:`Job`) and what one unit is (a
:class:`Worker`). An engine decides where they are done; it never sees what is in them. Whether a unit is done is asked
of the folder alone, so that a run that was killed goes on from what lies there, whichever engine began it.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import InputError
from ..run_key import run_key

logger = logging.getLogger(__name__)

# Units in a worker's hands: the one that is being done, and one whose input is being prepared meanwhile.
AT_ONCE = 2
_MOST_NAMED = 5
_LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of a run.

    Attributes:
        name: made from its content, see :func:`unit_of`; safe as a file's name. The same unit has the same name in
            every run, whatever the others are.
        content: what is to be done, small, as it is sent to another process.
        cost: how long it takes beside others, in any measure.
    """

    name: str
    content: Any
    cost: float = 1.0


def unit_of(kind: str, content: Any, description: Any = None, *, cost: float = 1.0) -> Unit:
    """A unit named after its content.

    Args:
        kind: the beginning of its name, for people; letters, digits, ``-`` and ``_``.
        content: see :class:`Unit`.
        description: what tells it from others of the run, as JSON can hold it; None = the content.
        cost: see :class:`Unit`.
    """
    key = run_key({"kind": kind, "content": content if description is None else description})
    return Unit(f"{kind}-{key[:16]}", content, cost)


class Worker(Protocol):
    """A process that is ready for the units of one job."""

    def do(self, unit: Unit) -> None:
        """Do a unit, and write its own files: whole or not at all, and the same ones where it is done twice."""

    def close(self) -> None:
        """Let go of what was opened."""


class PreparingWorker(Protocol):
    """A worker that reads the next unit's input in another thread while it works on this one."""

    def prepare(self, unit: Unit) -> Any:
        """Read what a unit needs; one at a time, at most ``AT_ONCE`` - 1 units before it is done."""

    def do(self, unit: Unit, prepared: Any) -> None:
        """As :meth:`Worker.do`, with what :meth:`prepare` gave."""

    def close(self) -> None:
        """Let go of what was opened."""


class Job(Protocol):
    """What every process of a run gets ready once: a model, the reference, stores. It can be pickled."""

    def open(self) -> Worker | PreparingWorker:
        """Get ready.

        Raises:
            InputError: a file is missing or cannot be used.
        """


class Engine(Protocol):
    """Where units are done."""

    @property
    def workers(self) -> int:
        """How many units are done at a time."""

    @property
    def has_gpus(self) -> bool | None:
        """Whether units are done on GPUs of other machines; None = on what this machine has."""

    @property
    def patience(self) -> float:
        """Seconds after which what another machine has written is seen here."""

    def run(self, job: Job, units: Sequence[Unit]) -> Iterator[tuple[Unit, Exception | None]]:
        """Do units, and say of each when it ended, in any order, and with what error.

        Raises:
            InputError: no process can get ready for the job.
        """


@dataclass(frozen=True, slots=True)
class FailedUnit:
    """A unit that could not be done.

    Attributes:
        name: of the unit.
        error: why.
    """

    name: str
    error: Exception

    @property
    def text(self) -> str:
        """Why, in a line."""
        said = " ".join(str(self.error).split())
        return said if isinstance(self.error, InputError) else f"{type(self.error).__name__}: {said}"


def run_units(
    job: Job,
    units: Sequence[Unit],
    *,
    is_done: Callable[[Unit], bool],
    engine: Engine,
    on_unit: Callable[[int, int], None] | None = None,
) -> list[FailedUnit]:
    """Do the units that are not done yet; one that fails does not stop the others.

    Args:
        job: what each process opens.
        units: of the run, in the order in which they are begun; no two of one name.
        is_done: whether a unit's files are there; asked before a unit is begun, when it has ended, and at the end.
        engine: where they are done.
        on_unit: called with (ended, total): before the first, and after each.

    Returns:
        Those that could not be done, see :func:`check_all_done`. All others are there when this returns.

    Raises:
        InputError: no process can get ready for the job.
        OutputError: nothing can be written any more; what is done stays.
    """
    twice = [name for name, count in Counter(unit.name for unit in units).items() if count > 1]
    if twice:
        raise ValueError(f"two units have the name {twice[0]}")
    todo = [unit for unit in units if not is_done(unit)]
    done = len(units) - len(todo)
    failed: list[FailedUnit] = []
    if on_unit is not None:
        on_unit(done, len(units))
    if todo:
        if done:
            logger.info("%d of %d units are done already", done, len(units))
        for unit, error in engine.run(job, todo):
            if error is not None:
                failed.append(FailedUnit(unit.name, error))
                logger.info("%s could not be done: %s", unit.name, failed[-1].text)
            done += 1
            if on_unit is not None:
                on_unit(done, len(units))
    known = {each.name for each in failed}
    for unit in _not_seen([unit for unit in units if unit.name not in known], is_done, engine.patience):
        failed.append(FailedUnit(unit.name, InputError("it ended, and what it wrote is not there")))
    return failed


def check_all_done(failed: Sequence[FailedUnit], total: int) -> None:
    """Say which units could not be done.

    Args:
        failed: what :func:`run_units` gave.
        total: how many units there were.

    Raises:
        InputError: the error itself where it is one; else one that names the first few, and why.
    """
    if not failed:
        return
    texts = list(dict.fromkeys(each.text for each in failed))
    if len(texts) == 1 and isinstance(failed[0].error, InputError):
        raise failed[0].error
    named = "; ".join(f"{each.name}: {each.text.rstrip('.')}" for each in failed[:_MOST_NAMED])
    more = f"; and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
    raise InputError(
        f"{len(failed)} of {total} units could not be done: {named}{more}",
        remedy="The others are done and kept: the same command does these again.",
    )


def _not_seen(units: Iterable[Unit], is_done: Callable[[Unit], bool], patience: float) -> list[Unit]:
    """Units whose files are not there; a shared folder may show what others wrote with delay."""
    missing = [unit for unit in units if not is_done(unit)]
    end = time.monotonic() + patience
    while missing and time.monotonic() < end:
        time.sleep(_LOOK_AGAIN_SECONDS)
        missing = [unit for unit in missing if not is_done(unit)]
    return missing

"""The processes of a run that was started with torchrun or ``accelerate launch``; one, where it was not."""

import os
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Processes:
    """Which process this is.

    Attributes:
        rank, count: number of this process from 0, and how many there are.
        wait: returns when all have called it.
    """

    rank: int
    count: int
    wait: Callable[[], None]


def processes(*, on_cpu: bool) -> Processes:
    """The processes of this run, joined to a group where there are several.

    Args:
        on_cpu: the run computes on the CPU, so that the group talks through gloo.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Processes(0, 1, lambda: None)
    from accelerate import PartialState

    state = PartialState(cpu=on_cpu)
    return Processes(state.process_index, state.num_processes, state.wait_for_everyone)


def is_first_process() -> bool:
    """Whether this process is the one of its run that speaks to the user."""
    return os.environ.get("RANK", "0") == "0"


def ahead(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """Items of an iterator that runs in a thread, up to ``depth`` of them ahead; its errors are raised here."""
    waiting: Queue[tuple[bool, Item | BaseException | None]] = Queue(maxsize=depth)
    stop = Event()

    def put(entry: tuple[bool, Item | BaseException | None]) -> bool:
        while not stop.is_set():
            try:
                waiting.put(entry, timeout=0.1)
            except Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:  # noqa: BLE001 -- whatever it is, it is raised where the items are used
            put((False, error))

    thread = Thread(target=work, name="inputs", daemon=True)
    thread.start()
    try:
        while True:
            try:
                is_item, entry = waiting.get(timeout=1.0)
            except Empty:
                continue
            if is_item:
                yield entry  # type: ignore[misc]
            elif isinstance(entry, BaseException):
                raise entry
            else:
                return
    finally:
        stop.set()
        thread.join()

"""Units in several processes of this machine."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from ..errors import InputError, OutputError
from .units import Job, Unit, Worker


class Processes:
    """The engine of several processes, each of which does one unit after the other.

    Args:
        n: how many.
    """

    has_gpus, patience = None, 0.0

    def __init__(self, n: int) -> None:
        self.workers = n

    def run(self, job: Job, units: Sequence[Unit]) -> Iterator[tuple[Unit, Exception | None]]:
        """See ``Engine.run``."""
        before = set(multiprocessing.active_children())
        pool = ProcessPoolExecutor(
            min(self.workers, len(units)), multiprocessing.get_context("spawn"), initializer=_begin, initargs=(job,)
        )
        is_done = False
        try:
            futures: dict[Future[None], Unit] = {pool.submit(_do, unit): unit for unit in units}
            for future in as_completed(futures):
                try:
                    future.result()
                except OutputError:
                    raise
                except BrokenProcessPool:
                    raise InputError(
                        "a process ended before its work did: it was killed, or memory ran out",
                        remedy="What is done is kept: start the same command again, with fewer --workers.",
                    ) from None
                except InputError as error:
                    yield futures[future], error
                else:
                    yield futures[future], None
            is_done = True
        finally:
            if not is_done:
                for process in set(multiprocessing.active_children()) - before:
                    process.terminate()
            pool.shutdown(cancel_futures=True)


class _Here:
    """What a process of the pool works with."""

    job: Job
    worker: Worker | None = None
    is_working = is_stopped = False


def _begin(job: Job) -> None:
    """Get a process ready: signals of the terminal are its parent's, and it does not outlive that one."""
    _Here.job = job
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _stop(*_: object) -> None:
    """End the unit as after an error, so that what it was writing is removed; the process ends with it.

    Between units it ends where it stands: raised there, an exception could leave half a message to the next reader.
    """
    if not _Here.is_working:
        os._exit(1)
    if not _Here.is_stopped:
        _Here.is_stopped = True
        raise SystemExit(1)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(unit: Unit) -> None:
    _Here.is_working = True
    try:
        if _Here.worker is None:
            worker = _Here.job.open()
            if hasattr(worker, "prepare"):
                raise TypeError("a worker that prepares ahead works in one process, or on Ray")
            _Here.worker = worker
        _Here.worker.do(unit)
    finally:
        _Here.is_working = False
        if _Here.is_stopped:
            os._exit(1)

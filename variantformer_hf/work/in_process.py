"""Units in this process, one after the other; the input of the next one is prepared meanwhile."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from ..errors import InputError, OutputError
from .units import AT_ONCE, Job, PreparingWorker, Unit, Worker


class InProcess:
    """The engine of one process.

    A unit that cannot be done is reported, and the next one begun; where nothing can be written any more, where memory
    ran out, or where something went wrong that nobody foresaw, the run stops there, as every further unit would.
    """

    workers, has_gpus, patience = 1, None, 0.0

    def run(self, job: Job, units: Sequence[Unit]) -> Iterator[tuple[Unit, Exception | None]]:
        """See ``Engine.run``."""
        if not units:
            return
        worker = job.open()
        try:
            for unit, do in _steps(worker, units):
                try:
                    do()
                except OutputError:
                    raise
                except InputError as error:
                    yield unit, error
                else:
                    yield unit, None
        finally:
            worker.close()


def _steps(worker: Worker | PreparingWorker, units: Sequence[Unit]) -> Iterator[tuple[Unit, Callable[[], None]]]:
    """Units, and what does each; what does it is called before the next one is asked for."""
    if not hasattr(worker, "prepare"):
        for unit in units:
            yield unit, lambda unit=unit: worker.do(unit)  # type: ignore[misc]
        return
    preparing = cast(PreparingWorker, worker)
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare")
    waiting = deque[tuple[Unit, Callable[[], None]]]()
    try:
        for unit in units:
            future = pool.submit(preparing.prepare, unit)
            waiting.append((unit, lambda unit=unit, future=future: preparing.do(unit, future.result())))  # type: ignore[misc]
            if len(waiting) == AT_ONCE:
                yield waiting.popleft()
        yield from waiting
    finally:
        pool.shutdown(cancel_futures=True)

"""The timer of all benchmarks, and how their numbers are shown."""

import json
import os
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

Result = TypeVar("Result")
Clock = Callable[[], float]


def cpu_clock() -> float:
    """CPU seconds of this process, and of those that it started and waited for."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def device_clock(device: Any) -> Clock:
    """Wall seconds when a torch device has done what it was asked for."""
    import torch

    def clock() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    return clock


class Timer:
    """Seconds of a block: ``with Timer() as took: ...``, and ``took.seconds`` afterwards."""

    def __init__(self, clock: Clock = time.perf_counter) -> None:
        self._clock, self.seconds = clock, float("nan")

    def __enter__(self) -> "Timer":
        self._begin = self._clock()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = self._clock() - self._begin


def timed(
    work: Callable[[], Result], rounds: int = 1, *, warm_up: int = 0, clock: Clock = time.perf_counter
) -> tuple[list[float], Result]:
    """Seconds of each round of some work, and what the last one gave; rounds to warm up come first and do not count."""
    times = []
    for _ in range(warm_up + rounds):
        with Timer(clock) as took:
            result = work()
        times.append(took.seconds)
    return times[warm_up:], result


def once(work: Callable[[], Result]) -> tuple[float, Result]:
    """Wall seconds of some work, and what it gave."""
    times, result = timed(work)
    return times[0], result


def median(times: list[float]) -> float:
    """The middle one; of an even number the higher of the two."""
    return sorted(times)[len(times) // 2]


def show(report: Mapping[str, Any]) -> None:
    """Print a line a number, and all of them as one line of JSON."""
    show_lines(report)
    print(json.dumps(report))


def show_lines(report: Mapping[str, Any]) -> None:
    """Print a line a number."""
    width = max(map(len, report)) + 1
    for what, value in report.items():
        print(f"{what:{width}s} {value:14,.5f}" if isinstance(value, float) else f"{what:{width}s} {value!s:>14s}")

"""A bar on stderr: how much is done, how fast, and how long the rest will take."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(verb: str, what: str) -> Iterator[Callable[..., None]]:
    """A bar that appears with the first step and goes with the last.

    Args:
        verb: what is being done, e.g. ``predicting``.
        what: what is counted, e.g. ``genes``.

    Yields:
        A function to call with (done, total), maybe with a note to show. What was done before the first call counts as
        done, and not as speed.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(verb),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{what} {{task.fields[speed]}}"),
        TimeRemainingColumn(),
    )
    others = os.environ.get("RANK", "0") != "0"  # one process of a run draws the bar
    bar = Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=120, disable=others)
    task = bar.add_task(verb, total=None, speed="")
    started = False

    def step(done: int, total: int, note: str = "") -> None:
        nonlocal started
        if not started:
            bar.start()
            bar.reset(task, total=total, completed=done, speed="")
            started = True
        speed = bar.tasks[0].speed
        shown = "" if speed is None else f"({speed:,.2g} {what}/s) "
        bar.update(task, completed=done, total=total, speed=f"{shown}{note}")

    try:
        yield step
    finally:
        if started:
            bar.stop()

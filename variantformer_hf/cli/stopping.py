"""Signals that ask a command to stop: Ctrl-C, SIGTERM, SIGHUP."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# A launcher sends a signal again that the terminal has sent already: within this time it is the same one.
_SAME_SECONDS = 5.0
# A signal that met a place where no error can be raised is sent again after this time.
_AGAIN_SECONDS = 0.05
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopped(BaseException):
    """A command was asked to stop; raised where it was at that moment, so that every block ends as after an error.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"stopped by {signal.Signals(number).name}")

    @property
    def exit_code(self) -> int:
        """As shells have it: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
        return 128 + self.number


@contextmanager
def signals_raise() -> Iterator[None]:
    """A block in which these signals raise :class:`Stopped`; those that whoever started this ignores stay ignored.

    A signal may come while Python runs what can raise nothing (a ``__del__``, a callback of the garbage collector):
    there the error is lost, and the signal is sent again.
    """
    last = -_SAME_SECONDS
    again: list[threading.Timer] = []

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SAME_SECONDS:
            last = now
            raise Stopped(number)

    def lost(found: "sys.UnraisableHookArgs") -> None:
        nonlocal last
        if not isinstance(found.exc_value, Stopped):
            hook(found)
            return
        last = time.monotonic() - _SAME_SECONDS
        timer = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), found.exc_value.number))
        timer.daemon = True
        again.append(timer)
        timer.start()

    hook, sys.unraisablehook = sys.unraisablehook, lost
    before = {}
    for name in _SIGNALS:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for timer in again:
            timer.cancel()
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)

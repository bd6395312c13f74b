"""How far a fetch is, over threads."""

import threading
from collections.abc import Callable

from ..errors import InputError


class Progress:
    """Bytes that are there, counted over threads."""

    def __init__(self, total: int, on_bytes: Callable[[int, int], None] | None) -> None:
        self._total, self._done, self._on_bytes = total, 0, on_bytes
        self._lock = threading.Lock()
        self._stopped = False

    def add(self, count: int) -> None:
        """Count bytes that are there."""
        with self._lock:
            self._done += count
            if self._on_bytes is not None:
                self._on_bytes(self._done, self._total)

    def stop(self) -> None:
        """End the other threads at their next check."""
        self._stopped = True

    def check(self) -> None:
        """Raise InputError where another thread has stopped."""
        if self._stopped:
            raise InputError("stopped, because another file could not be fetched")

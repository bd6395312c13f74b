"""What is a reader's while they are here: the files of a request, and the results of the last one.

A *visit* is one page in one browser, from when it is opened until it goes. A *request* is one answer asked for, with
the files uploaded for it: it has a folder, which goes when it is answered, fails, is stopped, or its visit ends.
Uploads pass through the page's own folder, which is swept.
"""

import secrets
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError
from .uploads import UploadedVcf

# Seconds: until a file that nobody took, or an upload that nobody asked about, is removed; and between looks.
STRAY_SECONDS, WAITING_SECONDS, SWEEP_SECONDS = 60.0, 900.0, 5.0


class RequestStopped(Exception):
    """A request was asked to stop, or its reader has gone."""


@dataclass(eq=False)
class Request:
    """One answer asked for.

    Attributes:
        folder: of its files.
        vcf: the person that was uploaded for it.
        variants: a file of variants that was uploaded for it, and its name.
    """

    folder: Path
    vcf: UploadedVcf | None = None
    variants: tuple[Path, str] | None = None
    began: float = field(default_factory=time.monotonic)
    _stop: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """Have it end soon."""
        self._stop.set()

    def check(self) -> None:
        """Go on, or not.

        Raises:
            RequestStopped: it was asked to stop.
        """
        if self._stop.is_set():
            raise RequestStopped

    def part(self, name: str) -> Path:
        """An empty folder in its folder, for one upload."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def drop(self, part: str) -> None:
        """Remove one upload: ``person`` or ``variants``."""
        shutil.rmtree(self.folder / part, ignore_errors=True)
        if part == "person":
            self.vcf = None
        else:
            self.variants = None

    def remove(self) -> None:
        """Remove its files."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class _Visit:
    waiting: Request | None = None
    running: set[Request] = field(default_factory=set)
    results: Path | None = None


class Visits:
    """All visits of one run of the app.

    Args:
        folder: of the run; made and emptied by whoever gives it.

    Attributes:
        served: the page's own folder: uploads as they arrive, and results, each under a name that cannot be guessed.
    """

    def __init__(self, folder: Path) -> None:
        self.served, self._requests = folder / "served", folder / "requests"
        for each in (self.served, self._requests):
            each.mkdir(mode=0o700)
        self._lock = threading.RLock()
        self._visits: dict[str, _Visit] = {}
        self._closed = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep_on, daemon=True, name="sweep")
        self._sweeper.start()

    def __len__(self) -> int:
        return len(self._visits)

    def waiting(self, visit: str) -> Request:
        """The request of a visit that is being prepared; begun where there is none."""
        with self._lock:
            known = self._visits.setdefault(visit, _Visit())
            if known.waiting is None:
                known.waiting = Request(self._requests / secrets.token_hex(16))
                known.waiting.folder.mkdir(mode=0o700)
            return known.waiting

    def begin(self, visit: str) -> Request:
        """The request of a visit, to be answered now; it ends by :meth:`finish`."""
        with self._lock:
            request = self.waiting(visit)
            known = self._visits[visit]
            known.waiting = None
            known.running.add(request)
            return request

    def finish(self, visit: str, request: Request, results: Path | None = None) -> Path | None:
        """End a request, and keep its results instead of those before it.

        Args:
            visit, request: as of :meth:`begin`.
            results: a folder in the request's; None = there are none.

        Returns:
            Where they are served; None where there are none, or where the reader has gone.
        """
        with self._lock:
            known, kept = self._visits.get(visit), None
            if known is not None and request in known.running:
                known.running.discard(request)
                if results is not None:
                    self._drop_results(known)
                    kept = known.results = self.served / secrets.token_hex(16)
                    results.rename(kept)
            request.remove()
            return kept

    def forget(self, visit: str, part: str | None = None) -> None:
        """Remove what was uploaded for a request that was not begun, or one part of it."""
        with self._lock:
            known = self._visits.get(visit)
            if known is None or known.waiting is None:
                return
            if part is not None:
                known.waiting.drop(part)
            if part is None or (known.waiting.vcf is None and known.waiting.variants is None):
                known.waiting.remove()
                known.waiting = None

    def take(self, arrived: Path, folder: Path) -> Path:
        """Move an upload out of the page's folder, where it lies in a folder of its own, into one of a request.

        Raises:
            InputError: it is not there, or not there any more.
        """
        moved, arrived = folder / "given", arrived.resolve()
        try:
            if arrived.parent.parent != self.served.resolve():  # what a browser says need not be true
                raise FileNotFoundError(arrived)
            arrived.replace(moved)
        except OSError as error:
            raise InputError("the upload was cut short", remedy="Choose the file again.") from error
        with suppress(OSError):
            arrived.parent.rmdir()
        return moved

    def stop(self, visit: str) -> None:
        """Have the requests of a visit that are being answered end soon."""
        with self._lock:
            for request in self._visits.get(visit, _Visit()).running:
                request.stop()

    def end(self, visit: str) -> None:
        """A reader has gone: stop what is running, and remove all that was theirs."""
        with self._lock:
            self.stop(visit)
            self.forget(visit)
            known = self._visits.pop(visit, None)
            if known is not None:
                self._drop_results(known)

    def sweep(self, stray: float = STRAY_SECONDS, waiting: float = WAITING_SECONDS) -> None:
        """Remove files that nobody took, and uploads that nobody asked about.

        Args:
            stray, waiting: their least age, in seconds.
        """
        with self._lock:
            kept = {known.results for known in self._visits.values()}
            for path in self.served.iterdir():
                with suppress(OSError):  # it may go by itself
                    if path not in kept and time.time() - _last_change(path) > stray:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
            for visit, known in list(self._visits.items()):
                if known.waiting is not None and time.monotonic() - known.waiting.began > waiting:
                    self.forget(visit)

    def close(self) -> None:
        """End all visits, and the sweeping."""
        self._closed.set()
        self._sweeper.join()
        for visit in list(self._visits):
            self.end(visit)

    def _drop_results(self, known: _Visit) -> None:
        if known.results is not None:
            shutil.rmtree(known.results, ignore_errors=True)
            known.results = None

    def _sweep_on(self) -> None:
        while not self._closed.wait(SWEEP_SECONDS):
            self.sweep()


def _last_change(path: Path) -> float:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return max(each.stat().st_mtime for each in files)

"""One run an output: a file beside it says which process writes it, and a second one is refused."""

import fcntl
import json
import os
import socket
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from ..errors import InputError
from ..files import writing

_DEAD = frozenset("ZXx")  # states of a process that has ended and that nobody has asked for


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a lock.

    Attributes:
        pid, host: which process, where.
        started: when it began, in the system's ticks, as a pid is given again; None where the system does not say.
        since: when it took the lock, UTC by its machine's clock; for people, and compared with nothing.
        new: files that were not there when it began, and that it writes.
    """

    pid: int
    host: str
    started: int | None
    since: str
    new: tuple[str, ...] = ()

    @classmethod
    def this_process(cls) -> "Holder":
        """This process, now."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(os.getpid(), socket.gethostname(), _started(os.getpid()), now)

    def is_dead(self) -> bool:
        """Whether it is known that it has ended: a process of this host that is not there, or is another one by now."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # it is there, and another user's
        return self.started is not None and _started(self.pid) != self.started


class OutputLock:
    """The lock file of an output. One that a dead process of this host left is taken over.

    Args:
        path: of the lock file, in a folder that is there.

    Raises:
        InputError: another run holds it, or the file is no lock.
        OutputError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._holder = Holder.this_process()
        self._left_behind: frozenset[str] = frozenset()
        with writing(path):
            try:
                file = path.open("x")
            except FileExistsError:
                self._take_over()
                return
            with file:
                try:
                    self._write(file.fileno())
                except OSError:
                    path.unlink()
                    raise

    def is_left_behind(self, path: Path) -> bool:
        """Whether a file is the work of the run that was killed before it could remove this lock."""
        return str(path.absolute()) in self._left_behind

    def will_write(self, paths: Iterable[Path]) -> None:
        """Note files that are this run's own, should it be killed: they were not there when it began.

        Raises:
            OutputError: the lock cannot be written.
        """
        new = dict.fromkeys([*self._holder.new, *(str(path.absolute()) for path in paths)])
        if tuple(new) != self._holder.new:
            self._holder = replace(self._holder, new=tuple(new))
            with writing(self.path), self.path.open("r+") as file:
                self._write(file.fileno())

    def release(self) -> None:
        """Remove the file, if it is still this process's."""
        try:
            if self.path.read_text() == self._content:
                self.path.unlink()
        except FileNotFoundError:
            return

    def _take_over(self) -> None:
        with self.path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # of several that find the same dead run, one is the first
            holder = _holder(file.read(), self.path)
            if not holder.is_dead():
                elsewhere = holder.host != socket.gethostname()
                raise InputError(
                    f"another run writes this output: process {holder.pid} on {holder.host}, since {holder.since}",
                    file=self.path,
                    remedy="Name another output, or wait for it; where that run is dead, remove the file."
                    if elsewhere
                    else "Name another output, or wait for it.",
                )
            self._left_behind = frozenset(holder.new)
            # What is left of it is this run's, should it be killed as well.
            self._holder = replace(self._holder, new=tuple(holder.new))
            self._write(file.fileno())

    @property
    def _content(self) -> str:
        return json.dumps(asdict(self._holder))

    def _write(self, descriptor: int) -> None:
        """The whole content at once; what is longer in the file is cut."""
        os.pwrite(descriptor, self._content.encode(), 0)
        os.ftruncate(descriptor, len(self._content.encode()))


def _holder(text: str, path: Path) -> Holder:
    try:
        holder = Holder(**json.loads(text))
        if isinstance(holder.pid, int) and isinstance(holder.host, str):
            return holder
    except (ValueError, TypeError):
        pass
    raise InputError("is no lock of a run", file=path, remedy="Remove it, if no run writes this output.")


def _started(pid: int) -> int | None:
    """When a process began, in ticks since the machine did; -1 = it has ended; None = the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return -1 if Path("/proc/self/stat").exists() else None
    except OSError:
        return None
    return -1 if fields[0] in _DEAD else int(fields[19])

"""Units on the machines of a Ray cluster, or in several processes of this one.

Each worker is a Ray actor that opens the job once and holds at most two units: the one that it does, and one whose
input it prepares. Where an actor or its machine is lost, Ray starts it again, here or on another machine, and its units
go to whoever is there. A unit writes files under a name of its own, so that doing it twice changes nothing; nothing is
sent between machines but units and how they ended, and no machine's clock is compared with another's.
"""

import logging
import os
import pickle
import signal
import socket
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import InputError, OutputError
from ..version import __version__
from .units import AT_ONCE, Job, Unit

logger = logging.getLogger(__name__)

# Times that a process may die over a unit, or before it is ready, until the one or the other is given up.
MOST_DEATHS = 4
# Cores of a worker without a GPU, where nobody says how many workers there are.
_CORES = 4
# Units and endings are small: what Ray keeps in shared memory is the least that it takes.
_OBJECT_STORE_BYTES = 100_000_000
# What another machine wrote into a shared folder is seen after this time, with NFS as it is mounted by default.
_PATIENCE_SECONDS = 90.0
_LOOK_SECONDS = 60.0
_CLOSE_SECONDS = 10.0
_ANSWER_SECONDS = 10.0
_LAST_PORT = 65_535
# Ray sends usage reports, and under `uv run` the working folder; neither is asked for. What it says of lost processes
# would go to stdout, among the rows of a table.
_QUIET = {
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class RayEngine:
    """The engine of a Ray cluster.

    Args:
        address: ``auto`` (the cluster that this machine belongs to) or HOST:PORT of its head; None = a Ray of its own
            on this machine, which ends with the run. A Ray that this process is connected to already is used as it is.
        workers: how many; None = one a GPU, and without GPUs one for every four cores.
        use_gpus: a worker takes a GPU where there are any.
        say: is told in a line what the run works with.

    Raises:
        InputError: Ray is not installed; nobody answers at the address; the number of workers is not 1 or more.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        *,
        use_gpus: bool = True,
        say: Callable[[str], None] = logger.info,
    ) -> None:
        if workers is not None and workers < 1:
            raise InputError(f"the number of workers is {workers}", remedy="It must be 1 or more.")
        self._ray = _imported()
        if address not in (None, "auto"):
            _check_address(address)
        self._address, self._workers, self._use_gpus, self._say = address, workers, use_gpus, say
        # Where it was asked how many workers there are, the run goes on with the same Ray.
        self._connection: ExitStack | None = None

    @property
    def workers(self) -> int:
        """See ``Engine.workers``."""
        return self._workers if self._workers is not None else self._asked().workers

    @property
    def has_gpus(self) -> bool | None:
        """See ``Engine.has_gpus``: of a cluster every worker has a share of a GPU, or none has."""
        return None if self._address is None else self._asked().gpus > 0

    @property
    def patience(self) -> float:
        """See ``Engine.patience``."""
        return 0.0 if self._address is None else _PATIENCE_SECONDS

    def run(self, job: Job, units: Sequence[Unit]) -> Iterator[tuple[Unit, Exception | None]]:
        """See ``Engine.run``.

        Raises:
            InputError: there is no such cluster; no worker can get ready.
            OutputError: no worker can write any more.
        """
        if not units:
            return
        connection, self._connection = self._connection or ExitStack(), None
        with connection:
            connection.enter_context(self._connected())
            share = self._share(len(units))
            self._say(share.text)
            crew = _Crew(self._ray, job, share)
            try:
                yield from crew.work(units)
            finally:
                crew.dismiss()

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """A connection to the cluster; what Ray does to this process's signals is undone."""
        if self._ray.is_initialized():
            yield
            return
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._address is None:
            cores = max(_cores(), self._workers or 1)
            options |= {"address": "local", "num_cpus": cores, "object_store_memory": _OBJECT_STORE_BYTES}
            options["include_dashboard"] = False
        else:
            options["address"] = self._address
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            try:
                self._ray.init(**options)
            except (ConnectionError, ValueError, RuntimeError) as error:
                raise InputError(
                    f"there is no Ray cluster to connect to ({' '.join(str(error).split())[:200]})",
                    record=f"--address {self._address or 'local'}",
                    remedy="Start one (`ray start --head`), name its HOST:PORT, or leave out --address.",
                ) from error
            if threading.current_thread() is threading.main_thread():
                for number, handler in before.items():
                    signal.signal(number, handler)
            yield
        finally:
            self._ray.shutdown()

    def _asked(self) -> "_Share":
        """The share of the workers before a run, which goes on with this connection."""
        if self._connection is None:
            self._connection = ExitStack()
            self._connection.enter_context(self._connected())
        return self._share()

    def _share(self, n_units: int | None = None) -> "_Share":
        """How many workers, and what each takes of the cluster."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        cores = sum(node.get("CPU", 0) for node in nodes)
        gpus = sum(node.get("GPU", 0) for node in nodes) if self._use_gpus else 0
        workers = int(self._workers or gpus or sum(max(1, node.get("CPU", 0) // _CORES) for node in nodes))
        workers = workers if n_units is None else min(workers, n_units)
        smallest = min((node["CPU"] for node in nodes if node.get("CPU")), default=1)
        each = max(1, min(cores // workers, smallest))
        of_gpu = 1 / -(-workers // gpus) if gpus else 0
        return _Share(workers, int(each), of_gpu, len(nodes))


@dataclass(frozen=True, slots=True)
class _Share:
    """Workers, and what each takes."""

    workers: int
    cores: int
    gpus: float
    machines: int

    @property
    def text(self) -> str:
        gpu = f" and {self.gpus:.3g} GPU" if self.gpus else ""
        workers, machines = (
            f"{count} {name}{'' if count == 1 else 's'}"
            for count, name in ((self.workers, "worker"), (self.machines, "machine"))
        )
        return f"Ray: {workers} on {machines}, each with {self.cores} CPU{gpu}"


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a unit, or getting ready, ended; ``of_machine``: there nothing can be written any more."""

    error: Exception | None = None
    of_machine: bool = False
    host: str = ""


@dataclass
class _Hand:
    """A worker as the driver sees it: whether it is ready, and the units that it holds."""

    actor: Any
    ready: bool = False
    deaths: int = 0
    host: str = ""
    units: list[Unit] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Order:
    """What every worker is sent: the job, pickled, where the command was given, and of which version it is."""

    job: bytes
    folder: str
    version: str = __version__


class _UnitActor:
    """A worker's process. It opens the job with its first call, also after Ray has started it again."""

    def __init__(self) -> None:
        self._worker: Any = None
        self._opening, self._preparing = threading.Lock(), threading.Lock()
        self._turns, self._line = threading.Condition(), deque[str]()

    def ready(self, order: _Order) -> _Ending:
        """Open the job."""
        return self._ended(lambda: self._opened(order))

    def do(self, order: _Order, unit: Unit) -> _Ending:
        """Do a unit. Two calls run at a time, one of which prepares what it needs while the other works."""
        return self._ended(lambda: self._do(order, unit))

    def close(self) -> None:
        """Let go of what was opened."""
        if self._worker is not None:
            self._worker.close()

    def _do(self, order: _Order, unit: Unit) -> None:
        worker = self._opened(order)
        with self._preparing:
            do = partial(worker.do, unit)
            if hasattr(worker, "prepare"):
                do = partial(worker.do, unit, worker.prepare(unit))
            self._line.append(unit.name)
        # Units are done in the order in which they were prepared.
        with self._turns:
            self._turns.wait_for(lambda: self._line[0] == unit.name)
        try:
            do()
        finally:
            with self._turns:
                self._line.popleft()
                self._turns.notify_all()

    def _opened(self, order: _Order) -> Any:
        with self._opening:
            if self._worker is None:
                _check_machine(order)
                os.chdir(order.folder)  # files are named as where the command was given
                job: Job = pickle.loads(order.job)  # what this engine itself has sent
                self._worker = job.open()
            return self._worker

    def _ended(self, act: Callable[[], object]) -> _Ending:
        host = socket.gethostname()
        try:
            act()
        except InputError as error:
            return _Ending(error, isinstance(error, OutputError), host)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the driver names it with its unit
            traceback.print_exc()
            said = " ".join(str(error).split())
            where = f" (see Ray's log of process {os.getpid()} on {host})"
            return _Ending(InputError(f"stopped with {type(error).__name__}: {said}{where}"), False, host)
        return _Ending(host=host)


def _check_machine(order: _Order) -> None:
    """Refuse a machine that has another version, or does not see the command's folder."""
    host = socket.gethostname()
    if order.version != __version__:
        raise InputError(
            f"has variantformer-hf {__version__}, and the command is of {order.version}",
            file=host,
            remedy="Install the same version on all machines of the cluster.",
        )
    if not Path(order.folder).is_dir():
        raise InputError(
            f"is not on {host}",
            file=order.folder,
            remedy="Start the command in a folder that all machines of the cluster see.",
        )


class _Crew:
    """The workers of a run, and which units they hold."""

    def __init__(self, ray: Any, job: Job, share: _Share) -> None:
        self._ray = ray
        options = {
            "num_cpus": share.cores,
            "num_gpus": share.gpus,
            "max_restarts": -1,
            "max_concurrency": AT_ONCE,
            "scheduling_strategy": "SPREAD",
        }
        self._order = ray.put(_Order(ray.cloudpickle.dumps(job), str(Path.cwd())))
        kind = ray.remote(_UnitActor).options(**options)
        self._hands = [_Hand(kind.remote()) for _ in range(share.workers)]
        self._actors = [hand.actor for hand in self._hands]
        self._calls: dict[Any, tuple[_Hand, Unit | None]] = {}
        self._deaths: Counter[str] = Counter()

    def work(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Exception | None]]:
        """Have units done, see ``Engine.run``."""
        waiting, left = deque(units), len(units)
        for hand in self._hands:
            self._get_ready(hand)
        while left:
            found, _ = self._ray.wait(list(self._calls), timeout=_LOOK_SECONDS)
            if not found and not any(hand.ready for hand in self._hands):
                logger.warning("no worker of the cluster is there; waiting for one")
            for call in found:
                hand, unit = self._calls.pop(call)
                ended = self._ended(call, hand, unit, waiting)
                if ended is not None:
                    left -= 1
                    yield ended
            for hand in self._hands:
                self._give(hand, waiting)

    def dismiss(self) -> None:
        """End the workers' processes."""
        closing = [hand.actor.close.remote() for hand in self._hands if hand.ready and not hand.units]
        if closing:
            self._ray.wait(closing, num_returns=len(closing), timeout=_CLOSE_SECONDS)
        for actor in self._actors:  # those that were given up too
            self._ray.kill(actor)

    def _get_ready(self, hand: _Hand) -> None:
        """Ask a worker to get ready; the answer comes when it is there, on whatever machine."""
        hand.ready = False
        self._calls[hand.actor.ready.options(max_task_retries=-1).remote(self._order)] = hand, None

    def _give(self, hand: _Hand, waiting: deque[Unit]) -> None:
        """Give a worker what it can hold: a second unit only where those that have none, or come yet, are left one.

        A unit whose process died before is held alone, so that it is known which it was.
        """
        while hand.ready and waiting and len(hand.units) < AT_ONCE:
            if hand.units and len(waiting) <= sum(not each.units for each in self._hands):
                return
            if hand.units and (self._deaths[waiting[0].name] or self._deaths[hand.units[0].name]):
                return
            unit = waiting.popleft()
            hand.units.append(unit)
            self._calls[hand.actor.do.options(max_task_retries=0).remote(self._order, unit)] = hand, unit

    def _ended(
        self, call: Any, hand: _Hand, unit: Unit | None, waiting: deque[Unit]
    ) -> tuple[Unit, Exception | None] | None:
        """What a call that has ended means: a unit and how it ended, or None where it is still to be done.

        Raises:
            InputError: the last worker cannot get ready, or cannot write.
        """
        if unit is not None:
            hand.units.remove(unit)
        try:
            ending: _Ending = self._ray.get(call)
        except self._ray.exceptions.RayActorError as error:
            return self._died(error, hand, unit, waiting)
        hand.host = ending.host
        if ending.error is not None and (unit is None or ending.of_machine):
            if unit is not None:
                waiting.appendleft(unit)
            self._give_up(hand, ending.error)
            return None
        if unit is None:
            hand.ready, hand.deaths = True, 0
            return None
        return unit, ending.error

    def _died(
        self, error: Exception, hand: _Hand, unit: Unit | None, waiting: deque[Unit]
    ) -> tuple[Unit, Exception | None] | None:
        """A worker's process or machine is gone, while it did a unit or got ready."""
        said = str(error).strip().splitlines()[0]
        if unit is None:
            hand.deaths += 1
            if hand.deaths == MOST_DEATHS:
                self._give_up(hand, InputError(f"a worker's process ends before it is ready ({said})"))
        if hand in self._hands and (hand.ready or unit is None):
            logger.info("a worker on %s is lost, and started again", hand.host or "a machine")
            self._get_ready(hand)
        if unit is None:
            return None
        self._deaths[unit.name] += 1
        if self._deaths[unit.name] < MOST_DEATHS:
            waiting.appendleft(unit)  # at the end all others would wait for it
            return None
        return unit, InputError(
            f"its process died {MOST_DEATHS} times ({said})",
            remedy="Look whether memory runs out there; take fewer --workers.",
        )

    def _give_up(self, hand: _Hand, error: Exception) -> None:
        """Take no more of a worker that cannot get ready or cannot write."""
        if hand not in self._hands:
            return
        self._hands.remove(hand)
        if not self._hands:
            raise error
        logger.warning("%s takes no more units: %s", hand.host, error)
        hand.ready = False
        if not hand.units:
            self._ray.kill(hand.actor)


def _imported() -> Any:
    """Ray, told to be quiet.

    Raises:
        InputError: it is not installed.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise InputError(
            "the engine ray needs the package ray", remedy="Install it: pip install 'variantformer-hf[ray]'."
        ) from None
    return ray


def _check_address(address: str) -> None:
    """Refuse an address at which nobody answers: Ray would try for minutes.

    Raises:
        InputError: nobody does.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > _LAST_PORT:
        raise InputError(
            "is no address of a Ray cluster",
            record=f"--address {address}",
            remedy="Give auto, or HOST:PORT of its head.",
        )
    try:
        socket.create_connection((host.rpartition("/")[2], int(port)), timeout=_ANSWER_SECONDS).close()
    except OSError as error:
        raise InputError(
            f"nobody answers ({error.strerror or error})",
            record=f"--address {address}",
            remedy="Start a cluster (`ray start --head`), name its HOST:PORT, or leave out --address.",
        ) from error


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

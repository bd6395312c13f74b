"""A cluster whose machines come and go, simulated event by event: where the time that is paid for goes.

Units of work wait in one line; each GPU takes the next, and holds another one meanwhile. A machine that is lost loses
what its GPUs were doing; their units go to the end of the line. Another machine takes its place a while later, and
loads the model first. So works `--engine ray`: a unit is done once its file is written, and nothing else is kept.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Kinds of events; at one time a unit that is done is done before its machine goes.
_DONE, _LOST, _UP, _READY = range(4)
# When (seconds from the start), and which machine (its place in the cluster).
Loss = tuple[float, int]


@dataclass(frozen=True)
class Cluster:
    """Machines that are alike.

    Attributes:
        machines: how many at a time.
        gpus: of each.
        start: seconds from a machine's being there until its GPUs work: processes, libraries, weights, stores.
        replacement: seconds from a loss until another machine is there; not paid for.
        in_hand: units that a GPU holds: the one that it does, and those that it prepares.
    """

    machines: int
    gpus: int = 8
    start: float = 120.0
    replacement: float = 180.0
    in_hand: int = 2


@dataclass(frozen=True)
class Replay:
    """GPU seconds of a run by what they went into; all but ``makespan`` and ``lost_units`` add up to ``paid``.

    Attributes:
        makespan: seconds from the first machine to the last unit.
        paid: GPU seconds of all machines, until they are lost or the run ends.
        useful: of units that were finished, without their overhead.
        overhead: what each finished unit took beside its work.
        lost: spent on units whose machine went before they were finished.
        starting: until a machine worked.
        idle: of GPUs for which no unit was left, at the end above all.
        lost_units: how often a unit was begun in vain.
    """

    makespan: float
    paid: float
    useful: float
    overhead: float
    lost: float
    starting: float
    idle: float
    lost_units: int


def replay(cluster: Cluster, work: Sequence[float], losses: Sequence[Loss], *, overhead: float = 0.0) -> Replay:
    """Run all units.

    Args:
        cluster: the machines.
        work: GPU seconds of each unit, in the order in which they are given out; greater than 0.
        losses: which machine goes when; one that is not there just then is not lost again.
        overhead: seconds that a unit takes beside its work.
    """
    run = _Run(cluster, work, overhead)
    for time, machine in losses:
        heapq.heappush(run.events, (time, _LOST, machine, -1, 0))
    return run.finish()


class _Run:
    """One run's state: ``(machine, gpu)`` are named by one number, ``machine * gpus + gpu``."""

    def __init__(self, cluster: Cluster, work: Sequence[float], overhead: float) -> None:
        self.cluster, self.work, self.overhead = cluster, work, overhead
        self.waiting = deque(range(len(work)))
        self.left = len(work)
        # Time, kind, machine, GPU, and which life of the machine is meant.
        self.events: list[tuple[float, int, int, int, int]] = []
        self.life = [0] * cluster.machines
        # When a machine came; None = it is not there.
        self.since: list[float | None] = [None] * cluster.machines
        # Unit and begin of each GPU that works; units that it holds beside; GPUs that wait since when.
        self.doing: dict[int, tuple[int, float]] = {}
        self.held: list[deque[int]] = [deque() for _ in range(cluster.machines * cluster.gpus)]
        self.idle_since: dict[int, float] = {}
        self.paid = self.useful = self.lost = self.starting = self.idle = 0.0
        self.lost_units = 0
        for machine in range(cluster.machines):
            self._up(0.0, machine)

    def finish(self) -> Replay:
        """Take events in their order until every unit is done."""
        now = 0.0
        while self.left:
            now, kind, machine, gpu, life = heapq.heappop(self.events)
            if kind == _LOST:
                self._lose(now, machine)
            elif kind == _UP:
                self._up(now, machine)
            elif life == self.life[machine]:
                if kind == _READY:
                    self.starting += self.cluster.start * self.cluster.gpus
                    for number in range(self.cluster.gpus):
                        self._take(now, machine, machine * self.cluster.gpus + number)
                else:
                    unit, _ = self.doing.pop(gpu)
                    self.useful += self.work[unit]
                    self.left -= 1
                    self._take(now, machine, gpu)
        for machine, since in enumerate(self.since):
            if since is not None:
                self._pay(now, machine, since)
        overhead = self.overhead * len(self.work)
        return Replay(now, self.paid, self.useful, overhead, self.lost, self.starting, self.idle, self.lost_units)

    def _up(self, now: float, machine: int) -> None:
        self.since[machine] = now
        heapq.heappush(self.events, (now + self.cluster.start, _READY, machine, -1, self.life[machine]))

    def _take(self, now: float, machine: int, gpu: int) -> None:
        held = self.held[gpu]
        while self.waiting and len(held) < self.cluster.in_hand - (gpu in self.doing):
            held.append(self.waiting.popleft())
        if gpu in self.doing:
            return
        if not held:
            self.idle_since[gpu] = now
            return
        unit = held.popleft()
        self.doing[gpu] = unit, now
        end = now + self.overhead + self.work[unit]
        heapq.heappush(self.events, (end, _DONE, machine, gpu, self.life[machine]))

    def _lose(self, now: float, machine: int) -> None:
        since = self.since[machine]
        if since is None:
            return
        self._pay(now, machine, since)
        self.life[machine] += 1
        self.since[machine] = None
        heapq.heappush(self.events, (now + self.cluster.replacement, _UP, machine, -1, 0))
        # Other GPUs that had nothing to do take what was lost, and so do those that hold less than they could.
        for gpu in [*self.idle_since, *self.doing]:
            if self.waiting:
                self.idle += now - self.idle_since.pop(gpu, now)
                self._take(now, gpu // self.cluster.gpus, gpu)

    def _pay(self, now: float, machine: int, since: float) -> None:
        """A machine's time is over: what its GPUs were doing is lost, and what they held waits again."""
        gpus = range(machine * self.cluster.gpus, (machine + 1) * self.cluster.gpus)
        self.paid += (now - since) * len(gpus)
        if now < since + self.cluster.start:
            self.starting += (now - since) * len(gpus)
        for gpu in gpus:
            self.waiting.extend(self.held[gpu])
            self.held[gpu].clear()
            if gpu in self.doing:
                unit, begin = self.doing.pop(gpu)
                self.lost += now - begin
                self.lost_units += 1
                self.waiting.append(unit)
            elif gpu in self.idle_since:
                self.idle += now - self.idle_since.pop(gpu)


def exponential_losses(rng: np.random.Generator, machines: int, life: float, until: float) -> list[Loss]:
    """Each machine by itself, at any time alike; ``life`` is how long one lasts on average, in seconds."""
    if not np.isfinite(life):
        return []
    count = rng.poisson(until / life, machines)
    return sorted(
        (float(time), machine) for machine in range(machines) for time in rng.uniform(0, until, count[machine])
    )


def burst_losses(
    rng: np.random.Generator, machines: int, life: float, until: float, *, share: float = 0.25
) -> list[Loss]:
    """As many losses, but a share of all machines at once: a zone whose price rises, or that is wanted elsewhere."""
    if not np.isfinite(life):
        return []
    times = rng.uniform(0, until, rng.poisson(until / life / share))
    size = max(1, round(machines * share))
    return sorted(
        (float(time), int(machine)) for time in times for machine in rng.choice(machines, size, replace=False)
    )


def expected_seconds(seconds: float, life: float) -> float:
    """What a unit of T seconds takes on average where tries are lost at the rate 1 / life and begun anew at once.

    (e^(T / life) - 1) * life.
    """
    return seconds if not np.isfinite(life) else float(np.expm1(seconds / life) * life)

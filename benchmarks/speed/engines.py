"""What it costs to have units done by Ray: beside plain processes that do half of them each, and of empty units.

    python -m benchmarks.speed.engines [--rounds 3] [--units 1000]

A unit of the comparison is a fixed amount of computing. What is counted lies between the first unit's end and the
last one's: CPU seconds of the processes that do units and of the one that gives them out, and, apart from these, of
Ray's own processes, which take a share of a core as long as a run lasts. The wall time is shown; on a busy machine it
says little.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from benchmarks.timing import median, show
from variantformer_hf.work import InProcess, Unit, run_units, unit_of
from variantformer_hf.work.ray_engine import RayEngine
from variantformer_hf.work.units import Engine

# Additions of a unit of the comparison, and how many units.
SIZES = {"small": (4_000_000, 80), "large": (40_000_000, 10)}


@dataclass(frozen=True)
class Adding:
    """A job of units that add, and leave an empty file."""

    folder: Path
    additions: int

    def open(self) -> "Adding":
        """Nothing is to be got ready."""
        return self

    def do(self, unit: Unit) -> None:
        """Add, and leave a file."""
        total = 0
        for number in range(self.additions):
            total += number
        self.path(unit).touch()

    def close(self) -> None:
        """Nothing is to be let go of."""

    def path(self, unit: Unit) -> Path:
        """Of its file."""
        return self.folder / unit.name

    def is_done(self, unit: Unit) -> bool:
        """Whether it is there."""
        return self.path(unit).exists()


@dataclass(frozen=True)
class Took:
    """What the units behind the first took.

    Attributes:
        start: seconds until the first one had ended.
        wall: seconds from then to the last one's end.
        cpu: CPU seconds of that time, without Ray's own.
        of_ray: CPU seconds of Ray's own processes.
    """

    start: float
    wall: float
    cpu: float
    of_ray: float = 0.0


def cpu_seconds() -> tuple[float, float]:
    """Of this process and all that it has started, which live: those that do units, and Ray's own."""
    here = psutil.Process()
    work = of_ray = 0.0
    for process in [here, *here.children(recursive=True)]:
        try:
            times, name = process.cpu_times(), process.cmdline()[:1]
        except psutil.Error:
            continue
        if process.pid == here.pid or (name and name[0].startswith("ray::_")):
            work += times.user + times.system
        else:
            of_ray += times.user + times.system
    return work, of_ray


def run(engine: Engine, additions: int, numbers: range) -> Took:
    """Have units done."""
    with tempfile.TemporaryDirectory() as folder:
        job = Adding(Path(folder), additions)
        units = [unit_of("unit", number) for number in numbers]
        ends: list[tuple[float, float, float]] = []

        def on_unit(done: int, total: int) -> None:
            if done in (0, 1, total):
                ends.append((time.perf_counter(), *cpu_seconds()))

        failed = run_units(job, units, is_done=job.is_done, engine=engine, on_unit=on_unit)
        assert not failed and all(map(job.is_done, units))
    (begin, _, _), first, last = ends
    return Took(first[0] - begin, *(after - before for before, after in zip(first, last, strict=True)))


def halves(additions: int, count: int) -> Took:
    """Two plain processes of this script, each doing half of the units."""
    command = [sys.executable, "-m", "benchmarks.speed.engines", "--half", str(additions), str(count // 2)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = [[float(number) for number in process.communicate()[0].split()] for process in both]
    starts, walls, cpus = zip(*found, strict=True)
    return Took(max(starts), max(walls), sum(cpus))


def rounds_of(ways: dict[str, Callable[[], Took]], rounds: int) -> Iterator[tuple[str, list[Took]]]:
    """Each way so many times, one after the other in turn."""
    found: dict[str, list[Took]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    yield from found.items()


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--units", type=int, default=1_000)
    parser.add_argument("--half", nargs=2, type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.half:
        took = run(InProcess(), asked.half[0], range(asked.half[1]))
        print(took.start, took.wall, took.cpu)
        return
    report: dict[str, object] = {}
    for name, (additions, count) in SIZES.items():
        ways = {
            "two processes": partial(halves, additions, count),
            "Ray": partial(run, RayEngine(workers=2), additions, range(count)),
        }
        found = dict(rounds_of(ways, asked.rounds))
        # Of the units behind the first: two processes have two first ones.
        plain = median([each.cpu for each in found["two processes"]]) / (count - 2)
        with_ray = median([each.cpu for each in found["Ray"]]) / (count - 1)
        share = median([each.of_ray / each.wall for each in found["Ray"]])
        report[f"{name} units, two processes: CPU s a unit"] = plain
        report[f"{name} units, Ray: CPU s a unit"] = with_ray
        report[f"{name} units, Ray: its own processes, of a core, %"] = 100 * share
        # Two cores do two units at a time, while Ray's own processes take their share of one of them.
        report[f"{name} units, Ray: overhead on two cores, %"] = 100 * (with_ray / plain / (1 - share / 2) - 1)
        for way, lost in (("two processes", 2), ("Ray", 1)):
            report[f"{name} units, {way}: wall s a unit"] = median([each.wall for each in found[way]]) / (count - lost)
        report[f"{name} units, Ray: s until the first has ended"] = median([each.start for each in found["Ray"]])
    for way, engine in {"one process": InProcess(), "Ray, two workers": RayEngine(workers=2)}.items():
        took = run(engine, 0, range(asked.units))
        report[f"{asked.units} empty units, {way}: units/s"] = (asked.units - 1) / took.wall
        report[f"{asked.units} empty units, {way}: CPU ms a unit"] = 1e3 * (took.cpu + took.of_ray) / (asked.units - 1)
    show(report)


if __name__ == "__main__":
    main()

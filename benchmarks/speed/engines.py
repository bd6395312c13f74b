"""What it costs to have units done by Ray: beside plain processes that do half of them each, and of empty units.

    python -m benchmarks.speed.engines [--rounds 3] [--units 1000]

A unit of the comparison is a fixed amount of computing. CPU seconds are those of all processes of a way, Ray's own
among them, from the first unit's end to the last one's; so is the wall time, which on a busy machine says little.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.timing import median, show
from variantformer_hf.work import InProcess, Unit, run_units, unit_of
from variantformer_hf.work.ray_engine import RayEngine
from variantformer_hf.work.units import Engine

# Additions of a unit of the comparison: about so many seconds on a core of 2.5 GHz.
ADDITIONS = {"0.1 s": 1_500_000, "1 s": 15_000_000}
SECONDS_OF_WORK = 12


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
    """Seconds until the first unit had ended, and from then to the last one's end; CPU seconds of that time."""

    start: float
    wall: float
    cpu: float


def cpu_seconds() -> float:
    """Of this process and all that it has started, which live."""
    here = psutil.Process()
    total = 0.0
    for process in [here, *here.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system
    return total


def run(engine: Engine, additions: int, numbers: range) -> Took:
    """Have units done."""
    with tempfile.TemporaryDirectory() as folder:
        job = Adding(Path(folder), additions)
        units = [unit_of("unit", number) for number in numbers]
        ends: list[tuple[float, float]] = []

        def on_unit(done: int, total: int) -> None:
            if done in (0, 1, total):
                ends.append((time.perf_counter(), cpu_seconds()))

        failed = run_units(job, units, is_done=job.is_done, engine=engine, on_unit=on_unit)
        assert not failed and all(map(job.is_done, units))
    (begin, _), (first, cpu_first), (last, cpu_last) = ends
    return Took(first - begin, last - first, cpu_last - cpu_first)


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
    for name, additions in ADDITIONS.items():
        count = max(8, int(SECONDS_OF_WORK * ADDITIONS["1 s"] / additions))
        ways = {
            "two processes": lambda additions=additions, count=count: halves(additions, count),
            "Ray, two workers": lambda additions=additions, count=count: run(
                RayEngine(workers=2), additions, range(count)
            ),
        }
        found = dict(rounds_of(ways, asked.rounds))
        # Of the units behind the first: two processes have two first ones.
        per_unit = {
            way: (median([each.cpu for each in took]) / (count - n), median([each.wall for each in took]) / (count - n))
            for (way, took), n in zip(found.items(), (2, 1), strict=True)
        }
        for way, (cpu, wall) in per_unit.items():
            report[f"units of {name}, {way}: CPU s a unit"] = cpu
            report[f"units of {name}, {way}: wall s a unit"] = wall
        plain, ray = per_unit.values()
        report[f"units of {name}, Ray: overhead of CPU, %"] = 100 * (ray[0] / plain[0] - 1)
        report[f"units of {name}, Ray: overhead of wall, %"] = 100 * (ray[1] / plain[1] - 1)
        report[f"units of {name}, Ray: s until the first has ended"] = median(
            [each.start for each in found["Ray, two workers"]]
        )
    for way, engine in {"one process": InProcess(), "Ray, two workers": RayEngine(workers=2)}.items():
        took = run(engine, 0, range(asked.units))
        report[f"{asked.units} empty units, {way}: units/s"] = (asked.units - 1) / took.wall
        report[f"{asked.units} empty units, {way}: CPU ms a unit"] = 1e3 * took.cpu / (asked.units - 1)
    show(report)


if __name__ == "__main__":
    main()

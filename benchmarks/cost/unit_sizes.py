"""Which size of units loses least when machines go: a week of losses, replayed against each size.

Run: python -m benchmarks.cost.unit_sizes [--machines 16] [--gpus 8] [--hours 168] [--overhead 1] [--seed 0]

The cluster is given as much work as it could do in that time without losses. What it takes instead is said as GPU hours
that are paid for an hour of work, and where they went. Units differ in length as a plan's estimate does (16 %). What is
recommended is the largest size whose cost is within one per cent of the least: fewer, larger files for the same money.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.cost.cluster import Cluster, Replay, burst_losses, exponential_losses, replay

HOUR = 3_600.0
MINUTES = (1, 2, 5, 10, 20, 30, 60, 120)
# Hours that a machine lasts on average: never lost; a quiet region; a usual one; a busy one.
LIVES = (float("inf"), 48.0, 12.0, 3.0)
TRACES = {"each by itself": exponential_losses, "a quarter at once": burst_losses}
# By how much a unit's time differs from its plan: benchmarks.speed.scaling.
SPREAD = 0.16
# Costs that differ by less are alike.
ALIKE = 0.01


@dataclass(frozen=True)
class Row:
    """One size of units under one trace of losses.

    Attributes:
        life: hours that a machine lasts.
        trace: how machines are lost.
        minutes: of a unit.
        paid: GPU hours for an hour of work.
        lost, overhead, starting, idle: shares of what is paid.
    """

    life: float
    trace: str
    minutes: float
    paid: float
    lost: float
    overhead: float
    starting: float
    idle: float


def unit_work(rng: np.random.Generator, total: float, seconds: float) -> list[float]:
    """Seconds of each unit, about ``seconds`` long, the longest first, which together are ``total``."""
    drawn = rng.lognormal(0, SPREAD, max(1, round(total / seconds)))
    return sorted((drawn * total / drawn.sum()).tolist(), reverse=True)


def row(life: float, trace: str, minutes: float, found: Replay) -> Row:
    """A replay as shares."""
    shares = (part / found.paid for part in (found.lost, found.overhead, found.starting, found.idle))
    return Row(life, trace, minutes, found.paid / found.useful, *shares)


def sizes(
    cluster: Cluster,
    hours: float,
    overhead: float,
    seed: int,
    *,
    minutes: Sequence[float] = MINUTES,
    lives: Sequence[float] = LIVES,
) -> list[Row]:
    """Every size under every trace; sizes of one trace meet the same losses."""
    total = cluster.machines * cluster.gpus * hours * HOUR
    rows = []
    for life in lives:
        for trace, losses_of in TRACES.items():
            # More than the time that the slowest takes.
            until = hours * HOUR * 4
            losses = losses_of(np.random.default_rng(seed), cluster.machines, life * HOUR, until)
            for size in minutes:
                work = unit_work(np.random.default_rng(seed), total, size * 60)
                rows.append(row(life, trace, size, replay(cluster, work, losses, overhead=overhead)))
            if not np.isfinite(life):
                break
    return rows


def recommended(rows: Sequence[Row]) -> float:
    """The largest of the sizes whose cost is within :data:`ALIKE` of the least."""
    least = min(each.paid for each in rows)
    return max(each.minutes for each in rows if each.paid <= least * (1 + ALIKE))


def main() -> None:
    """Print a table, what is recommended under each trace, and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=16)
    parser.add_argument("--gpus", type=int, default=8, help="of a machine")
    parser.add_argument("--hours", type=float, default=168.0, help="of work, for all GPUs")
    parser.add_argument("--overhead", type=float, default=1.0, help="seconds that a unit takes beside its work")
    parser.add_argument("--start", type=float, default=120.0, help="seconds until a new machine works")
    parser.add_argument("--replacement", type=float, default=180.0, help="seconds until a lost machine is replaced")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    cluster = Cluster(arguments.machines, arguments.gpus, arguments.start, arguments.replacement)
    rows = sizes(cluster, arguments.hours, arguments.overhead, arguments.seed)
    print("| a machine lasts | lost | unit | GPU h paid for 1 h of work | lost | overhead | start | idle |")
    print("|---|---|---|---|---|---|---|---|")
    for each in rows:
        life = "for ever" if not np.isfinite(each.life) else f"{each.life:g} h"
        shares = " | ".join(f"{share:.2%}" for share in (each.lost, each.overhead, each.starting, each.idle))
        print(f"| {life} | {each.trace} | {each.minutes:g} min | {each.paid:.4f} | {shares} |")
    for key in dict.fromkeys((each.life, each.trace) for each in rows):
        size = recommended([each for each in rows if (each.life, each.trace) == key])
        print(f"{key[0]:g} h, {key[1]}: {size:g} minutes")
    print(json.dumps([asdict(each) for each in rows]))


if __name__ == "__main__":
    main()

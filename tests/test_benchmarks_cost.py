"""The simulated cluster against cases that are known by hand, and the plan's arithmetic."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def module(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY))
        return importlib.import_module(f"benchmarks.cost.{name}")


cluster = module("cluster")
ONE = cluster.Cluster(1, gpus=1, start=0, replacement=0)


def test_without_losses_the_makespan_is_exact() -> None:
    found = cluster.replay(cluster.Cluster(2, gpus=2, start=10), [5] * 9, [], overhead=1)
    # Four GPUs from second 10: two rounds of four units, and one unit more.
    assert found.makespan == 10 + 3 * 6
    assert (found.useful, found.overhead, found.lost, found.starting) == (45, 9, 0, 40)
    assert found.idle == 3 * 6
    assert found.paid == 4 * 28


def test_losses_at_known_times_lose_what_was_begun() -> None:
    # 0-10 done, 10-14 lost; 24-25 starting; 25-35 and 35-45 done.
    small = cluster.Cluster(1, gpus=1, start=0, replacement=10)
    found = cluster.replay(small, [10, 10, 10], [(14, 0)])
    assert (found.makespan, found.lost, found.lost_units, found.paid) == (44, 4, 1, 34)
    # One that goes while it starts costs its start, and one that is not there is not lost again.
    found = cluster.replay(cluster.Cluster(1, gpus=1, start=5, replacement=10), [10], [(2, 0), (3, 0)])
    assert (found.makespan, found.lost, found.starting, found.paid) == (12 + 5 + 10, 0, 7, 17)


def test_a_machine_loses_the_unit_of_each_gpu_and_idle_ones_take_them() -> None:
    two = cluster.Cluster(2, gpus=2, start=0, replacement=1000, in_hand=1)
    found = cluster.replay(two, [10, 10, 4], [(6, 0)])
    # Machine 1 did the unit of 4 seconds, its other GPU nothing; both take what machine 0 lost at second 6.
    assert (found.makespan, found.lost, found.lost_units, found.idle) == (16, 12, 2, 6 + 2)
    assert found.paid == 2 * 6 + 2 * 16


def test_what_a_gpu_holds_is_waited_for_and_not_lost() -> None:
    # One GPU takes both units, the other nothing: the second begins at second 6, and machine 1 does the first.
    two = cluster.Cluster(2, gpus=1, start=0, replacement=1000, in_hand=2)
    assert cluster.replay(two, [10, 10], []).makespan == 20
    found = cluster.replay(two, [10, 10], [(6, 0)])
    assert (found.makespan, found.lost, found.lost_units, found.idle) == (26, 6, 1, 6)


def test_a_unit_that_is_done_when_its_machine_goes_is_done() -> None:
    assert cluster.replay(ONE, [10], [(10, 0)]).lost == 0


@pytest.mark.parametrize("life", [50.0, 200.0])
def test_the_time_of_a_unit_is_that_of_the_closed_form(life: float) -> None:
    units, seconds = 4_000, 40.0
    expected = cluster.expected_seconds(seconds, life)
    assert expected == pytest.approx((np.exp(seconds / life) - 1) * life)
    losses = cluster.exponential_losses(np.random.default_rng(0), 1, life, units * expected * 1.5)
    found = cluster.replay(ONE, [seconds] * units, losses)
    # Four standard errors of a unit's time, which is at most 1.5 times its mean here.
    assert found.makespan / units == pytest.approx(expected, rel=4 * 1.5 / units**0.5)


@pytest.mark.parametrize("trace", ["exponential_losses", "burst_losses"])
@pytest.mark.parametrize("seed", range(5))
def test_all_that_is_paid_went_somewhere(trace: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    machines = cluster.Cluster(int(rng.integers(1, 6)), int(rng.integers(1, 5)), start=30, replacement=60)
    work = rng.lognormal(5, 0.3, int(rng.integers(50, 400))).tolist()
    losses = getattr(cluster, trace)(rng, machines.machines, 2_000, 200_000)
    found = cluster.replay(machines, work, losses, overhead=2)
    assert found.useful == pytest.approx(sum(work))
    assert found.overhead == 2 * len(work)
    assert found.paid == pytest.approx(found.useful + found.overhead + found.lost + found.starting + found.idle)
    assert found.lost_units > 0
    assert found == cluster.replay(machines, work, losses, overhead=2)


@pytest.mark.parametrize("trace", ["exponential_losses", "burst_losses"])
def test_a_machine_lasts_as_long_as_it_is_said_to(trace: str) -> None:
    losses = getattr(cluster, trace)(np.random.default_rng(1), 16, 3_600, 3_600 * 2_000)
    assert len(losses) / (16 * 2_000) == pytest.approx(1, rel=0.1)
    assert losses == sorted(losses)
    assert {machine for _, machine in losses} == set(range(16))
    assert getattr(cluster, trace)(np.random.default_rng(1), 16, float("inf"), 1e9) == []


unit_sizes = module("unit_sizes")


def test_units_are_together_the_work_that_there_is() -> None:
    work = unit_sizes.unit_work(np.random.default_rng(0), 36_000, 600)
    assert len(work) == 60
    assert sum(work) == pytest.approx(36_000)
    assert work == sorted(work, reverse=True)


def test_small_units_are_recommended_where_machines_go_often() -> None:
    rows = unit_sizes.sizes(cluster.Cluster(4, gpus=2), 12, 1.0, 0, minutes=(2, 10, 60), lives=(float("inf"), 2.0))
    by_life = {
        life: [row for row in rows if row.life == life and row.trace == "each by itself"] for life in (np.inf, 2)
    }
    assert unit_sizes.recommended(by_life[2]) < unit_sizes.recommended(by_life[np.inf])
    lost = [row.lost for row in by_life[2]]
    assert lost == sorted(lost)
    assert lost[-1] > 0.05
    for row in rows:
        # What is paid is work, overhead, and what is said to be lost.
        assert 1 / row.paid + row.lost + row.overhead + row.starting + row.idle == pytest.approx(1)


def test_of_sizes_that_cost_alike_the_largest_is_recommended() -> None:
    rows = [unit_sizes.Row(1, "", minutes, paid, 0, 0, 0, 0) for minutes, paid in ((1, 1.02), (5, 1.0), (9, 1.009))]
    assert unit_sizes.recommended(rows) == 9


plan = module("plan")


def test_the_arithmetic_of_a_plan() -> None:
    given = plan.Inputs(
        people=10, genes=360, tissues=2, calls=1_000, bytes_per_call=2.5, bytes_per_row=5, cpu_seconds=0.1,
        genes_per_second=1, gpus=2, unit_minutes=10, unit_overhead=60, life=float("inf"), price=2, spot=0.5,
    )  # fmt: skip
    found = plan.plan(given)
    assert (found.store_bytes, found.table_bytes, found.cpu_hours) == (25_000, 36_000, 0.1)
    assert (found.gpu_hours, found.units, found.pairs_per_unit, found.file_bytes) == (1, 6, 600, 6_000)
    assert (found.paid_hours, found.spot_hours, found.days) == pytest.approx((1.1, 1.1, 1.1 / 48))
    assert (found.price, found.spot_price) == pytest.approx((2.2, 1.1))
    lost = plan.plan(plan.Inputs(**{**vars(given), "life": 1.0}))
    assert lost.spot_hours == pytest.approx(6 * np.expm1(660 / 3_600))


def test_a_plan_of_nothing_is_refused() -> None:
    for name, value in (("people", 0), ("unit_overhead", -1), ("price", float("nan"))):
        with pytest.raises(ValueError, match=f"{name} is {value}"):
            plan.plan(plan.Inputs(**{name: value}))

"""What a run over many people takes: bytes, GPU hours, files and money, from numbers that were measured.

Run: python -m benchmarks.cost.plan [--people 500000] [--genes 18439] [--tissues 62] [--gpus 1000] [--price 3] ...

Every number that was measured is an argument; its default is what docs/performance.md has. So is the price, whose
default is a round number and no offer. Losses are taken from the closed form of benchmarks.cost.cluster, to which
benchmarks.cost.unit_sizes adds what a week of them does to a whole cluster.
"""

import argparse
import json
from dataclasses import asdict, dataclass, fields

from benchmarks.cost.cluster import expected_seconds

HOUR = 3_600.0


@dataclass(frozen=True)
class Inputs:
    """What the plan is made of.

    Attributes:
        people, genes, tissues: asked for; tissues other than 62 need their own ``genes_per_second``.
        calls: of a person, not 0/0, of a whole genome.
        bytes_per_call: of a store of genotypes.
        bytes_per_row: of the table, a row being a person's gene in a tissue.
        shared_bytes: weights and the reference's cCREs, once for all.
        cpu_seconds: of a person's gene's inputs, from the store.
        genes_per_second: of a GPU, the model alone, cCREs of the reference at hand.
        gpus: at work at once.
        unit_minutes: GPU time of a unit of work.
        unit_overhead: seconds that a unit takes beside it.
        life: hours that a machine lasts; infinity = it is not taken away.
        price: of a GPU hour.
        spot: share of the price that is paid for machines that may be taken away.
    """

    people: int = 500_000
    genes: int = 18_439
    tissues: int = 62
    calls: float = 4.5e6
    bytes_per_call: float = 1.77
    bytes_per_row: float = 7.7
    shared_bytes: float = 2.5e9 + 4.3e9
    cpu_seconds: float = 0.002
    genes_per_second: float = 12.1
    gpus: int = 1_000
    unit_minutes: float = 10.0
    unit_overhead: float = 1.0
    life: float = 12.0
    price: float = 3.0
    spot: float = 0.4


@dataclass(frozen=True)
class Plan:
    """What it takes.

    Attributes:
        store_bytes, table_bytes: of genotypes and of the result.
        cpu_hours: of inputs.
        gpu_hours: of the model alone.
        pairs_per_unit: people x genes of a unit.
        units: of all, a file each.
        file_bytes: of a unit's file.
        paid_hours: GPU hours with units' overhead, nothing lost.
        spot_hours: with what is lost, too.
        days: of all GPUs at work, on machines that may be taken away.
        price, spot_price: of all, on machines that stay, and on those that may be taken away.
    """

    store_bytes: float
    table_bytes: float
    cpu_hours: float
    gpu_hours: float
    pairs_per_unit: int
    units: int
    file_bytes: float
    paid_hours: float
    spot_hours: float
    days: float
    price: float
    spot_price: float


def plan(given: Inputs) -> Plan:
    """The arithmetic.

    Raises:
        ValueError: a number is not greater than 0.
    """
    for name, value in asdict(given).items():
        if not (value >= 0 if name == "unit_overhead" else value > 0):
            raise ValueError(f"{name} is {value}, and has to be greater than 0")
    pairs = given.people * given.genes
    gpu_hours = pairs / given.genes_per_second / HOUR
    pairs_per_unit = max(1, round(given.unit_minutes * 60 * given.genes_per_second))
    units = -(-pairs // pairs_per_unit)
    work = pairs_per_unit / given.genes_per_second
    paid_hours = gpu_hours + units * given.unit_overhead / HOUR
    spot_hours = units * expected_seconds(work + given.unit_overhead, given.life * HOUR) / HOUR
    table_bytes = pairs * given.tissues * given.bytes_per_row
    return Plan(
        store_bytes=given.people * given.calls * given.bytes_per_call,
        table_bytes=table_bytes,
        cpu_hours=pairs * given.cpu_seconds / HOUR,
        gpu_hours=gpu_hours,
        pairs_per_unit=pairs_per_unit,
        units=units,
        file_bytes=table_bytes / units,
        paid_hours=paid_hours,
        spot_hours=spot_hours,
        days=spot_hours / given.gpus / 24,
        price=paid_hours * given.price,
        spot_price=spot_hours * given.price * given.spot,
    )


def lines(given: Inputs) -> list[str]:
    """The plan as a table: per person, and for all."""
    found, one = plan(given), given.people
    life = f"machines that last {given.life:g} h" if given.life != float("inf") else "machines that stay"
    rows = [
        ("genotypes in stores", _bytes(found.store_bytes / one), _bytes(found.store_bytes)),
        ("weights, vectors of the reference's cCREs", "shared", _bytes(given.shared_bytes)),
        ("inputs", f"{found.cpu_hours / one * HOUR:.0f} core-s", f"{found.cpu_hours:,.0f} core-h"),
        ("model alone", f"{found.gpu_hours / one:.3f} GPU-h", f"{found.gpu_hours:,.0f} GPU-h"),
        (
            f"with {given.unit_overhead:g} s a unit",
            f"{found.paid_hours / one:.3f} GPU-h",
            f"{found.paid_hours:,.0f} GPU-h",
        ),
        (f"on {life}", f"{found.spot_hours / one:.3f} GPU-h", f"{found.spot_hours:,.0f} GPU-h"),
        (f"on {given.gpus:,} GPUs", "", f"{found.days:.1f} days"),
        ("table", _bytes(found.table_bytes / one), _bytes(found.table_bytes)),
        (
            f"units of {given.unit_minutes:g} min, {found.pairs_per_unit:,} people x genes",
            f"{found.units / one:.2f}",
            f"{found.units:,} files of {_bytes(found.file_bytes)}",
        ),
        (f"price at {given.price:g} a GPU-h", f"{found.price / one:.2f}", f"{found.price:,.0f}"),
        (f"at {given.spot:.0%} of it, losses included", f"{found.spot_price / one:.2f}", f"{found.spot_price:,.0f}"),
    ]
    head = [f"| | per person | {given.people:,} people |", "|---|---|---|"]
    return head + [f"| {' | '.join(cells)} |" for cells in rows]


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1_000 or unit == "TB":
            return f"{count:.3g} {unit}"
        count /= 1_000
    raise AssertionError


def main() -> None:
    """Print the table and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for each in fields(Inputs):
        kind = int if isinstance(each.default, int) else float
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=kind, default=each.default)
    given = Inputs(**vars(parser.parse_args()))
    try:
        print("\n".join(lines(given)))
    except ValueError as error:
        parser.error(str(error))
    print(json.dumps({**asdict(given), **asdict(plan(given))}))


if __name__ == "__main__":
    main()

"""Ways of keeping a cohort's genotypes, built and read: for ``benchmarks.speed.store``, each in a process of its own.

It is a file by itself, so that an earlier version of this package, or another Python with other packages, can run it.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Called with a person and a region, 0-based half-open; gives how many alternative alleles the person has there.
Count = Callable[[str, int, int], int]


def main() -> None:
    """Build or read, as the JSON in the arguments says, and print what it took as JSON."""
    question = json.loads(sys.argv[1])
    build, reader = WAYS[question["way"]]
    begin, cpu = time.perf_counter(), _cpu()
    if question["do"] == "build":
        build(question)
        print(json.dumps({"seconds": time.perf_counter() - begin, "CPU seconds": _cpu() - cpu}))
        return
    times = []
    for _ in range(2):
        alleles, begin = 0, time.process_time()
        for person in question["people"]:
            with reader(question) as count:
                alleles += sum(count(person, *region) for region in question["regions"])
        times.append((time.process_time() - begin) / len(question["people"]) / len(question["regions"]))
    print(json.dumps({"first": times[0], "again": times[1], "alleles": alleles}))


def _cpu() -> float:
    import resource

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def build_ours(question: dict[str, Any]) -> None:
    from variantformer_hf.genome.variant_ingest import build_store

    build_store(question["vcf"], question["folder"])


@contextmanager
def read_ours(question: dict[str, Any]) -> Iterator[Count]:
    from variantformer_hf.genome.variant_store import VariantStore

    opened: dict[str, Any] = {}

    def count(person: str, start: int, end: int) -> int:
        if person not in opened:
            opened[person] = VariantStore(question["vcf"], question["folder"], person)
        parts = opened[person].columns("chr1", start, end)
        return sum(int((part.first > 0).sum() + (part.second > 0).sum()) for part in parts)

    yield count


def build_genoray(question: dict[str, Any]) -> None:
    from genoray import SparseVar2

    SparseVar2.from_vcf(question["folder"], question["vcf"], no_reference=True, threads=1, log_level="off")


@contextmanager
def read_genoray(question: dict[str, Any]) -> Iterator[Count]:
    from genoray import SparseVar2

    store = SparseVar2(question["folder"])

    def count(person: str, start: int, end: int) -> int:
        found = store.read_ranges("chr1", [start], [end], samples=[person])
        return len(found["vk_pos"]) + _set_bits(found)

    yield count


def _set_bits(found: Any) -> int:
    import numpy as np

    present = found.get("dense_present")
    return 0 if present is None else int(np.unpackbits(np.asarray(present, dtype=np.uint8)).sum())


def build_zarr(question: dict[str, Any]) -> None:
    from bio2zarr import vcf

    vcf.convert([question["vcf"]], question["folder"], worker_processes=0)


@contextmanager
def read_zarr(question: dict[str, Any]) -> Iterator[Count]:
    import numpy as np
    import zarr

    store = zarr.open(question["folder"], mode="r")
    position, people = store["variant_position"][:], store["sample_id"][:].tolist()

    def count(person: str, start: int, end: int) -> int:
        low, high = np.searchsorted(position, [start + 1, end + 1])
        return int((store["call_genotype"][low:high, people.index(person)] > 0).sum())

    yield count


WAYS = {
    "ours": (build_ours, read_ours),
    "genoray": (build_genoray, read_genoray),
    "vcf2zarr": (build_zarr, read_zarr),
}

if __name__ == "__main__":
    main()

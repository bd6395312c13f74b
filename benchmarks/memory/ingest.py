"""Peak memory of `ingest`, a process that reads one contig, by the number of people.

Run: python -m benchmarks.memory.ingest

``rare`` is a population, in which ever fewer sites have ever more carriers: 32 million genotypes of 200, 2,000 and
20,000 people, from a VCF. ``common`` is the most that a block holds: sites that a tenth or half of 20,000 people carry,
320 million genotypes, from blocks made as they are asked for.
"""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from benchmarks.memory.steps import Step, run_steps

if TYPE_CHECKING:
    from variantformer_hf.genome.call_blocks import CallBlock

PEOPLE = (200, 2_000, 20_000)
GENOTYPES = 32_000_000
COMMON_SITES = 16_000


def main() -> None:
    """Print the peaks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    run_steps("benchmarks.memory.ingest", STEPS, parser)


def write_rare(arguments: argparse.Namespace) -> None:
    """Write the VCFs."""
    import numpy as np

    from variantformer_hf.simulation.writers import GENOTYPES as GT
    from variantformer_hf.simulation.writers import contig_lines, write_vcf

    def lines(n_people: int) -> Iterator[str]:
        rng = np.random.default_rng(0)
        for number in range(GENOTYPES // n_people):
            calls = np.full((n_people, 4), np.frombuffer(b"0|0\t", dtype=np.uint8))
            carriers = rng.choice(n_people, min(n_people, int(1 / (1 - rng.random()))), replace=False)
            calls[carriers, rng.choice([0, 2])] = ord("1")
            fixed = ["chr1", str(30 * number + 1), ".", "A", "C", "50", "PASS", ".", "GT"]
            yield "\t".join([*fixed, calls.tobytes()[:-1].decode()])

    for n_people in PEOPLE:
        meta = [GT, *contig_lines({"chr1": 30 * GENOTYPES})]
        samples = [f"P{number}" for number in range(n_people)]
        write_vcf(arguments.folder / f"{n_people}.vcf.gz", lines(n_people), meta=meta, samples=samples)


def ingest(n_people: int) -> Step:
    """Ingest one of them."""

    def step(arguments: argparse.Namespace) -> None:
        from variantformer_hf.genome.variant_ingest import build_store

        build_store(arguments.folder / f"{n_people}.vcf.gz", arguments.folder / f"{n_people}.store")

    return step


def ingest_common(arguments: argparse.Namespace) -> None:
    """Write a contig of common sites."""
    from pathlib import Path

    from variantformer_hf.genome.checked_file import CheckedWriter
    from variantformer_hf.genome.contig_writer import ContigWriter
    from variantformer_hf.genome.store_layout import StoreLimits

    with CheckedWriter(arguments.folder / "common.calls") as file:
        writer = ContigWriter(file, Path("common"), "chr1", PEOPLE[-1], StoreLimits())
        for block in common_sites(PEOPLE[-1]):
            writer.add(block)
        writer.finish({})


def common_sites(n_people: int) -> Iterator["CallBlock"]:
    """Blocks of 100 sites."""
    import numpy as np

    from variantformer_hf.genome.call_blocks import CallBlock

    rng = np.random.default_rng(0)
    letters, none = np.full(100, ord("A"), dtype=np.uint8), np.zeros(100, dtype=np.int64)
    for first in range(0, COMMON_SITES, 100):
        share = rng.choice([0.1, 0.5], (100, 1))
        record, sample = np.nonzero(rng.random((100, n_people), dtype=np.float32) < share)
        position = 30 * np.arange(first, first + 100)
        genotype = rng.integers(0, 3, len(record))
        names = ("0|1", "1|0", "1|1")
        yield CallBlock(
            position, position + 1, none, letters, letters, letters, none, letters[:0], record, sample, genotype, names
        )


STEPS: dict[str, Step] = {
    "write": write_rare,
    **{f"rare, {n_people} people": ingest(n_people) for n_people in PEOPLE},
    "common, 20000 people": ingest_common,
}


if __name__ == "__main__":
    main()

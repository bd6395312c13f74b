"""Edits resolved by compiled kernels: as one by one, in every mode, at every edge, with every record counted."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_variants import CONTIG, random_genome, random_records, write_case

from variantformer_hf import PersonalGenome, ReferenceGenome, compiled
from variantformer_hf.errors import InputError
from variantformer_hf.genome.options import SEQUENCE_MODES, SYMBOLIC, GenotypeOptions
from variantformer_hf.genome.tally import VariantTally

pytestmark = pytest.mark.skipif(not compiled.HAS_NUMBA, reason="numba is not installed (extra `fast`)")


@contextmanager
def without_numba() -> Iterator[None]:
    compiled.HAS_NUMBA = False
    try:
        yield
    finally:
        compiled.HAS_NUMBA = True


def spoiled(rng: random.Random, line: str) -> str:
    """A record with another REF, another FILTER, or as it is."""
    fields = line.split("\t")
    if rng.random() < 0.02:
        fields[3] = fields[3][:-1] + ("A" if fields[3][-1].upper() != "A" else "C")
    if rng.random() < 0.2:
        fields[6] = rng.choice([".", "q10"])
    return "\t".join(fields)


def read(fasta: Path, vcf: Path, options: GenotypeOptions, intervals: list[tuple[str, int, int]]) -> Any:
    """Sequences, what became of the records, and the numbers of these; or the error."""
    person, tally = PersonalGenome(ReferenceGenome(fasta), vcf, options=options), VariantTally()
    try:
        sequences = person.sequences(intervals, tally)
        keys, outcomes = tally.records(CONTIG)
        return sequences, keys.tolist(), outcomes.tolist()
    except InputError as error:
        return str(error)
    finally:
        person.close()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0))
def test_kernels_give_what_is_given_without_them(seed: int) -> None:
    rng = random.Random(seed)
    genome = random_genome(rng, rng.randint(30, 900))
    options = GenotypeOptions(
        mode=rng.choice(SEQUENCE_MODES),
        symbolic=rng.choice(SYMBOLIC),
        snps_only=rng.random() < 0.1,
        pass_only=rng.random() < 0.3,
        on_ref_mismatch=rng.choice(["error", "skip-record", "skip-record"]),
    )
    intervals = []
    for _ in range(12):
        start = rng.randrange(len(genome))
        intervals.append((CONTIG, start, rng.randint(start, min(len(genome), start + rng.choice([1, 30, 900])))))
    with TemporaryDirectory() as name:
        lines = [spoiled(rng, line) for line in random_records(rng, genome, rng.choice([3, 6, 15, 40]))]
        fasta, vcf = write_case(Path(name), genome, lines)
        found = read(fasta, vcf, options, intervals)
        with without_numba():
            assert read(fasta, vcf, options, intervals) == found

"""Places on the reference and in a person's sequence."""

import random
import tempfile
from pathlib import Path

import pytest
from genome_files import record, write_fasta, write_vcf
from hypothesis import given, settings
from hypothesis import strategies as st

from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.genome.coordinate_map import CoordinateMap
from variantformer_hf.genome.interval import reverse_complement

GENOME = "ACGTTGCAAC" * 4


def person(folder: Path, *lines: str) -> PersonalGenome:
    fasta = write_fasta(folder / "genome.fa", {"chr1": GENOME})
    return PersonalGenome(ReferenceGenome(fasta), write_vcf(folder / "p.vcf.gz", lines, contigs={"chr1": len(GENOME)}))


def test_by_hand(tmp_path: Path) -> None:
    # A SNP at 2 (0-based), two bases in behind 10, and three deleted behind 20.
    carrier = person(
        tmp_path, record(3, "G", "T", "1/1"), record(11, "A", "ATT", "1/1"), record(21, "ACGT", "A", "1/1")
    )
    places = CoordinateMap.of(carrier, "chr1", 0, 40)
    assert places.length == 39
    assert [places.to_personal(at) for at in (0, 2, 10, 11, 20, 21, 23, 24, 39)] == [
        0,
        2,
        10,
        13,
        22,
        None,
        None,
        23,
        38,
    ]
    assert [places.to_reference(at) for at in (0, 10, 11, 12, 13, 22, 23, 38)] == [0, 10, None, None, 11, 20, 24, 39]
    back = CoordinateMap.of(carrier, "chr1", 0, 40, reverse=True)
    assert back.to_personal(0) == 38
    assert back.to_reference(38) == 0
    with pytest.raises(ValueError, match="lies outside"):
        places.to_personal(40)
    with pytest.raises(ValueError, match="none at 39"):
        places.to_reference(39)


@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0))
def test_bases_that_are_kept_are_the_same(seed: int) -> None:
    """Both ways are each other's inverse, and an untouched base is the same letter in both."""
    rng = random.Random(seed)
    lines, position, touched = [], rng.randint(1, 6), set()
    while position < 34:
        ref = GENOME[position - 1 : position - 1 + rng.choice([1, 1, 2, 4])]
        alt = rng.choice([ref[0], ref + "GG", "T" * len(ref)])
        if alt != ref:
            lines.append(record(position, ref, alt, "1|1"))
            touched |= set(range(position - 1, position - 1 + len(ref)))
        position += len(ref) + rng.randint(0, 5)
    start, end = rng.randint(0, 10), rng.randint(25, 40)
    with tempfile.TemporaryDirectory() as folder:
        carrier = person(Path(folder), *lines)
        forward = carrier.sequence("chr1", start, end)
        for reverse in (False, True):
            sequence = reverse_complement(forward) if reverse else forward
            places = CoordinateMap.of(carrier, "chr1", start, end, reverse=reverse)
            assert places.length == len(sequence)
            there = {at: places.to_personal(at) for at in range(start, end)}
            for at, place in there.items():
                if place is not None:
                    assert places.to_reference(place) == at
                    if at not in touched:
                        letter = sequence[place]
                        assert (reverse_complement(letter) if reverse else letter) == GENOME[at]
                else:
                    assert at in touched
            assert sorted(place for place in there.values() if place is not None) == [
                place for place in range(len(sequence)) if places.to_reference(place) is not None
            ]

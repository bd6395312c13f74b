"""A person's bases around a place: as many as on the reference, the place where it was, and nothing else moved."""

import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from genome_files import record, write_fasta, write_vcf
from hypothesis import given, settings
from hypothesis import strategies as st
from random_variants import random_bases
from test_genome_haplotypes import person, random_lines

from variantformer_hf import PersonalGenome, ReferenceGenome
from variantformer_hf.genome import GenotypeOptions
from variantformer_hf.genome.coordinate_map import CoordinateMap
from variantformer_hf.genome.interval import Interval
from variantformer_hf.zoo.window.person_window import PersonWindow, WindowPlace, read_windows

GENOME = "ACGTTGCAAC" * 8


def text(window: PersonWindow) -> str:
    return bytes(window.letters).decode()


def around(place: int, length: int = 20) -> WindowPlace:
    return WindowPlace.around("chr1", place, length)


def test_without_variants_it_is_the_reference(tmp_path: Path) -> None:
    genome = PersonalGenome(person(tmp_path).reference)
    place = around(40)
    assert (place.interval, place.before) == (Interval("chr1", 30, 50), 10)
    (window,) = read_windows(genome, place).windows
    assert text(window) == GENOME[30:50]
    assert window.places_of([30, 40, 50]).tolist() == [0, 10, 20]
    assert WindowPlace.of_interval(place.interval) == place


@pytest.mark.parametrize(
    ("line", "expected", "places"),
    [
        # Two bases more before the place: the first two of the window are cut off.
        (record(36, "G", "GGG", "1|1"), GENOME[32:36] + "GG" + GENOME[36:50], {35: 3, 36: 6, 40: 10, 50: 20}),
        # Two more behind it: the last two are.
        (record(45, "T", "TGG", "1|1"), GENOME[30:45] + "GG" + GENOME[45:48], {40: 10, 44: 14, 45: 17, 50: 22}),
        # Three less before it: three of the reference are read on at the left.
        (record(33, "GTTG", "G", "1|1"), GENOME[27:33] + GENOME[36:50], {30: 3, 36: 6, 40: 10}),
        # Three less behind it: three at the right.
        (record(43, "GTTG", "G", "1|1"), GENOME[30:43] + GENOME[46:53], {40: 10, 43: 13, 46: 13, 50: 17}),
        # The place itself goes: what follows it stands there.
        (record(40, "CACG", "C", "1|1"), GENOME[30:40] + GENOME[43:53], {40: 10, 42: 10, 43: 10, 44: 11}),
    ],
)
def test_indels_by_hand(tmp_path: Path, line: str, expected: str, places: dict[int, int]) -> None:
    (window,) = read_windows(person(tmp_path, line), around(40)).windows
    assert text(window) == expected
    assert dict(zip(places, window.places_of(list(places)).tolist(), strict=True)) == places


@settings(max_examples=80, deadline=None)
@given(st.integers(min_value=0))
def test_the_place_keeps_its_place_and_bases_that_are_kept_are_found(seed: int) -> None:
    rng = random.Random(seed)
    genome = random_bases(rng, 80)
    length, at = rng.choice([10, 15, 32]), rng.randint(30, 50)
    with tempfile.TemporaryDirectory() as folder:
        lines = random_lines(rng, genome)
        touched = {
            int(line.split("\t")[1]) - 1 + offset for line in lines for offset in range(len(line.split("\t")[3]))
        }
        both = person(Path(folder), *lines, genome=genome)
        place = around(at, length)
        found = read_windows(both, place)
        assert found.status == ""
        each = found.windows * (2 // len(found.windows))
        for window, reading in zip(each, both.readings(), strict=True):
            assert len(window.letters) == length
            whole = reading.stretch("chr1", 0, len(genome))
            edits = reading.edits(whole, np.array([0]), np.array([len(genome)]))
            middle = int(CoordinateMap.of_edits("chr1", edits).boundaries(np.array([at]))[0])
            assert text(window) == whole.sequences(edits)[0][middle - length // 2 :][:length]
            assert window.places_of([at])[0] == length // 2
            positions = [p for p in range(place.interval.start, place.interval.end) if p not in touched]
            for position, where in zip(positions, window.places_of(positions).tolist(), strict=True):
                if 0 <= where < length:
                    assert text(window)[where] == genome[position]


def test_haplotypes_that_read_the_same_are_one(tmp_path: Path) -> None:
    genome = person(tmp_path, record(33, "G", "A", "1|1"), record(70, "C", "A", "0|1"))
    assert len(read_windows(genome, around(40)).windows) == 1
    assert len(read_windows(genome, around(65)).windows) == 2


def test_codes_are_shares_and_so_the_mean_of_both_haplotypes(tmp_path: Path) -> None:
    lines = [record(33, "G", "A", "0|1"), record(38, "A", "C,T", "1|2"), record(45, "T", "TGG", "0|1")]
    both = PersonalGenome(
        person(tmp_path, *lines).reference,
        tmp_path / "p.vcf.gz",
        options=GenotypeOptions(mode="haplotypes", snps_only=True),
    )
    codes = PersonalGenome(both.reference, tmp_path / "p.vcf.gz", options=GenotypeOptions(mode="iupac", snps_only=True))
    mean = read_windows(both, around(40)).one_hot().mean(axis=0)
    (shares,) = read_windows(codes, around(40)).one_hot()
    np.testing.assert_array_equal(shares, mean)
    assert shares[2].tolist() == [0.5, 0, 0.5, 0]


def test_n_and_lower_case(tmp_path: Path) -> None:
    fasta = write_fasta(tmp_path / "n.fa", {"chr1": "acgtNACGTN"})
    (window,) = read_windows(PersonalGenome(ReferenceGenome(fasta)), WindowPlace.around("chr1", 3, 6)).windows
    assert window.one_hot()[:, 0].tolist() == [1, 0, 0, 0, 0, 1]
    assert window.one_hot(n=0.25)[4].tolist() == [0.25] * 4


@pytest.mark.parametrize(("at", "status"), [(9, "window_off_contig"), (10, ""), (70, ""), (71, "window_off_contig")])
def test_a_window_beyond_the_contig(tmp_path: Path, at: int, status: str) -> None:
    found = read_windows(person(tmp_path), around(at))
    assert (found.status, len(found.windows)) == (status, 0 if status else 1)


def test_a_deletion_that_asks_for_bases_that_the_contig_has_not(tmp_path: Path) -> None:
    genome = person(tmp_path, record(73, "GTTG", "G", "0|1"))
    assert read_windows(genome, around(70)).status == "window_off_contig"
    assert read_windows(genome, around(67)).status == ""


def test_records_beyond_the_window_are_read_where_their_bases_are(tmp_path: Path) -> None:
    lines = [record(28, "A", "C", "1|1"), record(29, "ACAC", "A", "0|1"), record(33, "GTTG", "G", "1|1")]
    first, second = read_windows(person(tmp_path, *lines), around(40)).windows
    assert text(first) == "CAC" + GENOME[30:33] + GENOME[36:50]
    assert first.read == Interval("chr1", 27, 50)
    # What is deleted farther out is made up for from there.
    assert text(second) == GENOME[24:27] + "CA" + GENOME[32:33] + GENOME[36:50]
    assert second.places_of([36, 40, 50]).tolist() == [6, 10, 20]


def test_a_stretch_that_is_read_already_will_do(tmp_path: Path) -> None:
    vcf = write_vcf(tmp_path / "q.vcf.gz", [record(33, "G", "A", "0|1")], contigs={"chr1": 80})
    for mode in ("haplotypes", "haplotype2", "alt"):
        genome = PersonalGenome(person(tmp_path).reference, vcf, options=GenotypeOptions(mode=mode))
        stretch = genome.stretch("chr1", 20, 70)
        given, own = read_windows(genome, around(40), stretch), read_windows(genome, around(40))
        assert [text(each) for each in given.windows] == [text(each) for each in own.windows]

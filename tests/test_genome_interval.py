"""Region text and the other strand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variantformer_hf.errors import InputError
from variantformer_hf.genome.interval import Interval, parse_region, reverse_complement

CONTIGS = {"chr1": 2_000, "1": 500, "HLA:01:02": 300, "HLA:01": 40}


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("chr1:100-200", ("chr1", 99, 200)),
        ("chr1:1-1", ("chr1", 0, 1)),
        ("chr1:1,000-1,200", ("chr1", 999, 1_200)),
        ("chr1:100", ("chr1", 99, 2_000)),
        ("chr1:100-", ("chr1", 99, 2_000)),
        ("chr1:1900-9000", ("chr1", 1_899, 2_000)),
        ("chr1", ("chr1", 0, 2_000)),
        (" chr1 ", ("chr1", 0, 2_000)),
        ("1", ("1", 0, 500)),
        ("HLA:01:02", ("HLA:01:02", 0, 300)),
        ("HLA:01:02:5-10", ("HLA:01:02", 4, 10)),
        ("HLA:01:5-10", ("HLA:01", 4, 10)),
    ],
)
def test_region_text_is_one_based_and_inclusive(text: str, interval: tuple[str, int, int]) -> None:
    assert parse_region(text, CONTIGS) == Interval(*interval)


@pytest.mark.parametrize(
    "text",
    ["", "chr9", "chr9:1-2", "chr1:", "chr1:,", "chr1:1-,", "chr1:-5", "chr1:a-b", "chr1:5-4", "chr1:0-4", "chr1:2001"],
)
def test_text_that_is_no_region_is_named_with_the_form_expected(text: str) -> None:
    with pytest.raises(InputError, match=r"chr1:100-200|1-based") as caught:
        parse_region(text, CONTIGS)
    assert repr(text) in str(caught.value)


@given(st.integers(0, 1_999), st.integers(1, 2_000))
def test_an_interval_is_written_as_the_region_that_it_is(start: int, length: int) -> None:
    interval = Interval("chr1", start, min(2_000, start + length))
    assert parse_region(str(interval), CONTIGS) == interval


@pytest.mark.parametrize(
    ("sequence", "other_strand"),
    [("ACGTT", "AACGT"), ("acgtn", "NACGT"), ("RYSWKMBDHVN", "NBDHVKMWSRY"), ("A*-", "-*T"), ("", "")],
)
def test_reverse_complement(sequence: str, other_strand: str) -> None:
    assert reverse_complement(sequence) == other_strand


@given(st.text("ACGTRYSWKMBDHVNacgtryswkmbdhvn*-", max_size=60))
def test_the_other_strand_twice_is_the_first_in_capitals(sequence: str) -> None:
    assert reverse_complement(reverse_complement(sequence)) == sequence.upper()


@given(st.text("ACGTRYSWKMBDHVN", min_size=1, max_size=20))
def test_each_letter_stands_for_the_complements_of_its_bases(sequence: str) -> None:
    codes = {"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"}
    codes |= {"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT"}
    bases = {base: base for base in "ACGT"} | codes
    complement = {"A": "T", "C": "G", "G": "C", "T": "A"}
    for letter, other in zip(sequence, reversed(reverse_complement(sequence)), strict=True):
        assert set(bases[other]) == {complement[base] for base in bases[letter]}

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variantformer_hf.genome.interval import Interval
from variantformer_hf.genome.intervals import SortedIntervals, merged, overlaps, union

INTERVAL = st.tuples(st.integers(0, 60), st.one_of(st.integers(1, 5), st.integers(1, 60))).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)


@given(st.lists(INTERVAL, max_size=40), st.integers(0, 80), st.integers(0, 40))
def test_finds_what_looking_at_each_finds(intervals: list[tuple[int, int]], start: int, length: int) -> None:
    intervals.sort()
    ends = np.array([end for _, end in intervals], dtype=np.int64)
    index = SortedIntervals(np.array([first for first, _ in intervals], dtype=np.int64), ends)
    bases = set(range(start, start + length))
    expected = [number for number, (first, last) in enumerate(intervals) if bases & set(range(first, last))]
    assert index.overlapping(start, start + length).tolist() == expected


def test_a_reversed_interval_is_an_error() -> None:
    index = SortedIntervals(np.array([1]), np.array([5]))
    with pytest.raises(ValueError, match="ends before it starts"):
        index.overlapping(5, 4)


def bases_of(intervals: list[tuple[int, int]]) -> set[int]:
    return {base for start, end in intervals for base in range(start, end)}


POSSIBLY_EMPTY = st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(POSSIBLY_EMPTY, max_size=20))
def test_a_union_has_the_bases_of_its_intervals_and_each_once(intervals: list[tuple[int, int]]) -> None:
    starts, ends = np.array(intervals, dtype=np.int64).reshape(-1, 2).T
    found = [(int(start), int(end)) for start, end in union(starts, ends)]
    assert bases_of(found) == bases_of(intervals)
    assert all(start < end for start, end in found)
    assert all(before < after for (_, before), (after, _) in pairwise(found))


@given(st.lists(st.tuples(st.sampled_from("ab"), INTERVAL), max_size=20))
def test_merged_intervals_are_the_union_on_each_contig(intervals: list[tuple[str, tuple[int, int]]]) -> None:
    found = merged(Interval(chrom, *each) for chrom, each in intervals)
    assert found == sorted(found)
    for chrom in "ab":
        of_contig = np.array([each for name, each in intervals if name == chrom], dtype=np.int64).reshape(-1, 2)
        assert [[each.start, each.end] for each in found if each.chrom == chrom] == union(*of_contig.T).tolist()


@given(st.lists(INTERVAL, max_size=10), st.lists(INTERVAL, max_size=10))
def test_overlaps_tells_which_share_a_base(asked: list[tuple[int, int]], intervals: list[tuple[int, int]]) -> None:
    starts, ends = np.array(asked, dtype=np.int64).reshape(-1, 2).T
    within = union(*np.array(intervals, dtype=np.int64).reshape(-1, 2).T)
    bases = bases_of(intervals)
    assert overlaps(starts, ends, within).tolist() == [bool(bases_of([each]) & bases) for each in asked]
    assert overlaps(starts, ends, None).all()


def test_merged_intervals() -> None:
    given = [
        Interval("b", 5, 9),
        Interval("a", 3, 8),
        Interval("a", 8, 10),
        Interval("a", 20, 30),
        Interval("a", 22, 25),
    ]
    assert merged(given) == [Interval("a", 3, 10), Interval("a", 20, 30), Interval("b", 5, 9)]

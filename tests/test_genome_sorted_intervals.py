import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variantformer_hf.genome.sorted_intervals import SortedIntervals

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

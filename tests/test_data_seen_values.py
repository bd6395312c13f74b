"""Places that were seen, against a set of Python's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from variantformer_hf.data.seen_values import SeenValues

PLACES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 40)), max_size=30)


@given(st.lists(PLACES, max_size=5))
def test_it_knows_each_place_again_as_a_set_does(parts: list[list[tuple[int, int, int]]]) -> None:
    seen, known = SeenValues(), set[tuple[int, int, int]]()
    for part in parts:
        place = [np.array([each[side] for each in part], dtype=np.int32) for side in range(3)]
        again = []
        for each in part:
            again.append(each in known)
            known.add(each)
        assert seen.again(*place).tolist() == again
        seen.add(*place)
    assert seen.added == sum(map(len, parts))
    assert seen.has_doubled == (seen.added != len(known))

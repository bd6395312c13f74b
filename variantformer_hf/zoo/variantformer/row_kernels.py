"""Compiled filling of padded rows of tokens."""

from ...compiled import njit


@njit(cache=True, nogil=True)
def fill_rows(one, two, source, first, last, pad, ids, mask):  # type: ignore[no-untyped-def]
    """Fill rows with tokens, those beyond a row's length cut.

    Args:
        one, two: int32 tokens.
        source, first, last: (R,) which of the two each row is in, and where.
        pad: id of padding.
        ids, mask: (R, L) int64, filled in.
    """
    length = ids.shape[1]
    for row in range(len(first)):
        begin = first[row]
        n = min(last[row] - begin, length)
        values = one if source[row] == 0 else two
        for place in range(n):
            ids[row, place] = values[begin + place]
            mask[row, place] = 1
        for place in range(n, length):
            ids[row, place] = pad
            mask[row, place] = 0

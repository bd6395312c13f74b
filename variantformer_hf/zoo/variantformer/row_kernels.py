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
        behind = min(last[row], begin + length)
        # By slices, in which the compiler sees that no index is negative, and writes several numbers at once.
        values = one[begin:behind] if source[row] == 0 else two[begin:behind]
        row_ids, row_mask, n = ids[row], mask[row], len(values)
        for place in range(n):
            row_ids[place] = values[place]
        row_ids[n:] = pad
        row_mask[:n] = 1
        row_mask[n:] = 0

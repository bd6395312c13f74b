"""Compiled writing of a person's bases."""

from ..compiled import njit


@njit(cache=True, nogil=True)
def _copied(source, first, last, target, at):  # type: ignore[no-untyped-def]
    """Copy source[first:last] to a place of the target; the place behind."""
    pieces, room = source[first:last], target[at : at + last - first]
    for place in range(len(pieces)):
        room[place] = pieces[place]
    return at + last - first


@njit(cache=True, nogil=True)
def splice(bases, low, starts, ends, offsets, span_start, span_end, alt_start, alt_end, alts, out, out_first):  # type: ignore[no-untyped-def]
    """Write regions with their spans replaced, one behind the other.

    Args:
        bases: uint8, the reference from ``low`` on.
        starts, ends, offsets, span_start, span_end, alt_start, alt_end, alts: as of ``RegionEdits``.
        out: uint8, filled in; out_first: (R + 1,) int64, where each region begins in it.
    """
    for region in range(len(starts)):
        at, cursor = out_first[region], starts[region]
        for span in range(offsets[region], offsets[region + 1]):
            at = _copied(bases, cursor - low, span_start[span] - low, out, at)
            at = _copied(alts, alt_start[span], alt_end[span], out, at)
            cursor = span_end[span]
        _copied(bases, cursor - low, ends[region] - low, out, at)

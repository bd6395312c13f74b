"""Byte-pair encoding from left to right, compiled: the longest token that fits, and a shorter one where none follows.

As ``merge_kernels`` says, tokens are the encoding of their text exactly when each two neighbours are the encoding of
theirs. So a text's tokens are found by going along it: at each place the longest token is taken that fits the one
before; where none does, the token before is taken back and a shorter one is tried, and nobody comes to that place
again. What two tokens make together is computed when it is first asked for. (The way of the Rust crate ``bpe``.)
"""

# mypy: disable-error-code="assignment"

import numpy as np

from ..compiled import njit
from .merge_kernels import merge

UNKNOWN, FITS, FITS_NOT = np.uint8(0), np.uint8(1), np.uint8(2)
REMOVED = np.uint8(255)


@njit(cache=True, nogil=True)
def _computed_fit(left, right, fits, rank_of_pair, token_of_rank, letters, letters_first):  # type: ignore[no-untyped-def]
    """Whether two tokens are the encoding of their text; remembered."""
    size = letters_first[left + 1] - letters_first[left] + letters_first[right + 1] - letters_first[right]
    ids, ranks = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int32)
    n = 0
    for token in (left, right):
        for place in range(letters_first[token], letters_first[token + 1]):
            ids[n] = letters[place]
            n += 1
    n = merge(ids, n, ranks, rank_of_pair, token_of_rank)
    found = FITS if n == 2 and ids[0] == left and ids[1] == right else FITS_NOT
    fits[left, right] = found
    return found


@njit(cache=True, nogil=True)
def encode_slices(  # type: ignore[no-untyped-def]
    text,
    origin,
    step,
    kinds,
    first,
    last,
    children,
    token_at,
    shorter,
    fits,
    rank_of_pair,
    token_of_rank,
    letters,
    letters_first,
    out,
    out_first,
):
    """Encode texts, one behind the other, into ``out``.

    Args:
        text, origin, step: place p is the character ``text[origin + step * p]``.
        kinds: (256,) uint8, a character's number in the alphabet, or ``REMOVED``.
        first, last: (R,) int64, places of each text.
        children: (nodes, letters) int32, the node behind each letter, from the root, node 0; 0 = none.
        token_at: (nodes,) int32, the token that is spelled there; -1 = none.
        shorter: (V,) int32, the longest token that each begins with; -1 = none.
        fits: (V, V) uint8, what is known of two tokens; filled in.
        rank_of_pair, token_of_rank, letters, letters_first: as of ``merge_kernels``.
        out: int32, as long as all texts; out_first: (R + 1,) int64, filled with where each begins.
    """
    most = 0
    for row in range(len(first)):
        most = max(most, last[row] - first[row])
    is_dead = np.zeros(most + 1, dtype=np.bool_)
    n_out = 0
    for row in range(len(first)):
        out_first[row] = n_out
        cursor, stop = first[row], last[row]
        while cursor < stop:
            if kinds[text[origin + step * cursor]] == REMOVED:
                cursor += 1
                continue
            end = cursor + 1
            while end < stop and kinds[text[origin + step * end]] != REMOVED:
                end += 1
            is_dead[: end - cursor + 1] = False
            base, place, token = n_out, cursor, np.int32(-1)
            while place < end:
                if token < 0:
                    node, at = 0, place
                    while at < end:
                        node = children[node, kinds[text[origin + step * at]]]
                        if node == 0:
                            break
                        if token_at[node] >= 0:
                            token = token_at[node]
                        at += 1
                while token >= 0:
                    behind = place + letters_first[token + 1] - letters_first[token]
                    if behind <= end and not is_dead[behind - cursor]:
                        if n_out == base:
                            break
                        fit = fits[out[n_out - 1], token]
                        if fit == UNKNOWN:
                            fit = _computed_fit(
                                out[n_out - 1], token, fits, rank_of_pair, token_of_rank, letters, letters_first
                            )
                        if fit == FITS:
                            break
                    token = shorter[token]
                if token >= 0:
                    out[n_out] = token
                    n_out += 1
                    place += letters_first[token + 1] - letters_first[token]
                    token = np.int32(-1)
                else:
                    is_dead[place - cursor] = True
                    n_out -= 1
                    token = out[n_out]
                    place -= letters_first[token + 1] - letters_first[token]
            cursor = end
    out_first[len(first)] = n_out

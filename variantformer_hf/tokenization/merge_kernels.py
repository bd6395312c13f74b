"""Byte-pair merging, compiled with numba where that is installed (the extra ``fast``).

They rest on one property of byte-pair encodings whose every token encodes to itself: tokens are the encoding of
their text exactly when each two neighbours are the encoding of theirs. So an edit changes tokens only as
far as neighbours stop being such pairs. What is changed is encoded together with a token on either side of it; where
these come out as they went in, the rest fits.
"""

import numpy as np

from ..compiled import HAS_NUMBA, njit

__all__ = ["HAS_NUMBA", "LONGEST_WINDOW", "NO_MERGE", "edit_tokens", "merge"]

NO_MERGE = np.int16(2**15 - 1)
# Letters of a window at most; beyond, the caller encodes the whole sequence.
LONGEST_WINDOW = 4_096
_FIRST_CONTEXT = 1


@njit(cache=True, nogil=True)
def merge(ids, n, ranks, rank_of_pair, token_of_rank):  # type: ignore[no-untyped-def]
    """Merge ``ids[:n]`` in place, lowest rank first and leftmost among equals; the number of tokens left."""
    for place in range(n - 1):
        ranks[place] = rank_of_pair[ids[place], ids[place + 1]]
    while n > 1:
        best, at = NO_MERGE, -1
        for place in range(n - 1):
            if ranks[place] < best:
                best, at = ranks[place], place
        if at < 0:
            break
        ids[at] = token_of_rank[best]
        n -= 1
        for place in range(at + 1, n):
            ids[place] = ids[place + 1]
            ranks[place] = ranks[place + 1]
        if at > 0:
            ranks[at - 1] = rank_of_pair[ids[at - 1], ids[at]]
        if at < n - 1:
            ranks[at] = rank_of_pair[ids[at], ids[at + 1]]
    return n


@njit(cache=True, nogil=True)
def _copied(source, target, at):  # type: ignore[no-untyped-def]
    """Copy an array to a place of another one; the place behind."""
    room = target[at : at + len(source)]
    for place in range(len(source)):
        room[place] = source[place]
    return at + len(source)


@njit(cache=True, nogil=True)
def edit_tokens(  # type: ignore[no-untyped-def]
    text,
    origin,
    step,
    text_ids,
    text_first,
    tokens,
    token_first,
    token_last,
    span_start,
    span_end,
    span_first,
    alt_start,
    alt_end,
    alts,
    letter_ids,
    rank_of_pair,
    token_of_rank,
    letters,
    letters_first,
    out,
    out_first,
):
    """Tokens of edited sequences, made from those of the sequences before the edits.

    Place p of the sequences is the character ``text[origin + step * p]``, its token what ``text_ids`` gives;
    ``text_first`` (R) says at which place each begins, ``token_first`` and ``token_last`` (R) where its ``tokens`` lie.
    Spans of sequence r are ``span_first[r]`` to ``span_first[r + 1]``, ascending, by place; what stands in
    ``alts[alt_start:alt_end]`` takes theirs. No letter may be one that is removed.

    Returns:
        (R,) whether each sequence was done; ``out`` and ``out_first`` (R + 1) hold the tokens (none of those not done).
    """
    window = np.empty(LONGEST_WINDOW, dtype=np.int32)
    ranks = np.empty(LONGEST_WINDOW, dtype=np.int32)
    done = np.ones(len(token_first), dtype=np.bool_)
    n_out = 0
    for row in range(len(token_first)):
        base = n_out
        out_first[row] = base
        next_token, last_token = token_first[row], token_last[row]
        position = text_first[row]  # where next_token begins
        span, last_span = span_first[row], span_first[row + 1]
        while span < last_span and done[row]:
            n_same, rest, start = 0, tokens[next_token:last_token], span_start[span]
            for token in rest:
                behind = position + letters_first[token + 1] - letters_first[token]
                if behind > start:
                    break
                position = behind
                n_same += 1
            n_out = _copied(rest[:n_same], out, n_out)
            next_token += n_same
            left_context, right_context = _FIRST_CONTEXT, _FIRST_CONTEXT
            while True:
                left = max(base, n_out - left_context)
                n = 0
                for token in range(left, n_out):
                    for place in range(letters_first[out[token]], letters_first[out[token] + 1]):
                        if n < LONGEST_WINDOW:
                            window[n] = letters[place]
                        n += 1
                cursor, token, at, last = position, next_token, position, span
                context = 0
                while True:
                    # Up to and with the next edit that lies in the window, or where there is none, to its end.
                    while last < last_span and (last == span or span_start[last] < at):
                        for place in range(cursor, span_start[last]):
                            if n < LONGEST_WINDOW:
                                window[n] = text_ids[text[origin + step * place]]
                            n += 1
                        for place in range(alt_start[last], alt_end[last]):
                            if n < LONGEST_WINDOW:
                                window[n] = letter_ids[alts[place]]
                            n += 1
                        cursor = span_end[last]
                        last += 1
                        context = 0
                    if at < cursor:
                        at += letters_first[tokens[token] + 1] - letters_first[tokens[token]]
                        token += 1
                    elif context < right_context and token < last_token:
                        at += letters_first[tokens[token] + 1] - letters_first[tokens[token]]
                        token += 1
                        context += 1
                    elif last >= last_span or span_start[last] >= at:
                        break
                for place in range(cursor, at):
                    if n < LONGEST_WINDOW:
                        window[n] = text_ids[text[origin + step * place]]
                    n += 1
                if n > LONGEST_WINDOW:
                    done[row] = False
                    break
                n = merge(window, n, ranks, rank_of_pair, token_of_rank)
                left_fits = left == base or (n > 0 and window[0] == out[left])
                right_fits = (token == last_token and context < right_context) or (
                    context > 0 and n > 0 and window[n - 1] == tokens[token - 1]
                )
                if left_fits and right_fits:
                    break
                if not left_fits:
                    left_context *= 2
                if not right_fits:
                    right_context *= 2
            if not done[row]:
                break
            for place in range(n):
                out[left + place] = window[place]
            n_out = left + n
            next_token, position, span = token, at, last
        n_out = _copied(tokens[next_token:last_token], out, n_out) if done[row] else base
    out_first[len(token_first)] = n_out
    return done

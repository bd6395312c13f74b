"""Tokens of a person's sequences, made by editing those of the reference around each difference.

A person differs from the reference in about one base of a thousand. Encoding only what lies around the differences is
two hundred times cheaper than encoding all, and equal to it (see ``merge_kernels`` for why).
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from tokenizers import Tokenizer

logger = logging.getLogger(__name__)

# The table of pairs has a row and a column a token: beyond this many it would be larger than what it saves.
_LARGEST_VOCABULARY = 4_096
_FIRST_CONTEXT = 2


@dataclass(frozen=True, slots=True)
class Ragged:
    """Sequences of different length, one behind the other: sequence r is ``values[first[r] : first[r + 1]]``."""

    values: np.ndarray
    first: np.ndarray

    def __len__(self) -> int:
        return len(self.first) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.first[row] : self.first[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """(R,) int64."""
        return np.diff(self.first)

    def slices(self) -> "Slices":
        """The same sequences, where they lie."""
        return Slices(self.values, self.first[:-1], self.first[1:])


@dataclass(frozen=True, slots=True)
class Slices:
    """R sequences that lie in one array, in any order and perhaps over each other; none is copied.

    Attributes:
        values: (n,) numbers.
        first, last: (R,) int64, places of each: place p is ``values[p]``, or backward, ``values[n - 1 - p]``.
        complement: (256,) uint8: characters are read backward, and as what this makes of them; None = forward.
    """

    values: np.ndarray
    first: np.ndarray
    last: np.ndarray
    complement: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, row: int) -> np.ndarray:
        if self.complement is None:
            return self.values[self.first[row] : self.last[row]]
        n = len(self.values)
        return self.complement[self.values[n - self.last[row] : n - self.first[row]][::-1]]

    @property
    def lengths(self) -> np.ndarray:
        """(R,) int64."""
        return self.last - self.first

    def take(self, rows: np.ndarray) -> "Slices":
        """Some of the sequences, in the order of ``rows``."""
        return Slices(self.values, self.first[rows], self.last[rows], self.complement)

    def ragged(self) -> Ragged:
        """The sequences one behind the other."""
        return ragged([self[row] for row in range(len(self))], self.values.dtype.type)


def bounds(lengths: np.ndarray) -> np.ndarray:
    """Where sequences of these lengths begin, and the end of the last."""
    first = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=first[1:])
    return first


def ragged(sequences: Sequence[np.ndarray], dtype: type) -> Ragged:
    """Sequences one behind the other."""
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    values: np.ndarray = np.concatenate([np.zeros(0, dtype=dtype), *sequences]).astype(dtype, copy=False)
    return Ragged(values, bounds(lengths))


@dataclass(frozen=True, slots=True)
class TextEdits:
    """Spans of texts that are replaced: R texts, S spans, those of a text ascending and apart.

    Attributes:
        first: (R + 1,) int64, spans of text r are ``first[r]`` to ``first[r + 1]``.
        start, end: (S,) int64, places, as those of the texts (see ``Slices``).
        alt_start, alt_end: (S,) int64, places in ``alts``.
        alts: (A,) uint8 characters.
    """

    first: np.ndarray
    start: np.ndarray
    end: np.ndarray
    alt_start: np.ndarray
    alt_end: np.ndarray
    alts: np.ndarray


class MergeTable:
    """A byte-pair vocabulary as arrays.

    Args:
        backend: the tokenizer; its vocabulary holds single letters, and merges of them.
        letters: the letters of the alphabet; their lower case counts as they do.

    Attributes:
        letter_ids: (256,) int32, character -> id of its token; 0 = removed.
        token_length: (V,) int64, letters of each token.
    """

    def __init__(self, backend: Tokenizer, letters: str) -> None:
        model = json.loads(backend.to_str())["model"]
        vocabulary: dict[str, int] = model["vocab"]
        self.size = len(vocabulary)
        self.letter_ids = np.zeros(256, dtype=np.int32)
        for letter in letters:
            self.letter_ids[ord(letter)] = self.letter_ids[ord(letter.lower())] = vocabulary[letter]
        spelled = sorted((identity, token) for token, identity in vocabulary.items())
        spelling = [
            [vocabulary[letter] for letter in token] if set(token) <= set(letters) else [] for _, token in spelled
        ]
        self.token_length = np.array([len(each) for each in spelling], dtype=np.int64)
        self._letters = np.array([letter for each in spelling for letter in each], dtype=np.int32)
        self._letters_first = bounds(self.token_length)
        self._merges = [tuple(merge.split(" ")) if isinstance(merge, str) else merge for merge in model["merges"]]
        self._vocabulary = vocabulary
        self._backend = Tokenizer(backend.model)

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Rank of each pair of tokens, and the token that each rank makes."""
        from . import merge_kernels

        ranks = np.full((self.size, self.size), merge_kernels.NO_MERGE, dtype=np.int16)
        made = np.zeros(max(1, len(self._merges)), dtype=np.int32)
        for rank, (left, right) in enumerate(self._merges):
            ranks[self._vocabulary[left], self._vocabulary[right]] = rank
            made[rank] = self._vocabulary[left + right]
        return ranks, made

    @cached_property
    def is_editable(self) -> bool:
        """Whether each token encodes to itself, on which editing rests; a trained vocabulary always does."""
        from . import merge_kernels

        if self.size > _LARGEST_VOCABULARY or len(self._merges) > merge_kernels.NO_MERGE:
            return False
        texts = [token for token, identity in self._vocabulary.items() if self.token_length[identity]]
        encodings = self._backend.encode_batch_fast(texts, add_special_tokens=False)
        return all(encoding.ids == [self._vocabulary[text]] for text, encoding in zip(texts, encodings, strict=True))

    @cached_property
    def is_compiled(self) -> bool:
        """Whether the compiled kernels can be used."""
        from . import merge_kernels

        return merge_kernels.HAS_NUMBA and self.is_editable

    @cached_property
    def _spelled(self) -> tuple[np.ndarray, ...]:
        """What ``greedy_kernels`` read: kinds of characters, the tokens by their letters, and which ones fit."""
        from .greedy_kernels import REMOVED

        kinds = np.full(256, REMOVED, dtype=np.uint8)
        kind_of_id = {identity: kind for kind, identity in enumerate(sorted(set(self.letter_ids[self.letter_ids > 0])))}
        for character in np.flatnonzero(self.letter_ids).tolist():
            kinds[character] = kind_of_id[self.letter_ids[character]]
        nodes: list[dict[int, int]] = [{}]
        tokens_at = [-1]
        shorter = np.full(self.size, -1, dtype=np.int32)
        for token in np.argsort(self.token_length, kind="stable").tolist():
            node = 0
            for letter in self._letters[self._letters_first[token] : self._letters_first[token + 1]].tolist():
                if tokens_at[node] >= 0:
                    shorter[token] = tokens_at[node]
                if kind_of_id[letter] not in nodes[node]:
                    nodes[node][kind_of_id[letter]] = len(nodes)
                    nodes.append({})
                    tokens_at.append(-1)
                node = nodes[node][kind_of_id[letter]]
            if node:
                tokens_at[node] = token
        children = np.zeros((len(nodes), len(kind_of_id)), dtype=np.int32)
        for node, behind in enumerate(nodes):
            for kind, child in behind.items():
                children[node, kind] = child
        fits = np.zeros((self.size, self.size), dtype=np.uint8)
        return kinds, children, np.array(tokens_at, dtype=np.int32), shorter, fits

    def encode(self, texts: Slices) -> Ragged:
        """Tokens of texts, int32, by the compiled kernel; characters that are no letters are removed."""
        from .greedy_kernels import encode_slices

        kinds, *spelled = self._spelled
        is_forward = texts.complement is None
        out = np.empty(int(texts.lengths.sum()), dtype=np.int32)
        first = np.zeros(len(texts) + 1, dtype=np.int64)
        encode_slices(
            texts.values,
            0 if is_forward else len(texts.values) - 1,
            1 if is_forward else -1,
            kinds if texts.complement is None else kinds[texts.complement],
            texts.first,
            texts.last,
            *spelled,
            *self._pairs,
            self._letters,
            self._letters_first,
            out,
            first,
        )
        return Ragged(out[: first[-1]].copy(), first)

    def edit(self, texts: Slices, tokens: Slices, edits: TextEdits) -> tuple[Ragged, np.ndarray]:
        """Tokens of texts after edits.

        Args:
            texts: R texts, uint8 characters of which none is removed, nor any of ``edits.alts`` that is used.
            tokens: their tokens, int32.
            edits: what is replaced in them.

        Returns:
            The tokens after the edits, int32, and (R,) which texts have to be encoded whole instead.
        """
        from . import merge_kernels

        if not self.is_compiled:
            text, shift = texts.ragged(), np.repeat(texts.first, np.diff(edits.first))
            shift = np.repeat(text.first[:-1], np.diff(edits.first)) - shift
            return self._edit_in_batches(
                text, tokens.ragged(), replace(edits, start=edits.start + shift, end=edits.end + shift)
            )
        most = int(texts.lengths.sum() + (edits.alt_end - edits.alt_start).sum())
        out, first = np.empty(most, dtype=np.int32), np.zeros(len(texts) + 1, dtype=np.int64)
        is_forward = texts.complement is None
        done = merge_kernels.edit_tokens(
            texts.values,
            0 if is_forward else len(texts.values) - 1,
            1 if is_forward else -1,
            self.letter_ids if texts.complement is None else self.letter_ids[texts.complement],
            texts.first,
            tokens.values,
            tokens.first,
            tokens.last,
            edits.start,
            edits.end,
            edits.first,
            edits.alt_start,
            edits.alt_end,
            edits.alts,
            self.letter_ids,
            *self._pairs,
            self._letters,
            self._letters_first,
            out,
            first,
        )
        return Ragged(out[: first[-1]], first), ~done

    def _edit_in_batches(self, texts: Ragged, tokens: Ragged, edits: TextEdits) -> tuple[Ragged, np.ndarray]:
        """As :meth:`edit`: all windows in one call of the tokenizer, and wider ones where that was too narrow."""
        from . import merge_kernels

        n_texts = len(texts)
        if not self.is_editable:
            return Ragged(np.zeros(0, dtype=np.int32), np.zeros(n_texts + 1, dtype=np.int64)), np.ones(n_texts, bool)
        if not len(edits.start):
            return tokens, np.zeros(n_texts, dtype=bool)
        token_start = bounds(self.token_length[tokens.values])
        row = np.repeat(np.arange(n_texts), np.diff(edits.first))
        low, high = tokens.first[row], tokens.first[row + 1]
        inside = np.minimum(np.searchsorted(token_start, edits.start, side="right") - 1, high - 1)
        behind = np.searchsorted(token_start, edits.end, side="left")
        context = np.full(len(row), _FIRST_CONTEXT, dtype=np.int64)
        text, alts = texts.values.tobytes().decode("latin-1").upper(), edits.alts.tobytes().decode("latin-1").upper()
        given_up = np.zeros(n_texts, dtype=bool)
        encoded: dict[tuple[int, int], list[int]] = {}
        while True:
            left, right = np.maximum(inside - context, low), np.minimum(behind + context, high)
            # Windows that share a token are one: its end is where the one that reaches furthest ends.
            # A later one that has grown may begin before the ones between.
            furthest, nearest = np.maximum.accumulate(right), np.minimum.accumulate(left[::-1])[::-1]
            first = np.flatnonzero(np.append(True, (row[1:] != row[:-1]) | (nearest[1:] >= furthest[:-1])))
            last = np.append(first[1:], len(row))
            starts, ends = np.minimum.reduceat(left, first), np.maximum.reduceat(right, first)
            windows = list(zip(first.tolist(), last.tolist(), starts.tolist(), ends.tolist(), strict=True))
            missing = [window for window in windows if window[2:] not in encoded and not given_up[row[window[0]]]]
            if not missing:
                break
            pieces = [self._window_text(window, token_start, edits, text, alts) for window in missing]
            too_long = [len(piece) > merge_kernels.LONGEST_WINDOW for piece in pieces]
            given_up[[row[window[0]] for window, is_long in zip(missing, too_long, strict=True) if is_long]] = True
            missing = [window for window, is_long in zip(missing, too_long, strict=True) if not is_long]
            pieces = [piece for piece, is_long in zip(pieces, too_long, strict=True) if not is_long]
            encodings = self._backend.encode_batch_fast(pieces, add_special_tokens=False)
            for window, encoding in zip(missing, encodings, strict=True):
                encoded[window[2:]] = encoding.ids
            for begin, stop, start, end in missing:
                ids, text_row = encoded[start, end], row[begin]
                fits = start == tokens.first[text_row] or (ids and ids[0] == tokens.values[start])
                fits = fits and (end == tokens.first[text_row + 1] or (ids and ids[-1] == tokens.values[end - 1]))
                if not fits:
                    context[begin:stop] *= 2
        return self._joined(tokens, windows, encoded, row, given_up), given_up

    def _window_text(
        self, window: tuple[int, int, int, int], token_start: np.ndarray, edits: TextEdits, text: str, alts: str
    ) -> str:
        first, last, start, end = window
        pieces, cursor = [], int(token_start[start])
        for span in range(first, last):
            pieces.append(text[cursor : edits.start[span]])
            pieces.append(alts[edits.alt_start[span] : edits.alt_end[span]])
            cursor = int(edits.end[span])
        return "".join([*pieces, text[cursor : token_start[end]]])

    def _joined(
        self,
        tokens: Ragged,
        windows: Sequence[tuple[int, int, int, int]],
        encoded: dict[tuple[int, int], list[int]],
        row: np.ndarray,
        given_up: np.ndarray,
    ) -> Ragged:
        """Tokens between the windows as they were, and of the windows as they were encoded."""
        pieces: list[np.ndarray] = []
        gained = np.zeros(len(tokens), dtype=np.int64)
        cursor = 0
        for first, _, start, end in windows:
            if given_up[row[first]]:
                continue
            ids = encoded[start, end]
            pieces += [tokens.values[cursor:start], np.array(ids, dtype=np.int32)]
            gained[row[first]] += len(ids) - (end - start)
            cursor = end
        values = np.concatenate([*pieces, tokens.values[cursor:]])
        first_of = bounds(tokens.lengths + gained)
        if given_up.any():
            kept = np.repeat(~given_up, np.diff(first_of))
            return Ragged(values[kept], bounds(np.where(given_up, 0, np.diff(first_of))))
        return Ragged(values, first_of)

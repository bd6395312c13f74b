"""Byte-pair tokens of DNA with IUPAC ambiguity letters, as the released checkpoints read it."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import TokenizersBackend

from ..errors import UNREADABLE, InputError, unreadable
from .token_edits import MergeTable, Ragged, Slices, ragged

logger = logging.getLogger(__name__)

ALPHABET = "ABCDGHKMRSTVWY"
SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<unk>")
_BASES = "ACGT"
_REMOVED = " "
_TO_LETTER = bytes(ord(chr(code).upper()) if chr(code).upper() in ALPHABET else ord(_REMOVED) for code in range(256))
_REMEDY = "Give the tokenizer.json that was released with the checkpoint."


@dataclass(frozen=True, slots=True)
class CharacterTokens:
    """Which token each character of a sequence went into.

    Attributes:
        token_of_character: (len(sequence),) int32, index into the sequence's tokens; -1 for a removed character.
        left_token_of_character: (len(sequence),) int32, the same, and for a removed character the nearest token to
            its left; -1 where there is none.
    """

    token_of_character: np.ndarray
    left_token_of_character: np.ndarray


class DnaTokenizer(TokenizersBackend):
    """DNA sequence -> byte-pair tokens.

    Lower case counts as upper case. The alphabet is the 14 letters A C G T R Y S W K M B D H V; every other character
    (N, ``*``, ``-``, ``.``) is removed and splits the sequence: the pieces are encoded one after the other and their
    ids joined. No begin or end token is added, and a text such as ``<s>`` is sequence like any other. Ids: 0 padding,
    1 begin, 2 end, 3 unknown, 4..17 the letters, then the merges.

    All of it is in the saved tokenizer.json, so that ``AutoTokenizer.from_pretrained`` gives the same ids where this
    package is not installed. This class adds reading and training of vocabularies, ``encode_sequences`` and
    ``character_to_token``. Ids equal those of the released implementation.
    """

    model_input_names = ["input_ids", "attention_mask"]  # noqa: RUF012 -- the base class declares it as an attribute

    @classmethod
    def from_vocabulary(cls, path: str | Path) -> "DnaTokenizer":
        """Read a vocabulary as released: a tokenizer.json that holds the merges and no normalisation.

        Raises:
            InputError: the file is missing, is not a tokenizer.json, or is not a byte-pair vocabulary of DNA.
        """
        path = Path(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except UNREADABLE as error:
            raise unreadable(path, error, _REMEDY) from None
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise InputError("is not a JSON file", file=path, remedy=_REMEDY) from error
        problem = _vocabulary_problem(content)
        if problem:
            raise InputError(problem, file=path, remedy=_REMEDY)
        merges = [(left, right) for left, right in map(_merge_parts, content["model"]["merges"])]
        return cls._of_model(models.BPE(vocab=content["model"]["vocab"], merges=merges))

    @classmethod
    def train(cls, sequences: Iterable[str], vocab_size: int = 500) -> "DnaTokenizer":
        """Learn merges from sequences; all 14 letters have an id, and merges hold A, C, G and T only.

        The same sequences in the same order give the same vocabulary. Merges are learned inside the stretches between
        ambiguity letters and removed characters. Sequences with too little variety give fewer tokens than asked, and a
        warning in the log.

        Args:
            sequences: the sequences, consumed once.
            vocab_size: tokens in all, the 4 special ones and the 14 letters included.

        Raises:
            ValueError: ``vocab_size`` is below 18.
        """
        smallest = len(SPECIAL_TOKENS) + len(ALPHABET)
        if vocab_size < smallest:
            raise ValueError(f"vocab_size is {vocab_size}; the special tokens and the letters alone are {smallest}")
        backend = Tokenizer(models.BPE())
        backend.normalizer = _upper_case()
        backend.pre_tokenizer = pre_tokenizers.Split(Regex(f"[^{_BASES}]+"), "removed")
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=list(ALPHABET),
            show_progress=False,
        )
        backend.train_from_iterator(sequences, trainer=trainer)
        if backend.get_vocab_size() < vocab_size:
            logger.warning(
                "the sequences have too little variety for %d tokens; the vocabulary has %d",
                vocab_size,
                backend.get_vocab_size(),
            )
        return cls._of_model(backend.model)

    @classmethod
    def _of_model(cls, model: models.Model) -> "DnaTokenizer":
        backend = Tokenizer(model)
        backend.add_special_tokens(list(SPECIAL_TOKENS))
        backend.normalizer = _upper_case()
        backend.pre_tokenizer = pre_tokenizers.Split(Regex(f"[^{ALPHABET}]+"), "removed")
        backend.decoder = decoders.Fuse()
        pad, begin, end, unknown = SPECIAL_TOKENS
        return cls(
            tokenizer_object=backend,
            pad_token=pad,
            bos_token=begin,
            eos_token=end,
            unk_token=unknown,
            padding_side="right",
            split_special_tokens=True,
            clean_up_tokenization_spaces=False,
            model_input_names=cls.model_input_names,
        )

    def encode_sequences(self, sequences: Sequence[str]) -> list[np.ndarray]:
        """Ids of many sequences, several times faster than calling the tokenizer, and equal to it.

        Args:
            sequences: any number, of any length; one of 300 kb takes about as long as 300 of 1 kb.

        Returns:
            One (tokens,) int32 array a sequence; empty for a sequence without a letter of the alphabet.
        """
        if self.merge_table.is_compiled:
            texts = [np.frombuffer(each.encode("latin-1", errors="replace"), dtype=np.uint8) for each in sequences]
            tokens = self.merge_table.encode(ragged(texts, np.uint8).slices())
            return [tokens[row] for row in range(len(tokens))]
        return self._encoded_in_batches(sequences)

    def encode_slices(self, texts: Slices) -> Ragged:
        """As :meth:`encode_sequences`, of (characters,) uint8 where they lie."""
        if self.merge_table.is_compiled:
            return self.merge_table.encode(texts)
        sequences = [texts[row].tobytes().decode("latin-1") for row in range(len(texts))]
        return ragged(self._encoded_in_batches(sequences), np.int32)

    def _encoded_in_batches(self, sequences: Sequence[str]) -> list[np.ndarray]:
        # The saved normaliser is 14 passes over each sequence; one pass here, then the merges alone.
        pieces_of = [_letters(sequence).split() for sequence in sequences]
        encodings = self._merges_only.encode_batch_fast(
            [piece for pieces in pieces_of for piece in pieces], add_special_tokens=False
        )
        ids_of_pieces = iter([encoding.ids for encoding in encodings])
        result = []
        for pieces in pieces_of:
            ids: list[int] = []
            for _ in pieces:
                ids += next(ids_of_pieces)
            result.append(np.array(ids, dtype=np.int32))
        return result

    def character_to_token(self, sequence: str) -> CharacterTokens:
        """Index of the token that each character of a sequence is in; time grows linearly with the length."""
        (ids,) = self.encode_sequences([sequence])
        letters = np.frombuffer(_letters(sequence).encode("ascii"), dtype=np.uint8)
        token = np.full(len(letters), -1, dtype=np.int32)
        token[letters != ord(_REMOVED)] = np.repeat(
            np.arange(len(ids), dtype=np.int32), self.merge_table.token_length[ids]
        )
        # Indices only ever grow along the sequence, so the largest so far is the nearest to the left.
        left = np.maximum.accumulate(token) if len(token) else token.copy()
        return CharacterTokens(token, left)

    @cached_property
    def merge_table(self) -> MergeTable:
        """The vocabulary as arrays, for encoding by array and for editing tokens."""
        return MergeTable(self.backend_tokenizer, ALPHABET)

    @cached_property
    def _merges_only(self) -> Tokenizer:
        return Tokenizer(self.backend_tokenizer.model)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_merges_only", "merge_table")}


def _letters(sequence: str) -> str:
    """Upper-cased letters of the alphabet, a space for every other character."""
    return sequence.encode("ascii", errors="replace").translate(_TO_LETTER).decode("ascii")


def _upper_case() -> normalizers.Normalizer:
    return normalizers.Sequence([normalizers.Replace(letter.lower(), letter) for letter in ALPHABET])


def _vocabulary_problem(content: Any) -> str | None:
    """What keeps the content of a tokenizer.json from being a vocabulary of ours, or None."""
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict):
        return "is not a tokenizer.json with a vocabulary"
    if not isinstance(model.get("merges"), list):
        return "has no list of merges"
    if model.get("type") != "BPE":
        return f"holds a {model.get('type')} model, not BPE"
    for option in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges"):
        if model.get(option):
            return f"sets {option}, which a vocabulary of DNA does not have"
    if content.get("normalizer") or content.get("pre_tokenizer") or content.get("post_processor"):
        return "has normalisation, splitting or added tokens of its own"
    vocabulary: dict[str, int] = model["vocab"]
    if set(vocabulary.values()) != set(range(len(vocabulary))):
        return "has ids that are not 0, 1, 2, ... without gaps"
    wanted = {token: number for number, token in enumerate([*SPECIAL_TOKENS, *ALPHABET])}
    for token, number in wanted.items():
        if vocabulary.get(token) != number:
            return f"gives {token} the id {vocabulary.get(token)}, not {number}"
    strange = [token for token in vocabulary if token not in SPECIAL_TOKENS and not set(token) <= set(ALPHABET)]
    if strange:
        return f"has tokens that are not DNA (first: {strange[0]!r})"
    for merge in model["merges"]:
        parts = _merge_parts(merge)
        if len(parts) != 2 or not {*parts, "".join(parts)} <= vocabulary.keys():
            return f"has a merge of or into tokens that it does not hold: {merge!r}"
    return None


def _merge_parts(merge: Any) -> list[str]:
    """The parts of a merge, which older files write as one text with a space in it."""
    if isinstance(merge, str):
        return merge.split(" ")
    return [str(part) for part in merge] if isinstance(merge, list) else []

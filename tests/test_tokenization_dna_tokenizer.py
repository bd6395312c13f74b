import json
import pickle
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from variantformer_hf.errors import InputError
from variantformer_hf.tokenization import ALPHABET, DnaTokenizer

DNA = st.text(alphabet="ACGT", max_size=80)
ANYTHING = st.lists(
    st.one_of(
        DNA,
        st.text(alphabet="acgtACGTRYSWKMBDHVryswkmbdhv", max_size=40),
        st.text(alphabet="N*-. 0123456789<>/spadunk", max_size=12),
        st.text(max_size=8),
    ),
    max_size=8,
).map("".join)


def random_dna(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


@pytest.fixture(scope="module")
def tokenizer() -> DnaTokenizer:
    return DnaTokenizer.train([random_dna(400, seed) for seed in range(60)], vocab_size=120)


def merged_by_hand(tokenizer: DnaTokenizer, sequence: str) -> list[int]:
    """Byte-pair encoding as it is defined: the earliest merge first, from left to right, piece by piece."""
    merges = [tuple(merge) for merge in json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]]
    ids = []
    for piece in re.findall(f"[{ALPHABET}]+", re.sub("[a-z]", lambda letter: letter[0].upper(), sequence)):
        tokens = list(piece)
        while True:
            pairs = [(merges.index(pair), i) for i, pair in enumerate(pairwise(tokens)) if pair in merges]
            if not pairs:
                break
            _, i = min(pairs)
            tokens[i : i + 2] = [tokens[i] + tokens[i + 1]]
        ids += tokenizer.convert_tokens_to_ids(tokens)
    return ids


@given(ANYTHING)
@settings(max_examples=300, deadline=None)
def test_fast_path_is_the_saved_tokenizer(tokenizer: DnaTokenizer, sequence: str) -> None:
    (fast,) = tokenizer.encode_sequences([sequence])
    assert fast.dtype == np.int32
    assert fast.tolist() == tokenizer(sequence)["input_ids"]


@given(st.text(alphabet="ACGTacgtRYnN*", max_size=50))
@settings(max_examples=150, deadline=None)
def test_ids_follow_the_definition_of_byte_pair_encoding(tokenizer: DnaTokenizer, sequence: str) -> None:
    assert tokenizer(sequence)["input_ids"] == merged_by_hand(tokenizer, sequence)


@given(st.lists(ANYTHING, max_size=6))
@settings(max_examples=100, deadline=None)
def test_many_sequences_are_encoded_one_by_one(tokenizer: DnaTokenizer, sequences: list[str]) -> None:
    together = tokenizer.encode_sequences(sequences)
    assert [ids.tolist() for ids in together] == [
        tokenizer.encode_sequences([sequence])[0].tolist() for sequence in sequences
    ]


@given(ANYTHING)
@settings(max_examples=200, deadline=None)
def test_character_to_token_agrees_with_offsets(tokenizer: DnaTokenizer, sequence: str) -> None:
    found = tokenizer.character_to_token(sequence)
    encoding = tokenizer(sequence)
    expected = [encoding.char_to_token(position) for position in range(len(sequence))]
    assert found.token_of_character.tolist() == [-1 if token is None else token for token in expected]
    nearest = -1
    for position, token in enumerate(expected):
        nearest = nearest if token is None else token
        assert found.left_token_of_character[position] == nearest


def test_special_letters_case_and_removed_characters(tokenizer: DnaTokenizer) -> None:
    ids = tokenizer("R")["input_ids"]
    assert ids == tokenizer("r")["input_ids"] == [4 + ALPHABET.index("R")]
    assert tokenizer("acgtacgt")["input_ids"] == tokenizer("ACGTACGT")["input_ids"]
    left, right = tokenizer("ACGT")["input_ids"], tokenizer("GATT")["input_ids"]
    for removed in ("N", "*", "-", ".", "NNNN", " ", "é"):
        assert tokenizer(f"ACGT{removed}GATT")["input_ids"] == left + right
    assert tokenizer("NNN")["input_ids"] == []
    assert tokenizer("")["input_ids"] == []
    assert tokenizer("<s>")["input_ids"] == tokenizer("S")["input_ids"]


def test_no_special_token_is_added_and_padding_is_zero(tokenizer: DnaTokenizer) -> None:
    batch = tokenizer(["ACGTACGTACGT", "R"], padding=True)
    assert batch["input_ids"][1][1:] == [0] * (len(batch["input_ids"][0]) - 1)
    assert batch["attention_mask"][1] == [1] + [0] * (len(batch["input_ids"][0]) - 1)
    assert [tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id] == [
        0,
        1,
        2,
        3,
    ]
    assert tokenizer.decode(tokenizer("acgtRacNgt")["input_ids"]) == "ACGTRACGT"


def test_training_is_deterministic_and_learns_bases_only(tokenizer: DnaTokenizer) -> None:
    sequences = [random_dna(300, seed) + "RYN" + random_dna(50, seed + 1).lower() for seed in range(30)]
    first, second = (DnaTokenizer.train(iter(sequences), vocab_size=150) for _ in range(2))
    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()
    vocabulary = first.get_vocab()
    assert len(vocabulary) == 150
    assert [vocabulary[letter] for letter in ALPHABET] == list(range(4, 18))
    assert all(set(token) <= set("ACGT") for token, number in vocabulary.items() if number >= 18)
    assert max(map(len, vocabulary)) > 2


def test_training_on_too_little_says_so(caplog: pytest.LogCaptureFixture) -> None:
    assert len(DnaTokenizer.train(["ACAC"], vocab_size=100)) < 100
    assert "too little variety" in caplog.text
    with pytest.raises(ValueError, match="18"):
        DnaTokenizer.train(["ACGT"], vocab_size=17)


def test_saved_loaded_and_pickled_tokenizers_are_equal(tokenizer: DnaTokenizer, tmp_path: Path) -> None:
    sequence = random_dna(500, 9) + "rynn" + random_dna(20, 3).lower() + "<pad>"
    tokenizer.encode_sequences([sequence])
    tokenizer.save_pretrained(tmp_path)
    for other in (DnaTokenizer.from_pretrained(tmp_path), pickle.loads(pickle.dumps(tokenizer))):
        assert type(other) is DnaTokenizer
        assert other.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()
        assert other(sequence)["input_ids"] == tokenizer(sequence)["input_ids"]
        assert other.encode_sequences([sequence])[0].tolist() == tokenizer(sequence)["input_ids"]
    written = DnaTokenizer.from_vocabulary(write_vocabulary(tokenizer, tmp_path / "vocabulary.json"))
    assert written.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


def test_the_plain_tokenizer_of_transformers_reads_what_was_saved(tokenizer: DnaTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    sequence = random_dna(200, 5) + "nnRYacgtacgt*<s>" + random_dna(50, 6).lower()
    read = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert "auto_map" not in json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert (dict(read(sequence)), read.pad_token_id) == (dict(tokenizer(sequence)), 0)


@pytest.mark.slow
def test_auto_tokenizer_needs_neither_this_package_nor_trust(tokenizer: DnaTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    assert "auto_map" not in json.loads((tmp_path / "tokenizer_config.json").read_text())
    sequence = random_dna(200, 5) + "nnRYacgtacgt*<s>" + random_dna(50, 6).lower()
    program = (
        "import sys, json\n"
        "sys.modules['variantformer_hf'] = None\n"
        "from transformers import AutoTokenizer\n"
        "tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])\n"
        "batch = tokenizer(sys.argv[2])\n"
        "print(json.dumps([dict(batch), tokenizer.pad_token_id, type(tokenizer).__name__]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), sequence],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    batch, pad_token_id, kind = json.loads(done.stdout)
    assert batch == dict(tokenizer(sequence))
    assert (pad_token_id, kind) == (0, "TokenizersBackend")
    assert not done.stderr


def write_vocabulary(tokenizer: DnaTokenizer, path: Path, **changes: Any) -> Path:
    """Write the bare vocabulary, as a release does, with changes to its model."""
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    content |= {"normalizer": None, "pre_tokenizer": None, "decoder": None, "post_processor": None}
    content["model"] |= changes
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"type": "Unigram"}, "Unigram"),
        ({"vocab": ["A"]}, "with a vocabulary"),
        ({"merges": None}, "no list of merges"),
        ({"merges": [["A", "Q"]]}, "merge"),
        ({"merges": [7]}, "merge"),
        ({"dropout": 0.1}, "dropout"),
        ({"vocab": {"<pad>": 0, "hello": 1}}, "<s>"),
        ({"vocab": {"<pad>": 0, "hello": 7}}, "gaps"),
    ],
)
def test_foreign_vocabularies_are_refused(
    tokenizer: DnaTokenizer, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    path = write_vocabulary(tokenizer, tmp_path / "vocabulary.json", **changes)
    with pytest.raises(InputError, match=problem) as caught:
        DnaTokenizer.from_vocabulary(path)
    assert caught.value.file == str(path)


def test_files_that_are_no_vocabulary_are_refused(tokenizer: DnaTokenizer, tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.json"
    with pytest.raises(InputError, match="no such file"):
        DnaTokenizer.from_vocabulary(path)
    path.write_bytes(b"\xff\xfe binary")
    with pytest.raises(InputError, match="not a JSON file"):
        DnaTokenizer.from_vocabulary(path)
    path.write_text("[1, 2]")
    with pytest.raises(InputError, match="with a vocabulary"):
        DnaTokenizer.from_vocabulary(path)
    path.write_text(tokenizer.backend_tokenizer.to_str())
    with pytest.raises(InputError, match="of its own"):
        DnaTokenizer.from_vocabulary(path)
    extra = {**tokenizer.get_vocab(), "hello": len(tokenizer)}
    with pytest.raises(InputError, match="'hello'"):
        DnaTokenizer.from_vocabulary(write_vocabulary(tokenizer, path, vocab=extra))


@pytest.mark.shared
def test_ids_equal_the_released_ones(shared: Path, parity: Path) -> None:
    released = DnaTokenizer.from_vocabulary(shared / "vocabulary" / "bpe_vocabulary_500.json")
    cases = json.loads((parity / "tokenization.json").read_text())
    assert len(cases) > 100
    assert len(released) == 500
    fast = released.encode_sequences([case["sequence"] for case in cases])
    for case, ids in zip(cases, fast, strict=True):
        assert released(case["sequence"])["input_ids"] == case["ids"]
        assert ids.tolist() == case["ids"]

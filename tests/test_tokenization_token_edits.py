"""Editing tokens around differences gives what encoding the edited sequence gives."""

import random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from variantformer_hf.tokenization import DnaTokenizer, merge_kernels
from variantformer_hf.tokenization.token_edits import MergeTable, Ragged, Slices, TextEdits, bounds, ragged

LETTERS = "ACGTRYSWKMBDHV"


def trained(seed: int, vocab_size: int) -> DnaTokenizer:
    rng = random.Random(seed)
    repeats = ["".join(rng.choices("ACGT", k=rng.randint(1, 6))) * rng.randint(2, 12) for _ in range(60)]
    texts = ["".join(rng.choices("ACGT", weights=[5, 2, 2, 5], k=300)) for _ in range(60)]
    return DnaTokenizer.train([*texts, *repeats, "A" * 200, "AC" * 100], vocab_size=vocab_size)


TOKENIZERS = [trained(0, 120), trained(1, 400)]
needs_numba = pytest.mark.skipif(not merge_kernels.HAS_NUMBA, reason="numba is not installed (extra `fast`)")


def random_text(rng: random.Random, length: int, *, removed: str = "") -> str:
    pieces: list[str] = []
    while sum(map(len, pieces)) < length:
        kind = rng.random()
        if kind < 0.4:
            unit = "".join(rng.choices("ACGT", k=rng.randint(1, 3)))
            pieces.append(unit * rng.randint(2, 20))
        elif kind < 0.5:
            pieces.append("".join(rng.choices(LETTERS + removed, k=3)))
        else:
            pieces.append("".join(rng.choices("ACGTacgt", k=rng.randint(1, 60))))
    return "".join(pieces)[:length]


def edited_case(rng: random.Random) -> tuple[Ragged, TextEdits, list[str]]:
    """Texts, edits of them, and the texts after the edits."""
    texts, first, rows, expected = [], [0], [], []
    alts, offset = "", 0
    for _ in range(rng.randint(1, 5)):
        text = random_text(rng, rng.choice([0, 1, 5, 40, 400]))
        written, cursor = "", 0
        while text and cursor < len(text) and rng.random() < 0.8:
            start = rng.randint(cursor, len(text) - 1)
            end = rng.randint(start + 1, min(len(text), start + rng.choice([1, 1, 3, 60])))
            alt = random_text(rng, rng.choice([0, 1, 1, 4, 30]))
            rows.append((offset + start, offset + end, len(alts), len(alts) + len(alt)))
            alts += alt
            written += text[cursor:start] + alt
            cursor = end
        expected.append(written + text[cursor:])
        texts.append(np.frombuffer(text.encode(), dtype=np.uint8))
        first.append(len(rows))
        offset += len(text)
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    edits = TextEdits(np.array(first), *columns, np.frombuffer(alts.encode(), dtype=np.uint8))
    return ragged(texts, np.uint8), edits, expected


def check(tokenizer: DnaTokenizer, table: MergeTable, rng: random.Random) -> None:
    texts, edits, expected = edited_case(rng)
    before = [texts[row].tobytes().decode() for row in range(len(texts))]
    tokens = ragged(tokenizer._encoded_in_batches(before), np.int32)
    found, whole = table.edit(texts.slices(), tokens.slices(), edits)
    assert not whole.any()
    for row, text in enumerate(expected):
        assert found[row].tolist() == tokenizer._encoded_in_batches([text])[0].tolist(), (before[row], text)


@needs_numba
@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=0), st.sampled_from(TOKENIZERS))
def test_compiled_editing_equals_encoding(seed: int, tokenizer: DnaTokenizer) -> None:
    assert tokenizer.merge_table.is_compiled
    check(tokenizer, tokenizer.merge_table, random.Random(seed))


@settings(max_examples=150, deadline=None)
@example(31829290, TOKENIZERS[1])  # a window that grew to before its left neighbour's end
@given(st.integers(min_value=0), st.sampled_from(TOKENIZERS))
def test_editing_without_a_compiler_equals_encoding(seed: int, tokenizer: DnaTokenizer) -> None:
    table = MergeTable(tokenizer.backend_tokenizer, LETTERS)
    table.__dict__["is_compiled"] = False
    check(tokenizer, table, random.Random(seed))


@needs_numba
@settings(max_examples=100, deadline=None)
@given(st.integers(min_value=0), st.sampled_from(TOKENIZERS))
def test_compiled_encoding_equals_the_tokenizer(seed: int, tokenizer: DnaTokenizer) -> None:
    rng = random.Random(seed)
    texts = [random_text(rng, rng.choice([0, 1, 30, 700]), removed="N*-") for _ in range(4)]
    calls = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert [ids.tolist() for ids in tokenizer.encode_sequences(texts)] == calls


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_numba), False])
def test_texts_are_encoded_where_they_lie_in_either_direction(compiled: bool) -> None:
    tokenizer = trained(2, 300)
    tokenizer.merge_table.__dict__["is_compiled"] = compiled
    complement = np.frombuffer(bytes.maketrans(b"ACGT", b"TGCA"), dtype=np.uint8)
    text = random_text(random.Random(5), 300, removed="N")
    turned = text[::-1].translate(str.maketrans("ACGT", "TGCA"))
    characters, first, last = np.frombuffer(text.encode(), np.uint8), np.array([0, 40, 10]), np.array([300, 40, 77])
    for texts, whole in (
        (Slices(characters, first, last), text),
        (Slices(characters, first, last, complement), turned),
    ):
        found = tokenizer.encode_slices(texts)
        wanted = tokenizer.encode_sequences([whole[start:end] for start, end in zip(first, last, strict=True)])
        assert [found[row].tolist() for row in range(3)] == [each.tolist() for each in wanted]
        assert found.lengths.tolist()[1] == 0


@needs_numba
def test_a_window_that_grows_too_long_is_encoded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = TOKENIZERS[0]
    text = np.frombuffer(b"ACGTTGCA" * 2_000, dtype=np.uint8)
    tokens = ragged(tokenizer._encoded_in_batches([text.tobytes().decode()]), np.int32)
    whole_text = Slices(text, np.array([0]), np.array([len(text)]))
    spans = [np.array([value]) for value in (5, 9_000, 0, 1)]
    edits = TextEdits(np.array([0, 1]), *spans, np.frombuffer(b"A" * 6_000, dtype=np.uint8))
    long = TextEdits(edits.first, edits.start, edits.end, np.array([0]), np.array([6_000]), edits.alts)
    for table in (tokenizer.merge_table, MergeTable(tokenizer.backend_tokenizer, LETTERS)):
        if table is not tokenizer.merge_table:
            table.__dict__["is_compiled"] = False
        assert not table.edit(whole_text, tokens.slices(), edits)[1].any()
        found, whole = table.edit(whole_text, tokens.slices(), long)
        assert whole.tolist() == [True]
        assert found.lengths.tolist() == [0]


def test_a_vocabulary_whose_tokens_do_not_encode_to_themselves_is_not_edited() -> None:
    from tokenizers import Tokenizer, models

    letters = {letter: number for number, letter in enumerate(["<pad>", "<s>", "</s>", "<unk>", *LETTERS])}
    # ACG is made of AC and G, but CG is made first: the text ACG is A CG.
    vocabulary = {**letters, "CG": 18, "AC": 19, "ACG": 20}
    model = models.BPE(vocab=vocabulary, merges=[("C", "G"), ("A", "C"), ("AC", "G")])
    table = MergeTable(Tokenizer(model), LETTERS)
    assert not table.is_editable
    assert not table.is_compiled
    tokens, whole = table.edit(
        ragged([np.frombuffer(b"ACG", dtype=np.uint8)], np.uint8).slices(),
        ragged([np.array([4])], np.int32).slices(),
        TextEdits(
            np.array([0, 1]), *(np.array([value]) for value in (0, 1, 0, 1)), np.frombuffer(b"C", dtype=np.uint8)
        ),
    )
    assert whole.all()
    assert len(tokens.values) == 0


def test_ragged_rows() -> None:
    rows = ragged([np.array([1, 2]), np.array([], dtype=int), np.array([3])], np.int32)
    assert [row.tolist() for row in rows.slices().take(np.array([2, 0, 1, 0]))] == [[3], [1, 2], [], [1, 2]]
    assert bounds(np.array([2, 0, 1])).tolist() == rows.first.tolist() == [0, 2, 2, 3]
    assert rows.lengths.tolist() == [2, 0, 1]

"""The engine: batches, looked-up elements and halved batches give what one gene at a time gives."""

import logging
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from random_variants import random_bases

from variantformer_hf import DnaTokenizer, VariantFormerProcessor
from variantformer_hf.errors import InputError
from variantformer_hf.modeling import VariantFormerConfig, VariantFormerEncoderConfig, VariantFormerForExpression
from variantformer_hf.simulation.model import fill_weights
from variantformer_hf.tokenization.token_edits import ragged
from variantformer_hf.zoo.variantformer.element_store import ElementStore
from variantformer_hf.zoo.variantformer.engine import ExpressionEngine, GeneWork
from variantformer_hf.zoo.variantformer.gene_tokens import GeneTokens, model_inputs
from variantformer_hf.zoo.variantformer.token_rows import TokenRows
from variantformer_hf.zoo.variantformer.vector_pool import VectorPool

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH = 10
TISSUES = [2, 0, 1]
N_ROWS = 60


@pytest.fixture(scope="module")
def processor() -> VariantFormerProcessor:
    rng = random.Random(0)
    tokenizer = DnaTokenizer.train([random_bases(rng, 300) for _ in range(20)], vocab_size=60)
    return VariantFormerProcessor(tokenizer, token_length=LENGTH, max_gene_windows=5)


@pytest.fixture(scope="module")
def model() -> VariantFormerForExpression:
    encoder = VariantFormerEncoderConfig(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        token_length=LENGTH,
    )
    config = VariantFormerConfig(
        encoder_config=encoder,
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=6,
        intermediate_size=32,
        tissues=["a", "b", "c"],
    )
    model = VariantFormerForExpression(config)
    fill_weights(model, np.random.default_rng(0))
    return model.eval()


REFERENCE = [np.random.default_rng(row).integers(4, 60, size=row % 15, dtype=np.int32) for row in range(N_ROWS)]


def work(seed: int, n: int) -> GeneWork:
    """A gene whose elements are rows of a made-up reference, some of them changed; lengths from 0 to beyond a row."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(N_ROWS, size=n, replace=False)
    differs = rng.random(n) < 0.3
    elements = [
        np.roll(REFERENCE[row], 1) if other else REFERENCE[row] for row, other in zip(rows, differs, strict=True)
    ]
    tokens = GeneTokens(
        elements=token_rows(elements),
        indices=np.arange(n),
        cre_rows=rows,
        differs=differs,
        class_ids=rng.integers(0, 9, size=n),
        window=rng.integers(4, 60, size=int(rng.integers(1, 70)), dtype=np.int32),
        keys=np.zeros(0, dtype=np.int64),
        outcomes=np.zeros(0, dtype=np.int8),
    )
    return GeneWork(tokens, reverse=bool(seed % 2))


def token_rows(elements: list[np.ndarray]) -> TokenRows:
    rows = ragged(elements, np.int32)
    none = np.zeros(0, dtype=np.int32)
    return TokenRows((none, rows.values), np.ones(len(rows), dtype=np.int8), rows.first[:-1], rows.first[1:])


def one_at_a_time(model: Any, processor: Any, genes: list[GeneWork]) -> list[tuple[np.ndarray, np.ndarray]]:
    found = []
    for gene in genes:
        inputs = {name: torch.from_numpy(array) for name, array in model_inputs(gene.tokens, processor).items()}
        with torch.inference_mode():
            output = model(**inputs, tissue_ids=torch.tensor([TISSUES]))
        found.append((output.logits[0].numpy(), output.embeddings[0].numpy()))
    return found


def check(found: list[tuple[np.ndarray, np.ndarray]], expected: list[tuple[np.ndarray, np.ndarray]]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one.dtype == np.float32
            np.testing.assert_allclose(one, other, atol=2e-5, rtol=0)


GENES = [work(seed, n) for seed, n in enumerate([7, 8, 7, 30, 28, 1, 12, 11, 50, 13])]


def test_batches_equal_one_at_a_time(model: Any, processor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = one_at_a_time(model, processor, GENES)
    engine = ExpressionEngine(model, processor, N_ROWS)
    shapes = []
    streams = model.model.run_streams
    monkeypatch.setattr(
        model.model,
        "run_streams",
        lambda vectors, *rest, **options: (shapes.append(vectors.shape[:2]), streams(vectors, *rest, **options))[1],
    )
    check(engine.predict(GENES, TISSUES), expected)
    assert shapes == [(3, 8), (2, 30), (1, 1), (2, 12), (1, 50), (1, 13)]


def test_each_element_is_encoded_once(model: Any, processor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ExpressionEngine(model, processor, N_ROWS)
    first = engine.predict(GENES[:4], TISSUES)
    contents = {
        gene.tokens.elements[row][:LENGTH].tobytes() for gene in GENES[:4] for row in range(len(gene.tokens.elements))
    }
    assert engine.elements_encoded == len(contents)
    monkeypatch.setattr(engine, "encode", lambda *_: pytest.fail("encoded again"))
    check(engine.predict(GENES[:4], TISSUES), first)


def test_forgotten_vectors_are_made_again(model: Any, processor: Any) -> None:
    engine = ExpressionEngine(model, processor, N_ROWS)
    engine._pool = VectorPool(N_ROWS, 16, most=20)
    found = [result for gene in GENES for result in engine.predict([gene], TISSUES)]
    check(found, one_at_a_time(model, processor, GENES))
    assert len(engine._pool) <= 20 + 50


def test_a_store_changes_nothing_and_saves_the_encoding(model: Any, processor: Any, tmp_path: Path) -> None:
    expected = one_at_a_time(model, processor, GENES)
    for round_ in range(2):
        engine = ExpressionEngine(model, processor, N_ROWS, ElementStore(tmp_path, "model", 16))
        check(engine.predict(GENES, TISSUES), expected)
        engine.save_vectors()
        encoded, found = engine.elements_encoded, engine.elements_found
        assert (encoded == 0, found == 0) == (round_ == 1, round_ == 0)


class Scarce:
    """A method that runs out of memory above a size of its arguments."""

    def __init__(self, owner: Any, name: str, rows: int, size: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows, self.method, self.size, self.calls = rows, getattr(owner, name), size, 0
        monkeypatch.setattr(owner, name, self)

    def __call__(self, *args: Any, **options: Any) -> Any:
        if self.size(*args) > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.calls += 1
        return self.method(*args, **options)


def scarce_streams(model: Any, values: int, monkeypatch: pytest.MonkeyPatch) -> Scarce:
    """Memory for so many genes times tissues."""
    return Scarce(model.model, "run_streams", values, lambda *args: args[3].numel(), monkeypatch)


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_out_of_memory_halves_the_batch_and_goes_on(
    model: Any, processor: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, rows: int
) -> None:
    expected = one_at_a_time(model, processor, GENES)
    scarce = scarce_streams(model, rows, monkeypatch)
    engine = ExpressionEngine(model, processor, N_ROWS)
    with caplog.at_level(logging.WARNING, logger="variantformer_hf"):
        check(engine.predict(GENES, TISSUES), expected)
    assert "out of memory with" in caplog.text
    assert scarce.calls >= len(GENES) * 3 / rows / 2


def test_out_of_memory_while_encoding(model: Any, processor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = one_at_a_time(model, processor, GENES[:3])
    Scarce(model.model.cre_encoder, "forward", 5, lambda ids, *_: len(ids), monkeypatch)
    check(ExpressionEngine(model, processor, N_ROWS).predict(GENES[:3], TISSUES), expected)


def test_where_nothing_can_be_halved_the_error_says_so(
    model: Any, processor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce_streams(model, 0, monkeypatch)
    with pytest.raises(InputError, match="memory does not suffice"):
        ExpressionEngine(model, processor, N_ROWS).predict(GENES[:1], TISSUES)


def test_batches_hold_genes_of_like_size(model: Any, processor: Any) -> None:
    engine = ExpressionEngine(model, processor, N_ROWS)
    assert engine.batches([]) == []
    assert engine.batches([9_000, 9_000]) == [slice(0, 1), slice(1, 2)]
    sizes = [100] * 70
    assert [batch.stop - batch.start for batch in engine.batches(sizes)] == [32, 32, 6]
    engine = ExpressionEngine(model, processor, N_ROWS, limits=replace(engine.limits, scores=3 * 100**2))
    assert [batch.stop - batch.start for batch in engine.batches(sizes[:7])] == [3, 3, 1]
    assert engine.limits.least_share == 0.75
    assert engine.batches([40, 30, 29]) == [slice(0, 2), slice(2, 3)]

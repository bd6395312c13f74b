"""Attention kernels: each gives what attention written out gives, and says so where it cannot."""

import logging
import sys
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from test_modeling_variantformer import OPTIONS, expression_model, gene_inputs, padded

from variantformer_hf.modeling import VariantFormerForExpression, choose_attention
from variantformer_hf.modeling.variantformer import attention_backends_variantformer as backends
from variantformer_hf.modeling.variantformer.attention_variantformer import alibi_slopes, score_bias

pytestmark = pytest.mark.usefixtures("one_thread")

HALF = torch.bfloat16


def with_attention(name: str, options: dict[str, Any]) -> VariantFormerForExpression:
    model = expression_model(**options)
    model.set_attn_implementation(name)
    assert model.model.cre_encoder.layers[0].attention.config._attn_implementation == name
    return model


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_flex_attention_equals_eager(options: dict[str, Any]) -> None:
    genes = [gene_inputs(1, 5, 3), gene_inputs(2, 3, 4)]
    batch = {name: torch.cat([padded(gene, 6, 5)[name] for gene in genes]) for name in padded(genes[0], 6, 5)}
    with torch.inference_mode():
        expected = with_attention("eager", options)(**batch).logits
        flex = with_attention("variantformer_flex", options)
        assert torch.allclose(flex(**batch).logits, expected, atol=2e-5, rtol=0)
        for row, gene in enumerate(genes):
            assert torch.allclose(flex(**gene).logits, expected[row : row + 1], atol=2e-5, rtol=0)


def flash_by_hand(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    query_first: torch.Tensor,
    key_first: torch.Tensor,
    most_queries: int,
    most_keys: int,
    dropout_p: float = 0.0,
    softmax_scale: float | None = None,
    causal: bool = False,
    alibi_slopes: torch.Tensor | None = None,
) -> torch.Tensor:
    """What flash-attn's documentation says its variable-length function computes, row by row, in float32."""
    assert not causal
    assert queries.dtype == keys.dtype == values.dtype
    output = torch.zeros_like(queries)
    rows = list(zip(query_first.tolist(), key_first.tolist(), strict=True))
    assert rows[-1] == (len(queries), len(keys))
    for (q, k), (q_end, k_end) in pairwise(rows):
        assert q_end - q <= most_queries
        assert k_end - k <= most_keys
        scores = torch.einsum("qhd,khd->hqk", queries[q:q_end].float(), keys[k:k_end].float()) * softmax_scale
        if alibi_slopes is not None:
            shift = (k_end - k) - (q_end - q)
            distance = (torch.arange(q_end - q)[:, None] + shift - torch.arange(k_end - k)).abs()
            scores = scores - alibi_slopes[:, None, None] * distance
        output[q:q_end] = torch.einsum("hqk,khd->qhd", scores.softmax(-1), values[k:k_end].float()).to(output.dtype)
    return output


@pytest.fixture
def flash(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A flash-attn that is computed by hand, and how often it was asked."""
    calls = []

    def counted(*args: Any, **options: Any) -> torch.Tensor:
        calls.append(len(args[0]))
        return flash_by_hand(*args, **options)

    monkeypatch.setitem(sys.modules, "flash_attn", SimpleNamespace(flash_attn_varlen_func=counted))
    return calls


def by_hand(query: Any, key: Any, value: Any, mask: torch.Tensor | None, by_rank: bool) -> torch.Tensor:
    scores = query.float() @ key.float().transpose(-1, -2) * query.shape[-1] ** -0.5
    if by_rank:
        distance = (torch.arange(query.shape[2])[:, None] - torch.arange(key.shape[2])).abs()
        scores = scores - torch.tensor(alibi_slopes(query.shape[1]))[:, None, None] * distance
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None, None], -torch.inf)
    return (scores.softmax(-1) @ value.float()).transpose(1, 2)


@pytest.mark.parametrize("by_rank", [True, False])
@pytest.mark.parametrize("lengths", [None, (5, 2, 7)])
@pytest.mark.parametrize("name", ["varlen", "flex"])
def test_kernels_equal_attention_by_hand(
    flash: list[int], name: str, lengths: tuple[int, ...] | None, by_rank: bool
) -> None:
    torch.manual_seed(0)
    dtype = HALF if name == "varlen" else torch.float32
    n_queries = 7 if by_rank else 4
    query = torch.randn(3, 4, n_queries, 8, dtype=dtype)
    key, value = (torch.randn(3, 4, 7, 8, dtype=dtype) for _ in range(2))
    mask = None if lengths is None else torch.arange(7) < torch.tensor(lengths)[:, None]
    ranks = torch.arange(7)[None]
    bias = score_bias(
        dtype,
        n_heads=4 if by_rank else None,
        query_ranks=ranks if by_rank else None,
        key_ranks=ranks if by_rank else None,
        key_mask=mask,
    )
    function = backends.varlen_attention_forward if name == "varlen" else backends.flex_attention_forward
    found, _ = function(torch.nn.Identity(), query, key, value, None, 8**-0.5, score_bias=bias)
    expected = by_hand(query, key, value, mask, by_rank)
    present = mask if mask is not None and by_rank else torch.ones(3, n_queries, dtype=torch.bool)
    tolerance = 2e-2 if name == "varlen" else 1e-5
    assert torch.allclose(found[present].float(), expected[present], atol=tolerance, rtol=0)
    if name == "varlen":
        assert flash == [int(present.sum())]  # padding is not worked on


@pytest.mark.parametrize("options", [{}, {"only_cross_attention": True}, {"cross_alibi": True}, {"use_alibi": False}])
def test_a_model_with_flash_equals_sdpa(flash: list[int], options: dict[str, Any]) -> None:
    encoder = expression_model().config.encoder_config
    encoder.hidden_size, encoder.num_attention_heads = 16, 2
    options = {**options, "encoder_config": encoder, "hidden_size": 48, "num_attention_heads": 6}
    genes = [gene_inputs(1, 5, 3), gene_inputs(2, 3, 4)]
    batch = {name: torch.cat([padded(gene, 6, 5)[name] for gene in genes]) for name in padded(genes[0], 6, 5)}
    with torch.inference_mode():
        expected = with_attention("sdpa", options).to(HALF)(**batch).logits
        found = with_attention("variantformer_varlen", options).to(HALF)(**batch).logits
    assert torch.allclose(found, expected, atol=2e-2, rtol=0)
    assert flash


@pytest.mark.parametrize(
    ("dtype", "width", "changes", "reason"),
    [
        (torch.float32, 8, {}, "16-bit numbers"),
        (HALF, 12, {}, "heads of width 12"),
        (HALF, 8, {"key_mask": torch.tensor([[True, False, True]])}, "absent rows stand between"),
        (HALF, 8, {"query_ranks": torch.arange(3)[None] + 1}, "cross_alibi"),
    ],
)
def test_what_flash_cannot_do_goes_to_sdpa_with_the_reason(
    flash: list[int],
    caplog: pytest.LogCaptureFixture,
    dtype: torch.dtype,
    width: int,
    changes: dict[str, Any],
    reason: str,
) -> None:
    backends._say.cache_clear()
    query, key, value = (torch.randn(1, 2, 3, width, dtype=dtype) for _ in range(3))
    ranks = torch.arange(3)[None]
    bias = score_bias(dtype, **{"n_heads": 2, "query_ranks": ranks, "key_ranks": ranks, **changes})
    with caplog.at_level(logging.INFO, logger="variantformer_hf"):
        for _ in range(2):
            found, _ = backends.varlen_attention_forward(
                torch.nn.Identity(), query, key, value, None, width**-0.5, score_bias=bias
            )
    assert flash == []
    assert caplog.text.count(reason) == 1
    assert bias is not None
    scores = (query.float() @ key.float().transpose(-1, -2)) * width**-0.5 + bias.dense.float()
    expected = (scores.softmax(-1) @ value.float()).transpose(1, 2)
    assert torch.allclose(found.float(), expected, atol=3e-2, rtol=0)


@pytest.mark.parametrize(
    ("device", "dtype", "installed", "name", "reason"),
    [
        ("cpu", torch.float32, True, "sdpa", "needs CUDA"),
        ("cuda", torch.float32, True, "sdpa", "16-bit"),
        ("cuda", HALF, False, "sdpa", "not installed"),
        ("cuda", HALF, True, "variantformer_varlen", "unpadded"),
    ],
)
def test_the_choice_and_its_reason(
    monkeypatch: pytest.MonkeyPatch, device: str, dtype: torch.dtype, installed: bool, name: str, reason: str
) -> None:
    monkeypatch.setattr(backends.importlib.util, "find_spec", lambda _: object() if installed else None)
    chosen, why = choose_attention(torch.device(device), dtype)
    assert chosen == name
    assert reason in why


def test_sdpa_makes_its_mask_once_for_all_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    from variantformer_hf.modeling.variantformer import attention_variantformer as module

    made = []
    alibi = module.alibi_bias
    monkeypatch.setattr(module, "alibi_bias", lambda *args: (made.append(1), alibi(*args))[1])
    with torch.inference_mode():
        expression_model()(**gene_inputs(1, 5, 3))
    assert len(made) == 4  # two encoders, two streams
    made.clear()
    with torch.inference_mode():
        with_attention("variantformer_flex", {})(**gene_inputs(1, 5, 3))
    assert made == []


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_compiled_layers_give_the_same(backend: str) -> None:
    genes = [gene_inputs(1, 5, 3), gene_inputs(2, 30, 4)]
    plain, compiled = expression_model(), expression_model()
    compiled.compile_layers(backend=backend)
    with torch.inference_mode():
        for gene in genes:
            assert torch.allclose(compiled(**gene).logits, plain(**gene).logits, atol=2e-5, rtol=0)


def test_flex_scores_of_absent_keys_are_finite_in_16_bits() -> None:
    present = torch.tensor([[True, False]])
    change = backends._score_mod(score_bias(HALF, key_mask=present), torch.zeros(1, 2, 1, 8, dtype=HALF))
    first, second = (
        change(torch.tensor(1.5, dtype=HALF), *(torch.tensor(at) for at in (0, 0, 0, key))) for key in (0, 1)
    )
    assert (float(first), first.dtype, second.dtype) == (1.5, HALF, HALF)
    assert -torch.inf < float(second) < -1e38


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_flex_attention_on_a_gpu_equals_sdpa_in_float32() -> None:
    genes = [gene_inputs(1, 5, 3), gene_inputs(2, 3, 4)]
    batch = {name: torch.cat([padded(gene, 6, 5)[name] for gene in genes]).cuda() for name in padded(genes[0], 6, 5)}
    encoder = expression_model().config.encoder_config
    encoder.hidden_size, encoder.num_attention_heads = 64, 2
    options = {"encoder_config": encoder, "hidden_size": 96, "num_attention_heads": 3}
    with torch.inference_mode():
        expected = with_attention("sdpa", options).to("cuda")(**batch).logits
        found = with_attention("variantformer_flex", options).to("cuda")(**batch).logits
    assert torch.allclose(found, expected, atol=2e-5, rtol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["variantformer_varlen", "variantformer_flex"])
def test_kernels_on_a_gpu_equal_sdpa(name: str) -> None:
    if name == "variantformer_varlen":
        pytest.importorskip("flash_attn")
    encoder = expression_model().config.encoder_config
    encoder.hidden_size, encoder.num_attention_heads = 64, 2
    options = {"encoder_config": encoder, "hidden_size": 96, "num_attention_heads": 3}
    genes = [gene_inputs(1, 5, 3), gene_inputs(2, 3, 4)]
    batch = {name_: torch.cat([padded(gene, 6, 5)[name_] for gene in genes]).cuda() for name_ in padded(genes[0], 6, 5)}
    with torch.inference_mode():
        expected = with_attention("sdpa", options).to("cuda", HALF)(**batch).logits
        found = with_attention(name, options).to("cuda", HALF)(**batch).logits
    assert torch.allclose(found, expected, atol=2e-2, rtol=0)

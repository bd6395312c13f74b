"""UKBioBERT: sizes as published, the oracle's numbers, long inputs by blocks of queries, and a transformers model."""

import json
from collections.abc import Callable
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from formula_weights import formula_weights
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM

from variantformer_hf.conversion.dnabert2.names import parameter_name
from variantformer_hf.modeling import UkBioBertConfig, UkBioBertForMaskedLM, UkBioBertModel
from variantformer_hf.modeling.ukbiobert import layers_ukbiobert
from variantformer_hf.modeling.variantformer import attention_variantformer
from variantformer_hf.modeling.variantformer.attention_variantformer import alibi_slopes

pytestmark = pytest.mark.usefixtures("one_thread")

FIXTURE = Path(__file__).parent / "fixtures" / "dnabert2.safetensors"
LIMIT = 1e-5
LENGTHS = (16, 100, 700)
TINY = {
    "vocab_size": 30,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "intermediate_size": 40,
    "initializer_range": 0.3,
}


def tiny(kind: type = UkBioBertModel, **changes: Any) -> Any:
    torch.manual_seed(0)
    return kind(UkBioBertConfig(**{**TINY, **changes})).eval()


def tokens(length: int, *present: int) -> dict[str, torch.Tensor]:
    """Sequences of which as many tokens are there as is said."""
    rng = torch.Generator().manual_seed(length)
    ids = torch.randint(5, 30, (len(present), length), generator=rng)
    return {"input_ids": ids, "attention_mask": (torch.arange(length) < torch.tensor(present)[:, None]).long()}


# Sizes


def test_it_has_as_many_parameters_as_the_published_one() -> None:
    with torch.device("meta"):
        encoder, masked = UkBioBertModel(UkBioBertConfig()), UkBioBertForMaskedLM(UkBioBertConfig())
    assert (encoder.num_parameters(), masked.num_parameters()) == (116_477_952, 117_074_176)
    assert masked.head.decoder.weight is masked.model.embeddings.word.weight


def test_12_heads_have_the_slopes_of_8_and_every_second_of_16() -> None:
    eight, sixteen = [2.0**-power for power in range(1, 9)], [2.0 ** (-power / 2) for power in range(1, 17)]
    assert alibi_slopes(12) == pytest.approx([*eight, *sixteen[0:8:2]])


# Parity


@pytest.mark.parametrize("attention", ["eager", "sdpa", "variantformer_flex"])
def test_it_equals_the_oracle(attention: str) -> None:
    assert furthest(lambda model: model.set_attn_implementation(attention)) <= LIMIT


def test_by_blocks_of_queries_it_equals_the_oracle_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers_ukbiobert.UkBioBertSelfAttention, "scores_at_once", 2 * 12 * 700 * 33)
    assert furthest(lambda model: None) <= LIMIT


def halves_the_other_way(model: UkBioBertForMaskedLM) -> None:
    for layer in model.model.layers:
        layer.feed_forward.up.weight.data = torch.cat(layer.feed_forward.up.weight.data.chunk(2)[::-1])


def queries_for_keys(model: UkBioBertForMaskedLM) -> None:
    for layer in model.model.layers:
        query, key, value = layer.attention.qkv.weight.data.chunk(3)
        layer.attention.qkv.weight.data = torch.cat([key, query, value])


def other_eps(model: UkBioBertForMaskedLM) -> None:
    model.model.embeddings.norm.eps = 1e-5


WRONG: dict[str, Callable[[UkBioBertForMaskedLM], object]] = {
    "gated half": halves_the_other_way,
    "queries for keys": queries_for_keys,
    "eps": other_eps,
    "second token type": lambda model: model.model.embeddings.token_type.weight.data.copy_(
        model.model.embeddings.token_type.weight.data.flip(0)
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_fixture_is_sharp(wrong: str) -> None:
    assert furthest(WRONG[wrong]) > 100 * LIMIT


@pytest.mark.parametrize("wrong", ["one slope", "slopes in order", "slopes of 16"])
def test_the_fixture_is_sharp_to_slopes(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    right = alibi_slopes(12)
    slopes = {
        "one slope": (*right[:-1], right[-1] * 0.9),
        "slopes in order": tuple(sorted(right, reverse=True)),
        "slopes of 16": alibi_slopes(16)[:12],
    }[wrong]
    monkeypatch.setattr(attention_variantformer, "alibi_slopes", lambda heads: slopes)
    assert furthest(lambda model: None) > 100 * LIMIT


@cache
def published() -> tuple[dict[str, Any], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The fixture's facts, the oracle's weights by our names, and its inputs and outputs."""
    with safe_open(FIXTURE, "pt") as fixture:
        facts = {name: json.loads(fixture.metadata()[name]) for name in ("settings", "shapes", "scales", "every")}
        tensors = {name: fixture.get_tensor(name) for name in fixture.keys()}  # noqa: SIM118 -- not a dict
    weights = formula_weights(facts["shapes"], facts["scales"])
    return facts, {parameter_name(name): torch.from_numpy(each) for name, each in weights.items()}, tensors


def furthest(change: Callable[[UkBioBertForMaskedLM], object]) -> float:
    """How far a changed model's outputs are from the oracle's, at what is no padding."""
    facts, weights, tensors = published()
    model = UkBioBertForMaskedLM(UkBioBertConfig(**facts["settings"])).eval()
    found = model.load_state_dict(weights, strict=False)
    assert (found.missing_keys, found.unexpected_keys) == (["head.decoder.weight"], [])
    change(model)
    apart = 0.0
    for length in LENGTHS:
        ids, mask = tensors[f"{length}.ids"], tensors[f"{length}.mask"]
        assert ids.shape == (2, length) and 0 < mask[1].sum() < length
        with torch.inference_mode():
            output = model(ids, mask, output_hidden_states=True)
        every = facts["every"][str(length)]
        values = {f"hidden.{layer}": states for layer, states in enumerate(output.hidden_states)}
        assert len(values) == 3
        for name, value in {**values, "logits": output.logits}.items():
            away = (value[:, ::every] - tensors[f"{length}.{name}"]).abs().amax(-1)
            apart = max(apart, float(away[mask[:, ::every].bool()].max()))
    return apart


# Padding, long inputs


def test_padding_is_what_the_mask_says_whatever_its_ids_are() -> None:
    model, inputs = tiny(), tokens(20, 20, 11)
    with torch.inference_mode():
        expected = model(inputs["input_ids"][1:, :11]).last_hidden_state
        for filler in (0, 3, 17):
            ids = inputs["input_ids"].where(inputs["attention_mask"].bool(), torch.tensor(filler))
            found = model(ids, inputs["attention_mask"]).last_hidden_state
            assert torch.allclose(found[1:, :11], expected, atol=1e-6)
        zeros = model(torch.zeros(1, 6, dtype=torch.long)).last_hidden_state
        threes = model(torch.full((1, 6), 3)).last_hidden_state
    assert not torch.allclose(zeros, threes, atol=1e-3)  # ids that look like padding are tokens


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_blocks_of_queries_change_nothing_and_hold_no_more_scores_than_they_may(
    monkeypatch: pytest.MonkeyPatch, attention: str
) -> None:
    sizes: list[int] = []
    made = attention_variantformer.alibi_bias

    def noted(*args: Any) -> torch.Tensor:
        bias = made(*args)
        sizes.append(bias.numel() * 3)
        return bias

    monkeypatch.setattr(attention_variantformer, "alibi_bias", noted)
    inputs = tokens(61, 61, 40, 61)
    model = tiny()
    model.set_attn_implementation(attention)
    with torch.inference_mode():
        expected = model(**inputs).last_hidden_state
        assert max(sizes) == 3 * 6 * 61 * 61
        sizes.clear()
        for layer in model.layers:
            layer.attention.scores_at_once = 3 * 6 * 61 * 10
        found = model(**inputs).last_hidden_state
    assert len(sizes) == 2 * 7 and max(sizes) == 3 * 6 * 61 * 10
    assert torch.allclose(found, expected, atol=2e-5, rtol=0)


def test_every_way_of_attention_gives_the_same() -> None:
    """Eager, sdpa and flex, with all queries at once and by blocks of them, of more tokens than one block of flex."""
    inputs, found = tokens(300, 300, 171), {}
    there = inputs["attention_mask"].bool()
    for attention in ("eager", "sdpa", "variantformer_flex"):
        for at_once in (2**27, 2 * 6 * 300 * 37):
            model = tiny()
            model.set_attn_implementation(attention)
            for layer in model.layers:
                layer.attention.scores_at_once = at_once
            with torch.inference_mode():
                found[attention, at_once] = model(**inputs).last_hidden_state[there]
    for one, other in combinations(found, 2):
        assert float((found[one] - found[other]).abs().max()) <= 2e-5, (one, other)


def test_a_long_feed_forward_goes_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = tokens(50, 50)
    with torch.inference_mode():
        expected = tiny()(**inputs).last_hidden_state
        monkeypatch.setattr(layers_ukbiobert, "_TOKENS_AT_ONCE", 7)
        assert torch.allclose(tiny()(**inputs).last_hidden_state, expected, atol=1e-6)


# Training


def test_the_loss_is_the_mean_over_the_masked_tokens() -> None:
    model, inputs = tiny(UkBioBertForMaskedLM), tokens(9, 9, 6)
    labels = torch.full((2, 9), -100)
    labels[0, 3], labels[1, 5] = 7, 12
    with torch.inference_mode():
        found = model(**inputs, labels=labels)
        none = model(**inputs, labels=torch.full((2, 9), -100)).loss
    log_share = found.logits.log_softmax(-1)
    assert float(found.loss) == pytest.approx(-float(log_share[0, 3, 7] + log_share[1, 5, 12]) / 2, abs=1e-5)
    assert float(none) == 0


def test_gradient_checkpointing_changes_no_gradient() -> None:
    gradients = []
    for checkpointing in (False, True):
        model = tiny(UkBioBertForMaskedLM).train()
        if checkpointing:
            (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()
        inputs = tokens(9, 9, 6)
        torch.manual_seed(1)
        model(**inputs, labels=inputs["input_ids"]).loss.backward()
        gradients.append({name: each.grad for name, each in model.named_parameters()})
    assert all(torch.allclose(gradients[0][name], gradients[1][name], atol=1e-6) for name in gradients[0])
    assert float(gradients[0]["model.embeddings.word.weight"].abs().sum()) > 0


# As a transformers model


def test_saved_and_loaded_it_gives_the_same_tied_and_the_auto_classes_know_it(tmp_path: Path) -> None:
    model = tiny(UkBioBertForMaskedLM)
    model.save_pretrained(tmp_path)
    assert "head.decoder.weight" not in load_file(tmp_path / "model.safetensors")
    again, encoder = AutoModelForMaskedLM.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)
    assert (type(again), type(encoder)) == (UkBioBertForMaskedLM, UkBioBertModel)
    assert type(AutoConfig.from_pretrained(tmp_path)) is UkBioBertConfig
    assert again.head.decoder.weight is again.model.embeddings.word.weight
    inputs = tokens(12, 12, 5)
    with torch.inference_mode():
        expected = model(**inputs, output_hidden_states=True)
        assert torch.equal(again(**inputs).logits, expected.logits)
        assert torch.equal(encoder(**inputs).last_hidden_state, expected.hidden_states[-1])
        half = AutoModelForMaskedLM.from_pretrained(tmp_path, dtype=torch.bfloat16)(**inputs)
    assert half.logits.dtype == torch.float32
    assert torch.allclose(
        half.logits[inputs["attention_mask"].bool()], expected.logits[inputs["attention_mask"].bool()], atol=0.3
    )


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"input_ids has the shape \(5,\), \(batch, tokens\) is expected"):
        tiny()(torch.zeros(5, dtype=torch.long))
    with pytest.raises(ValueError, match=r"attention_mask has the shape \(1, 4\), input_ids \(1, 5\)"):
        tiny()(torch.zeros(1, 5, dtype=torch.long), torch.ones(1, 4))
    with pytest.raises(ValueError, match="hidden_size=25 is not a multiple of num_attention_heads=6"):
        UkBioBertConfig(**{**TINY, "hidden_size": 25})
    with pytest.raises(ValueError, match="did you mean vocab_size"):
        UkBioBertConfig(vocab_sise=3)

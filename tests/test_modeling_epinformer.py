"""EPInformer: sizes as published, who sees whom, a way written out without any shortcut, and a transformers model."""

from pathlib import Path
from typing import Any

import pytest
import torch
from formula_weights import one_hot
from safetensors.torch import load_file
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel

from variantformer_hf.modeling import EPInformerConfig, EPInformerModel
from variantformer_hf.modeling.epinformer.modeling_epinformer import smooth_l1

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH, ELEMENTS = 432, 4
TINY = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "head_size": 10,
    "conv_channels": [6, 5, 4, 4, 6],
    "dilated_channels": 4,
    "element_channels": 4,
    "element_length": LENGTH,
    "num_enhancers": ELEMENTS,
}


def tiny(**changes: Any) -> EPInformerModel:
    """A small model whose BatchNorms have seen something."""
    torch.manual_seed(0)
    model = EPInformerModel(EPInformerConfig(**{**TINY, **changes})).eval()
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.1, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.02, 0.1)
    return model


def inputs(config: EPInformerConfig, batch: int = 2) -> dict[str, torch.Tensor]:
    """Genes whose last element is empty."""
    rng = torch.Generator().manual_seed(1)
    dna = torch.from_numpy(one_hot("elements", batch * (1 + ELEMENTS), LENGTH)).unflatten(0, (batch, -1))
    features = torch.rand(batch, 1 + ELEMENTS, config.num_element_features, generator=rng)
    dna[:, -1], features[:, 0], features[:, -1] = 0, 0, 0
    found = {"dna": dna, "element_features": features, "gene_features": torch.randn(batch, 9, generator=rng)}
    if config.embedding_size:
        found["embeddings"] = torch.randn(batch, config.embedding_size, generator=rng)
    return found


def predict(model: EPInformerModel, given: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits, and the states of promoter and elements."""
    with torch.inference_mode():
        found = model(**given)
    return found.logits, found.last_hidden_state


def away(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first - second).abs().max())


# Sizes


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 447_341),
        ({"embedding_size": 3072}, 840_557),
        ({"num_element_features": 2}, 447_277),
        ({"num_element_features": 1}, 447_213),
    ],
)
def test_it_has_as_many_parameters_as_the_published_one(changes: dict[str, Any], count: int) -> None:
    with torch.device("meta"):
        model = EPInformerModel(EPInformerConfig(**changes))
    assert model.num_parameters() == count
    assert model.config.num_positions == 101


def test_60_elements_of_2000_bases_give_one_number() -> None:
    torch.manual_seed(0)
    model = EPInformerModel(EPInformerConfig()).eval()
    dna = torch.zeros(1, 61, 2000, 4)
    dna[0, :3] = torch.from_numpy(one_hot("published", 3, 2000))
    logits, states = predict(
        model, {"dna": dna, "element_features": torch.zeros(1, 61, 3), "gene_features": torch.zeros(1, 9)}
    )
    assert logits.shape == (1, 1)
    assert states.shape == (1, 61, 64)


# Who sees whom


def test_the_promoter_sees_every_element() -> None:
    model = tiny()
    given = inputs(model.config)
    logits, states = predict(model, given)
    for element in range(1, ELEMENTS):  # all but the empty one
        dna = given["dna"].clone()
        dna[:, element, 200:232] = dna[:, element, 200:232].flip(-1)
        changed, others = predict(model, {**given, "dna": dna})
        assert away(changed, logits) > 1e-6
        assert away(others[:, 0], states[:, 0]) > 1e-6


def test_an_element_sees_itself_and_the_promoter_alone() -> None:
    model = tiny(num_hidden_layers=1)
    given = inputs(model.config)
    _, states = predict(model, given)
    for changed in range(1, ELEMENTS):
        dna = given["dna"].clone()
        dna[:, changed] = dna[:, changed].flip(1)
        _, others = predict(model, {**given, "dna": dna})
        for element in range(1, ELEMENTS):
            same = torch.equal(others[:, element], states[:, element])
            assert same == (element != changed)
    dna = given["dna"].clone()
    dna[:, 0] = dna[:, 0].flip(1)
    _, others = predict(model, {**given, "dna": dna})
    assert all(away(others[:, element], states[:, element]) > 1e-6 for element in range(ELEMENTS))


def test_an_empty_element_changes_nothing_whatever_is_said_of_it() -> None:
    model = tiny()
    given = inputs(model.config)
    logits, states = predict(model, given)
    features = given["element_features"].clone()
    features[:, -1] = 100.0
    again, others = predict(model, {**given, "element_features": features})
    assert away(again, logits) < 1e-6
    assert away(others[:, :-1], states[:, :-1]) < 1e-6
    without = {**given, "dna": given["dna"][:, :-1], "element_features": features[:, :-1]}
    assert away(predict(model, without)[0], logits) < 1e-6
    alone = {**given, "dna": given["dna"][:, :1], "element_features": features[:, :1]}
    assert away(predict(model, alone)[0], logits) > 1e-6


def test_an_empty_element_counts_in_no_statistic() -> None:
    with_it, without = tiny().train(), tiny().train()
    given = inputs(with_it.config)
    with_it(**given)
    without(**{**given, "dna": given["dna"][:, :-1], "element_features": given["element_features"][:, :-1]})
    for (name, first), second in zip(with_it.named_buffers(), without.buffers(), strict=True):
        torch.testing.assert_close(first, second, msg=name)


def test_the_order_of_elements_means_nothing() -> None:
    model = tiny()
    given = inputs(model.config)
    order = [0, 4, 2, 3, 1]
    moved = {**given, "dna": given["dna"][:, order], "element_features": given["element_features"][:, order]}
    assert away(predict(model, moved)[0], predict(model, given)[0]) < 1e-6


def test_a_promoter_without_a_base_is_still_there() -> None:
    model = tiny()
    given = inputs(model.config)
    dna = given["dna"].clone()
    dna[:, 0] = 0
    assert predict(model, {**given, "dna": dna})[0].isfinite().all()
    assert predict(model, {**given, "dna": torch.zeros_like(dna)})[0].isfinite().all()


@pytest.mark.parametrize("name", ["element_features", "gene_features", "embeddings"])
def test_what_is_known_of_genes_and_elements_is_read(name: str) -> None:
    model = tiny(embedding_size=3)
    given = inputs(model.config)
    for column in range(given[name].shape[-1]):
        changed = given[name].clone()
        changed[..., column] += 1
        assert away(predict(model, {**given, name: changed})[0], predict(model, given)[0]) > 1e-6


# A way without any shortcut


def plain(model: EPInformerModel, given: dict[str, torch.Tensor]) -> torch.Tensor:
    """(B, T) as the architecture is described: a gene, an element, a head, a key at a time."""
    weights = model.state_dict()

    def tensors(name: str) -> tuple[torch.Tensor, torch.Tensor]:
        return weights[f"{name}.weight"], weights[f"{name}.bias"]

    def normed(states: torch.Tensor, name: str) -> torch.Tensor:
        scale = (weights[f"{name}.batch_norm.running_var"] + 1e-5) ** -0.5
        centred = (states - weights[f"{name}.batch_norm.running_mean"][:, None]) * scale[:, None]
        weight, bias = tensors(f"{name}.batch_norm")
        return F.elu(centred * weight[:, None] + bias[:, None])

    def vector(dna: torch.Tensor) -> torch.Tensor:
        states = F.elu(F.conv1d(F.pad(dna.T, (3, 4)), *tensors("encoder.stem")))
        for block in range(4):
            name = f"encoder.blocks.{block}"
            states = normed(F.conv1d(F.pad(states, (1, 1)), *tensors(f"{name}.conv")), name)
            even, odd = states[:, : states.shape[1] // 2 * 2].unflatten(1, (-1, 2)).unbind(-1)
            states = torch.maximum(even, odd)
            weight, bias = tensors(f"{name}.residual")
            states = states + F.elu(weight[..., 0] @ states + bias[:, None])
        for number, dilation in enumerate((2, 4, 6, 1)):
            name = f"encoder.dilated.{number}"
            states = normed(F.conv1d(states, *tensors(f"{name}.conv"), dilation=dilation), name)
        weight, bias = tensors("encoder.positions")
        return F.elu(states @ weight.T + bias).reshape(-1)

    def linear(states: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = tensors(name)
        return weight @ states + bias

    logits = []
    for row, gene in enumerate(given["dna"]):
        there = [0, *(place for place in range(1, len(gene)) if gene[place].any())]
        states = {}
        for place in there:
            features = given["element_features"][row, place]
            joined = linear(torch.cat([vector(gene[place]), features]), "with_features").relu()
            states[place] = linear(joined, "mixed").relu()
        for layer in range(model.config.num_hidden_layers):
            name, width = f"layers.{layer}", model.config.hidden_size
            heads, size = model.config.num_attention_heads, width // model.config.num_attention_heads
            read = {
                place: linear(F.layer_norm(each, (width,), *tensors(f"{name}.attention_norm")), f"{name}.attention.qkv")
                for place, each in states.items()
            }
            after = {}
            for place, state in states.items():
                seen = there if place == 0 else [0, place]
                found = []
                for head in range(heads):
                    part = slice(head * size, (head + 1) * size)
                    query = read[place][:width][part]
                    scores = [query @ read[other][width : 2 * width][part] / size**0.5 for other in seen]
                    shares = torch.stack(scores).softmax(0)
                    values = [read[other][2 * width :][part] for other in seen]
                    found.append(sum(share * value for share, value in zip(shares, values, strict=True)))
                joined = state + linear(torch.cat(found), f"{name}.attention.out")
                wide = linear(
                    F.layer_norm(joined, (width,), *tensors(f"{name}.feed_forward_norm")), f"{name}.up"
                ).relu()
                after[place] = joined + linear(wide, f"{name}.down")
            states = after
        known = torch.cat(
            [states[0], given["gene_features"][row], *(given[name][row] for name in given if name == "embeddings")]
        )
        logits.append(linear(linear(linear(known, "head.first").relu(), "head.second").relu(), "head.last"))
    return torch.stack(logits)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("embedding_size", [0, 5])
def test_it_equals_the_way_written_out(attention: str, embedding_size: int) -> None:
    model = tiny(embedding_size=embedding_size, tissues=["K562", "GM12878"])
    model.set_attn_implementation(attention)
    given = inputs(model.config)
    given["dna"][1, 2] = 0
    logits, _ = predict(model, given)
    expected = plain(model, given)
    assert logits.shape == (2, 2)
    assert away(expected[0], expected[1]) > 1e-3
    torch.testing.assert_close(logits, expected, atol=1e-6, rtol=0)


# Loss and outputs


def test_the_loss_is_smooth_l1_over_the_labels_that_are_there() -> None:
    logits = torch.tensor([[0.5, 3.0], [1.0, -1.0]])
    labels = torch.tensor([[0.0, 1.0], [float("nan"), -1.25]])
    loss = smooth_l1(logits, labels)
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx((0.125 + 1.5 + 0.03125) / 3)
    assert float(smooth_l1(logits, torch.full((2, 2), float("nan")))) == 0


def test_a_label_that_is_not_there_leaves_no_gradient() -> None:
    model = tiny(tissues=["K562", "GM12878"]).train()
    labels = torch.tensor([[1.0, float("nan")], [2.0, float("nan")]])
    model(**inputs(model.config), labels=labels).loss.backward()
    gradient = model.head.last.weight.grad
    assert gradient is not None and gradient[0].any() and not gradient[1].any()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in model.parameters())


def test_outputs_are_read_by_their_ids() -> None:
    model = tiny(tissues=["K562", "GM12878"])
    given = inputs(model.config)
    logits, _ = predict(model, given)
    chosen, _ = predict(model, {**given, "outputs": torch.tensor([[1], [0]])})
    torch.testing.assert_close(chosen, torch.stack([logits[0, 1:], logits[1, :1]]))


def test_two_readings_of_a_gene_are_averaged() -> None:
    model = tiny(tissues=["K562", "GM12878"])
    given = inputs(model.config, batch=3)
    logits, _ = predict(model, given)
    found, _ = predict(model, {**given, "gene": torch.tensor([0, 1, 0])})
    torch.testing.assert_close(found, torch.stack([(logits[0] + logits[2]) / 2, logits[1]]))


# A transformers model


def test_saved_and_loaded_it_gives_the_same_and_the_auto_classes_know_it(tmp_path: Path) -> None:
    model = tiny(embedding_size=3, tissues=["K562"], unit="rna")
    model.save_pretrained(tmp_path)
    assert set(load_file(tmp_path / "model.safetensors")) == set(model.state_dict())
    again = AutoModel.from_pretrained(tmp_path).eval()
    config = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(again, EPInformerModel) and isinstance(config, EPInformerConfig)
    assert (config.unit, config.tissues, config.gene_features) == ("rna", ["K562"], model.config.gene_features)
    given = inputs(model.config)
    assert torch.equal(predict(again, given)[0], predict(model, given)[0])


def test_weights_of_16_bits_give_numbers_of_float32_and_keep_batch_norm(tmp_path: Path) -> None:
    model = tiny()
    model.save_pretrained(tmp_path)
    given = inputs(model.config)
    exact, _ = predict(model, given)
    for rounded in (EPInformerModel.from_pretrained(tmp_path, dtype=torch.bfloat16).eval(), tiny().to(torch.bfloat16)):
        assert rounded.encoder.stem.weight.dtype == torch.bfloat16
        assert rounded.encoder.blocks[0].batch_norm.running_var.dtype == torch.float32
        assert torch.equal(rounded.head.first.weight, model.head.first.weight)
        logits, states = predict(rounded, given)
        assert (logits.dtype, states.dtype) == (torch.float32, torch.bfloat16)
        assert logits.bfloat16().float().ne(logits).any()
        torch.testing.assert_close(logits, exact, atol=0.05, rtol=0.05)


# What is refused


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("dna", torch.zeros(2, 5, LENGTH - 1, 4), "dna has the shape"),
        ("dna", torch.zeros(2, 6, LENGTH, 4), "dna has 5 elements beside the promoter, 4 are read at the most"),
        ("dna", torch.zeros(2, 5, LENGTH, 4, dtype=torch.int64), "dna is int64, floating point is expected"),
        ("element_features", torch.zeros(2, 5, 2), r"\(2, 5, 3\) is expected"),
        ("gene_features", torch.zeros(2, 8), r"\(2, 9\) is expected"),
        ("embeddings", torch.zeros(2, 4), r"embeddings has the shape \(2, 4\), \(2, 3\) is expected"),
        ("embeddings", None, r"embeddings is missing, \(2, 3\) is expected"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(name: str, given: torch.Tensor, told: str) -> None:
    model = tiny(embedding_size=3)
    with pytest.raises(ValueError, match=told):
        model(**{**inputs(model.config), name: given})


def test_an_embedding_that_is_not_read_is_refused() -> None:
    model = tiny()
    with pytest.raises(ValueError, match="reads no embeddings"):
        model(**inputs(model.config), embeddings=torch.zeros(2, 3))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"num_element_features": 4}, "must be 1, 2 or 3"),
        ({"conv_channels": [4, 4]}, "must be 5 numbers"),
        ({"element_length": 399}, "must be at least 400"),
        ({"num_attention_heads": 3}, "not a multiple of num_attention_heads=3"),
        ({"element_channels": 3}, "not a multiple of element_channels=3"),
        ({"embedding_size": -1}, "at least 0"),
        ({"gene_features": ["gc", "gc"]}, "twice"),
        ({"embeding_size": 3}, "did you mean embedding_size"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        EPInformerConfig(**{**TINY, **changes})

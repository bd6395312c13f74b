"""The models on tiny configurations: against arithmetic written out by hand, and as good transformers citizens."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from released_reference import encode, part, predict, slopes
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel

from variantformer_hf.modeling import (
    VariantFormerConfig,
    VariantFormerEncoder,
    VariantFormerEncoderConfig,
    VariantFormerForChromatinActivity,
    VariantFormerForExpression,
)
from variantformer_hf.modeling.variantformer.attention_variantformer import alibi_slopes
from variantformer_hf.modeling.variantformer.layers_variantformer import VariantFormerLayer
from variantformer_hf.modeling.variantformer.streams_variantformer import StreamQuery

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH = 12
ENCODER = {
    "vocab_size": 30,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "token_length": LENGTH,
    "num_tissues": 3,
}
EXPRESSION = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "intermediate_size": 32,
    "tissues": ["a", None, "b", "c"],
    "initializer_range": 0.12,
}


def encoder_config(**changes: Any) -> VariantFormerEncoderConfig:
    return VariantFormerEncoderConfig(**{**ENCODER, "initializer_range": 0.12, **changes})


def expression_model(**changes: Any) -> VariantFormerForExpression:
    torch.manual_seed(0)
    encoder = changes.pop("encoder_config", encoder_config())
    return VariantFormerForExpression(VariantFormerConfig(encoder_config=encoder, **{**EXPRESSION, **changes})).eval()


def random_ids(rng: torch.Generator, n: int) -> list[torch.Tensor]:
    lengths = torch.randint(1, LENGTH + 1, (n,), generator=rng).tolist()
    return [torch.randint(4, ENCODER["vocab_size"], (length,), generator=rng) for length in lengths]


def rows(sequences: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    ids, mask = torch.zeros(len(sequences), LENGTH, dtype=torch.long), torch.zeros(len(sequences), LENGTH)
    for row, tokens in enumerate(sequences):
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
    return ids, mask


def gene_inputs(
    seed: int, n_cres: int, n_windows: int, tissues: tuple[int, ...] = (0, 2, 3)
) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    cre_ids, cre_mask = rows(random_ids(rng, n_cres))
    gene_ids, gene_mask = rows(random_ids(rng, n_windows))
    return {
        "cre_input_ids": cre_ids[None],
        "cre_attention_mask": cre_mask[None],
        "cre_class_ids": torch.randint(0, 9, (1, n_cres), generator=rng),
        "gene_input_ids": gene_ids[None],
        "gene_attention_mask": gene_mask[None],
        "tissue_ids": torch.tensor([tissues]),
    }


def padded(inputs: dict[str, torch.Tensor], n_cres: int, n_windows: int) -> dict[str, torch.Tensor]:
    """The same gene with absent rows of noise at the end, and the masks that say so."""
    extra_cres, extra_windows = n_cres - inputs["cre_class_ids"].shape[1], n_windows - inputs["gene_input_ids"].shape[1]
    result = dict(inputs)
    for name, extra in (("cre", extra_cres), ("gene", extra_windows)):
        result[f"{name}_input_ids"] = F.pad(inputs[f"{name}_input_ids"], (0, 0, 0, extra), value=7)
        result[f"{name}_attention_mask"] = F.pad(inputs[f"{name}_attention_mask"], (0, 0, 0, extra), value=1)
        result[f"{name}_mask"] = F.pad(torch.ones(inputs[f"{name}_input_ids"].shape[:2]), (0, extra))
    result["cre_class_ids"] = F.pad(inputs["cre_class_ids"], (0, extra_cres), value=3)
    return result


OPTIONS: list[dict[str, Any]] = [
    {},
    {"use_context": False},
    {"only_cross_attention": True},
    {"only_cross_attention": True, "use_context": False},
    {"cross_alibi": True},
    {"cross_alibi": True, "use_alibi": False},
    {"use_alibi": False},
    {"use_res": True},
    {"gene_pooling": "start_token"},
    {"gene_pooling": "max", "multi_head": True},
    {"gene_pooling": "mean", "multi_head": True, "cross_alibi": True},
    {"head_type": "linear"},
    {"use_bigger_head": False},
    {"multi_head": True, "use_bigger_head": False},
    {"loss_function": "mse"},
    {"add_context_to_cres": True},
    {"add_context_to_cres": True, "gene_pooling": "mean", "cross_alibi": True},
    {"hidden_size": 16, "num_attention_heads": 4},
    {"num_hidden_layers": 1},
    {"encoder_config": encoder_config(pooling="mean")},
    {"encoder_config": encoder_config(pooling="max", positional_encoding="sinusoidal")},
    {"encoder_config": encoder_config(num_attention_heads=2, intermediate_size=20)},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_equals_the_arithmetic_by_hand(options: dict[str, Any]) -> None:
    model = expression_model(**options)
    inputs = gene_inputs(1, n_cres=5, n_windows=3, tissues=(0, 3))
    has_token = model.config.gene_pooling in ("multi_registry", "start_token")
    outputs = []
    for attention in ("eager", "sdpa"):
        model.set_attn_implementation(attention)
        with torch.no_grad():
            outputs.append(model(**inputs, output_attentions=has_token))
    weights = {name: value.clone() for name, value in model.state_dict().items()}

    def sequences(name: str) -> list[torch.Tensor]:
        masks = inputs[f"{name}_attention_mask"][0].bool()
        return [ids[mask] for ids, mask in zip(inputs[f"{name}_input_ids"][0], masks, strict=True)]

    for index, tissue in enumerate(inputs["tissue_ids"][0].tolist()):
        classes = inputs["cre_class_ids"][0].tolist()
        value, embedding, attentions = predict(
            sequences("cre"), classes, sequences("gene"), tissue, weights, model.config
        )
        for output in outputs:
            torch.testing.assert_close(output.logits[0, index], value, atol=2e-5, rtol=0)
            torch.testing.assert_close(output.embeddings[0, index], embedding, atol=2e-5, rtol=0)
            if has_token:
                by_hand = torch.stack(attentions)
                torch.testing.assert_close(output.tissue_attentions[0, index], by_hand, atol=2e-5, rtol=0)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_padded_batch_equals_one_at_a_time(options: dict[str, Any]) -> None:
    model = expression_model(**options)
    genes = [gene_inputs(seed, n_cres, n_windows) for seed, n_cres, n_windows in [(1, 5, 3), (2, 2, 4), (3, 7, 1)]]
    batch = [padded(gene, 7, 4) for gene in genes]
    if options.get("add_context_to_cres"):
        batch = [gene | {"tissue_ids": gene["tissue_ids"][:, :1]} for gene in batch]
        genes = [gene | {"tissue_ids": gene["tissue_ids"][:, :1]} for gene in genes]
    positions = {"cre_positions": torch.tensor([[1, -1]] * 3), "gene_positions": torch.tensor([[0, -1]] * 3)}
    with torch.no_grad():
        together = model(**{name: torch.cat([gene[name] for gene in batch]) for name in batch[0]}, **positions)
        for index, gene in enumerate(genes):
            alone = model(**gene, **{name: value[:1] for name, value in positions.items()})
            for name in ("logits", "embeddings", "cre_token_embeddings", "gene_token_embeddings"):
                torch.testing.assert_close(together[name][index], alone[name][0], atol=2e-5, rtol=0, equal_nan=True)
    assert together.cre_token_embeddings[:, 1].isnan().all()
    assert not together.cre_token_embeddings[:, 0].isnan().any()


def test_absent_rows_in_the_middle_do_not_shift_ranks() -> None:
    model = expression_model()
    gene = gene_inputs(4, n_cres=6, n_windows=3)
    keep = [0, 2, 3, 5]
    present = torch.zeros(1, 6)
    present[0, keep] = 1
    fewer = dict(gene)
    for name in ("cre_input_ids", "cre_attention_mask", "cre_class_ids"):
        fewer[name] = gene[name][:, keep]
    with torch.no_grad():
        torch.testing.assert_close(model(**gene, cre_mask=present).logits, model(**fewer).logits, atol=2e-6, rtol=0)


def test_a_present_element_without_tokens_takes_part() -> None:
    model = expression_model()
    gene = gene_inputs(5, n_cres=4, n_windows=2)
    empty = dict(gene) | {"cre_attention_mask": gene["cre_attention_mask"].clone()}
    empty["cre_attention_mask"][0, 1] = 0
    without = dict(gene)
    for name in ("cre_input_ids", "cre_attention_mask", "cre_class_ids"):
        without[name] = gene[name][:, [0, 2, 3]]
    with torch.no_grad():
        vector = model.model.cre_encoder(empty["cre_input_ids"], empty["cre_attention_mask"]).pooler_output[0, 1]
        torch.testing.assert_close(vector, model.model.cre_encoder.pooling.bias.expand(16))
        assert not torch.allclose(model(**empty).logits, model(**without).logits, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("cre_class_ids", torch.zeros(1, 2, dtype=torch.long)),
        ("tissue_ids", torch.tensor([0, 2])),
        ("tissue_ids", torch.tensor([[0], [2]])),
        ("gene_input_ids", torch.zeros(2, 2, LENGTH, dtype=torch.long)),
        ("gene_attention_mask", torch.ones(1, 3, LENGTH)),
        ("cre_mask", torch.ones(1, 4)),
        ("gene_mask", torch.ones(2)),
        ("labels", torch.ones(3)),
    ],
)
def test_shapes_that_do_not_fit_are_named(name: str, given: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=name if name != "gene_input_ids" else "gene_"):
        expression_model()(**{**gene_inputs(1, 3, 2), name: given})


def test_the_encoders_vectors_in_place_of_tokens() -> None:
    model = expression_model()
    inputs = gene_inputs(3, 5, 4)
    expected = model(**inputs)
    cres = model.model.cre_encoder(inputs.pop("cre_input_ids"), inputs.pop("cre_attention_mask")).pooler_output
    windows = model.model.gene_encoder(inputs.pop("gene_input_ids"), inputs.pop("gene_attention_mask")).pooler_output
    found = model.model.run_streams(cres, windows, inputs["cre_class_ids"], inputs["tissue_ids"])
    assert torch.equal(model.read_out(found.embeddings, inputs["tissue_ids"]), expected.logits)
    assert torch.equal(found.embeddings, expected.embeddings)


def test_a_frozen_encoders_vectors_in_place_of_tokens() -> None:
    model = expression_model()
    inputs = gene_inputs(3, 5, 4)
    expected = model(**inputs)
    cres = model.model.cre_encoder(inputs.pop("cre_input_ids"), inputs.pop("cre_attention_mask")).pooler_output
    found = model(**inputs, cre_embeds=cres)
    assert torch.equal(found.logits, expected.logits)
    assert torch.equal(found.embeddings, expected.embeddings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cre_embeds": torch.zeros(1, 3, 16)}, "not both"),
        ({"gene_input_ids": None}, "give gene_input_ids"),
        ({"tissue_ids": None}, "needed"),
    ],
)
def test_neither_tokens_nor_vectors_nor_both(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expression_model()(**{**gene_inputs(0, 3, 2), **changes})


def test_cre_embeddings_that_differ_by_tissue_need_one_tissue() -> None:
    model = expression_model(add_context_to_cres=True)
    with pytest.raises(ValueError, match="one tissue at a time"):
        model(**gene_inputs(1, 3, 2), cre_positions=torch.tensor([[0]]))


@pytest.mark.parametrize("in_config", [True, False])
def test_tuples_instead_of_named_outputs(in_config: bool) -> None:
    model = expression_model()
    gene = gene_inputs(1, 3, 2)
    with torch.no_grad():
        named = model(**gene)
        if in_config:
            for module in (model, model.model, model.model.cre_encoder, model.model.gene_encoder):
                module.config.return_dict = False
        logits, embeddings = model(**gene) if in_config else model(**gene, return_dict=False)
    assert torch.equal(logits, named.logits)
    assert torch.equal(embeddings, named.embeddings)


def test_a_gene_without_any_element_is_an_error() -> None:
    with pytest.raises(ValueError, match="cre_mask has a gene without any present row"):
        expression_model()(**gene_inputs(1, 3, 2), cre_mask=torch.zeros(1, 3))


def test_all_tissues_at_once_equal_each_alone() -> None:
    model = expression_model()
    gene = gene_inputs(6, 5, 3, tissues=(3, 0, 0, 2))
    with torch.no_grad():
        together = model(**gene).logits[0]
        for index, tissue in enumerate((3, 0, 0, 2)):
            alone = model(**{**gene, "tissue_ids": torch.tensor([[tissue]])}).logits[0, 0]
            torch.testing.assert_close(together[index], alone, atol=2e-6, rtol=0)


def test_the_cre_stream_runs_once_for_all_tissues(monkeypatch: pytest.MonkeyPatch) -> None:
    model = expression_model()
    shapes = []
    model.model.cre_layers[0].register_forward_hook(lambda module, args, output: shapes.append(output.shape))
    model(**gene_inputs(6, 5, 3, tissues=(0, 1, 2, 3)))
    assert shapes == [(1, 5, 24)]


def set_tokens_at_once(model: VariantFormerForExpression, tokens: int) -> None:
    for layer in model.modules():
        if isinstance(layer, VariantFormerLayer):
            layer.tokens_at_once = tokens


@pytest.mark.parametrize("tokens", [1, 9, 13])
@pytest.mark.parametrize(
    "options",
    [{}, {"cross_alibi": True}, {"gene_pooling": "start_token"}, {"add_context_to_cres": True}, {"use_context": False}],
    ids=str,
)
def test_tissues_in_small_blocks_change_nothing(options: dict[str, Any], tokens: int) -> None:
    """Blocks of one tissue, of two of a gene's three, and of a whole gene; else both genes are one block."""
    model = expression_model(**options)
    genes = [padded(gene_inputs(seed, n_cres, n), 6, 3) for seed, n_cres, n in [(1, 6, 2), (2, 3, 3)]]
    batch = {name: torch.cat([gene[name] for gene in genes]) for name in genes[0]}
    labels = torch.ones(2, 3)

    def run() -> dict[str, torch.Tensor]:
        model.zero_grad()
        output = model(**batch, labels=labels, output_attentions=True)
        output.loss.backward()
        found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        return found | {"logits": output.logits, "attentions": output.tissue_attentions}

    whole = run()
    set_tokens_at_once(model, tokens)
    in_blocks = run()
    assert whole.keys() == in_blocks.keys()
    for name, value in whole.items():
        torch.testing.assert_close(
            in_blocks[name], value, atol=2e-5, rtol=1e-5, msg=lambda text, name=name: name + text
        )


def test_keys_and_values_of_the_cres_are_made_once_for_all_tissues() -> None:
    model = expression_model()
    set_tokens_at_once(model, 4)
    shapes = []
    projection = model.model.gene_layers[1].cross_attention.key_value
    projection.register_forward_hook(lambda module, args, output: shapes.append(output.shape))
    model(**gene_inputs(6, 5, 3, tissues=(0, 1, 2, 3)))
    assert shapes == [(1, 5, 48)]


@pytest.mark.parametrize("n_present", [40, 25])
def test_a_bag_of_equal_keys_counts_as_often_as_they_are_there(n_present: int) -> None:
    """One key per class while predicting equals one key per element, which training with dropout needs."""
    encoder = encoder_config(attention_dropout=0.0, hidden_dropout=0.0)
    model = expression_model(encoder_config=encoder, attention_dropout=1e-12, hidden_dropout=0.0)
    gene = gene_inputs(12, n_cres=40, n_windows=3)
    gene["cre_class_ids"] = gene["cre_class_ids"] // 3
    present = (torch.arange(40) < n_present).float()[None]
    with torch.no_grad():
        by_class = model.eval()(**gene, cre_mask=present)
        by_element = model.train()(**gene, cre_mask=present)
    torch.testing.assert_close(by_class.logits, by_element.logits, atol=2e-6, rtol=0)


def test_loss_leaves_out_missing_labels_only() -> None:
    model = expression_model()
    gene = gene_inputs(7, 4, 2)
    labels = torch.tensor([[0.0, float("nan"), 2.5]])
    with torch.no_grad():
        output = model(**gene, labels=labels)
    expected = F.poisson_nll_loss(output.logits[0, [0, 2]], labels[0, [0, 2]], log_input=False, full=True)
    torch.testing.assert_close(output.loss, expected)
    nothing = model(**gene, labels=torch.full((1, 3), float("nan")))
    assert nothing.loss == 0
    nothing.loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_mse_loss_has_no_softplus() -> None:
    model = expression_model(loss_function="mse")
    with torch.no_grad():
        model.head.layers[-1].bias.fill_(-5.0)
        output = model(**gene_inputs(7, 4, 2), labels=torch.zeros(1, 3))
    assert (output.logits < 0).any()
    torch.testing.assert_close(output.loss, (output.logits**2).mean())


@pytest.mark.slow
def test_one_batch_can_be_learned() -> None:
    model = expression_model(initializer_range=0.05).train()
    gene, labels = gene_inputs(8, 5, 3), torch.tensor([[0.5, 2.0, 4.0]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        model(**gene, labels=labels).loss.backward()
        optimizer.step()
    with torch.no_grad():
        assert (model.eval()(**gene).logits - labels).abs().max() < 0.3


@pytest.mark.parametrize("kind", ["expression", "activity"])
def test_gradient_checkpointing_gives_the_same_gradients(kind: str) -> None:
    def gradients(checkpointing: bool) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        if kind == "expression":
            model = expression_model(attention_dropout=0.0, hidden_dropout=0.0).train()
        else:
            model = VariantFormerForChromatinActivity(encoder_config(attention_dropout=0.0, hidden_dropout=0.0)).train()
        if checkpointing:
            model.gradient_checkpointing_enable()
        if kind == "expression":
            loss = model(**gene_inputs(9, 4, 2), labels=torch.ones(1, 3)).loss
        else:
            loss = model(**activity_inputs(), labels=torch.tensor([0, 1, 1, 0])).loss
        loss.backward()
        return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    plain, checkpointed = gradients(False), gradients(True)
    assert plain.keys() == checkpointed.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(checkpointed[name], gradient, atol=1e-6, rtol=1e-5, msg=name)


def test_every_parameter_learns() -> None:
    model = expression_model()
    model(**gene_inputs(9, 4, 2, tissues=(0, 1, 2, 3)), labels=torch.ones(1, 4)).loss.backward()
    unused = [name for name, p in model.named_parameters() if p.grad is None]
    assert unused == []


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_bfloat16_keeps_the_residual_stream_in_float32(attention: str) -> None:
    model = expression_model(initializer_range=0.1)
    gene = gene_inputs(10, 6, 3)
    with torch.no_grad():
        exact = model(**gene)
        model.to(torch.bfloat16).set_attn_implementation(attention)
        kept = model(**gene)
        model.config.residual_dtype = "model"
        for encoder in (model.model.cre_encoder, model.model.gene_encoder):
            encoder.config.residual_dtype = "model"
        quantised = model(**gene)
    assert kept.embeddings.dtype == torch.float32
    assert quantised.embeddings.dtype == torch.bfloat16
    assert (kept.logits - exact.logits).abs().max() < 0.02
    for value in (kept.embeddings, kept.logits.expm1().log()):
        on_the_grid = (value - value.bfloat16().float()).abs() < 1e-6
        assert on_the_grid.float().mean() < 0.5


@pytest.mark.parametrize("shard", ["10GB", "20KB"])
def test_saved_models_load_equal(tmp_path: Path, shard: str) -> None:
    model = expression_model(use_res=True)
    model.save_pretrained(tmp_path, max_shard_size=shard)
    assert (len(list(tmp_path.glob("*.safetensors"))) > 1) == (shard == "20KB")
    loaded = VariantFormerForExpression.from_pretrained(tmp_path)
    gene = gene_inputs(11, 4, 2)
    saved = model.state_dict()
    assert loaded.state_dict().keys() == saved.keys()
    assert all(torch.equal(value, saved[name]) for name, value in loaded.state_dict().items())
    with torch.no_grad():
        # Not to the last bit: sums run in another order where loaded weights start at other addresses.
        torch.testing.assert_close(loaded(**gene).logits, model(**gene).logits, atol=1e-6, rtol=0)
    for name in ("tissues", "cre_classes", "use_res", "hidden_size", "residual_dtype"):
        assert getattr(loaded.config, name) == getattr(model.config, name)
    assert loaded.config.encoder_config.token_length == LENGTH
    half = VariantFormerForExpression.from_pretrained(tmp_path, dtype=torch.bfloat16, attn_implementation="eager")
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    assert half.model.cre_encoder.config._attn_implementation == "eager"


def test_auto_classes(tmp_path: Path) -> None:
    expression_model().save_pretrained(tmp_path / "expression")
    VariantFormerEncoder(encoder_config()).save_pretrained(tmp_path / "encoder")
    assert type(AutoConfig.from_pretrained(tmp_path / "expression")) is VariantFormerConfig
    assert type(AutoModel.from_pretrained(tmp_path / "expression")) is VariantFormerForExpression
    assert type(AutoModel.from_pretrained(tmp_path / "encoder")) is VariantFormerEncoder


def test_an_encoder_loads_from_a_stage_one_folder(tmp_path: Path) -> None:
    model = VariantFormerForChromatinActivity(encoder_config(use_temperature=True))
    model.save_pretrained(tmp_path)
    for encoder in (VariantFormerEncoder.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)):
        saved = model.encoder.state_dict()
        assert encoder.state_dict().keys() == saved.keys()
        assert all(torch.equal(value, saved[name]) for name, value in encoder.state_dict().items())
    whole = VariantFormerForChromatinActivity.from_pretrained(tmp_path)
    assert torch.equal(whole.logit_scale, model.logit_scale)


def test_released_sizes() -> None:
    with torch.device("meta"):
        encoder = VariantFormerForChromatinActivity(VariantFormerEncoderConfig())
        model = VariantFormerForExpression(VariantFormerConfig())

    def count(module: torch.nn.Module) -> int:
        return sum(p.numel() for p in module.parameters())

    unused_classifiers = 2 * count(encoder.classifiers)
    assert count(encoder) == 31_826_153
    assert count(model) + unused_classifiers == 1_227_349_459
    assert not list(model.buffers())


@pytest.mark.parametrize("n_heads", [1, 2, 4, 6, 8, 12, 24, 32])
def test_alibi_slopes(n_heads: int) -> None:
    found = torch.tensor(alibi_slopes(n_heads))
    torch.testing.assert_close(found, torch.tensor(slopes(n_heads)))
    assert n_heads & (n_heads - 1) or all(a > b for a, b in pairwise(found.tolist()))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (VariantFormerConfig, {"gene_pooling": "registry"}),
        (VariantFormerConfig, {"head_type": "conv"}),
        (VariantFormerConfig, {"loss_function": "huber"}),
        (VariantFormerConfig, {"residual_dtype": "float16"}),
        (VariantFormerConfig, {"hidden_size": 50}),
        (VariantFormerConfig, {"num_hidden_layers": 0}),
        (VariantFormerConfig, {"num_attention_heads": 0}),
        (VariantFormerConfig, {"hidden_dropout": 1.5}),
        (VariantFormerConfig, {"encoder_config": {"use_context": True}}),
        (VariantFormerEncoderConfig, {"pooling": "attention"}),
        (VariantFormerEncoderConfig, {"positional_encoding": "rotary"}),
        (VariantFormerEncoderConfig, {"strand_aggregation": "sum"}),
        (VariantFormerEncoderConfig, {"loss_function": "hinge"}),
        (VariantFormerEncoderConfig, {"loss_reduction": "none"}),
        (VariantFormerEncoderConfig, {"intermediate_size": 33}),
        (VariantFormerEncoderConfig, {"tissues": ["one"]}),
        (VariantFormerEncoderConfig, {"class_weights": [1.0]}),
        (VariantFormerEncoderConfig, {"hiden_size": 32}),
        (VariantFormerConfig, {"cross_alibis": True}),
    ],
    ids=str,
)
def test_values_that_are_not_implemented_are_named(kind: type, changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(ValueError, match=name):
        kind(**changes)


# Stage 1


def activity_inputs(n: int = 4) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(3)
    ids, mask = rows(random_ids(rng, 2 * n))
    return {
        "input_ids": ids.view(n, 2, LENGTH),
        "attention_mask": mask.view(n, 2, LENGTH),
        "tissue_ids": torch.arange(n) % 3,
    }


@pytest.mark.parametrize("strands", ["concat", "mean"])
@pytest.mark.parametrize("context", [None, "use", "expand"])
def test_chromatin_activity_equals_the_arithmetic_by_hand(strands: str, context: str | None) -> None:
    config = encoder_config(
        strand_aggregation=strands, use_context=context is not None, expand_context=context == "expand"
    )
    torch.manual_seed(1)
    model = VariantFormerForChromatinActivity(config).eval()
    inputs = activity_inputs()
    classes = torch.tensor([0, 3, 8, 1]) if context else None
    with torch.no_grad():
        output = model(**inputs, context_ids=classes)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    for row in range(4):
        vectors = []
        for strand in range(2):
            ids = inputs["input_ids"][row, strand][inputs["attention_mask"][row, strand].bool()]
            vectors.append(encode(ids, part(weights, "encoder."), config, int(classes[row]) if context else None))
        torch.testing.assert_close(output.embeddings[row], torch.stack(vectors), atol=2e-5, rtol=0)
        joined = torch.cat(vectors) if strands == "concat" else (vectors[0] + vectors[1]) / 2
        tissue = int(inputs["tissue_ids"][row])
        logits = joined @ weights[f"classifiers.{tissue}.weight"].T + weights[f"classifiers.{tissue}.bias"]
        torch.testing.assert_close(output.logits[row], logits, atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss_reduction": "mean"},
        {"loss_function": "focal", "focal_gamma": 1.5},
        {"loss_function": "weighted_cross_entropy", "class_weights": [0.2, 0.8]},
        {"use_temperature": True},
        {"contrastive_fraction": 0.3},
        {"contrastive_form": "paper"},
        {"contrastive_form": "paper", "loss_reduction": "mean"},
        {"majority_weight": 0.25},
        {"use_contrastive_loss": False},
    ],
    ids=str,
)
def test_stage_one_losses_by_hand(changes: dict[str, Any]) -> None:
    torch.manual_seed(2)
    model = VariantFormerForChromatinActivity(encoder_config(**changes)).eval()
    inputs, labels, majority = activity_inputs(), torch.tensor([0, 1, 1, 0]), torch.tensor([0, 0, 1, 1])
    with torch.no_grad():
        output = model(**inputs, labels=labels, majority_labels=majority)
    probabilities = torch.softmax(output.logits, -1)[torch.arange(4), labels]
    losses = -torch.log(probabilities)
    if changes.get("loss_function") == "focal":
        losses = (1 - probabilities) ** 1.5 * losses
    if "class_weights" in changes:
        losses = losses * torch.tensor([0.2, 0.8])[labels]
    if "majority_weight" in changes:
        losses = torch.where(labels == majority, 0.25 * losses, losses)
    mean = changes.get("loss_reduction") == "mean"
    classification = losses.mean() if mean else losses.sum()
    torch.testing.assert_close(output.classification_loss, classification, atol=1e-5, rtol=1e-5)
    if changes.get("use_contrastive_loss") is False:
        assert torch.equal(output.loss, output.classification_loss)
        return
    vectors = output.embeddings.flatten(1)
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    gram = vectors @ vectors.T
    if changes.get("use_temperature"):
        gram = gram / 0.07
    own = torch.arange(4)
    both = [-torch.log_softmax(matrix, -1)[own, own] for matrix in (gram, gram.T)]
    contrastive = sum(part.mean() if mean else part.sum() for part in both) / 2
    if changes.get("contrastive_form") == "paper":
        terms = [sum(gram[i, j].exp() for j in range(4) if j != i).log() - gram[i, i] for i in range(4)]
        contrastive = sum(terms) / (4 if mean else 1)
    torch.testing.assert_close(output.contrastive_loss, contrastive, atol=1e-5, rtol=1e-5)
    fraction = changes.get("contrastive_fraction", (classification / contrastive).clamp(0.01, 100))
    torch.testing.assert_close(output.loss, classification + fraction * contrastive, atol=1e-4, rtol=1e-5)


def test_weighted_loss_needs_weights() -> None:
    model = VariantFormerForChromatinActivity(encoder_config(loss_function="weighted_cross_entropy"))
    with pytest.raises(ValueError, match="class_weights"):
        model(**activity_inputs(), labels=torch.tensor([0, 1, 1, 0]))


def test_majority_weight_needs_the_majority() -> None:
    model = VariantFormerForChromatinActivity(encoder_config(majority_weight=0.5))
    with pytest.raises(ValueError, match="majority_labels"):
        model(**activity_inputs(), labels=torch.tensor([0, 1, 1, 0]))


def test_context_must_be_given_where_it_is_used() -> None:
    model = VariantFormerForChromatinActivity(encoder_config(use_context=True))
    with pytest.raises(ValueError, match="context_ids"):
        model(**activity_inputs())


def test_longer_sequences_than_the_encoder_takes() -> None:
    with pytest.raises(ValueError, match="13 tokens"):
        VariantFormerEncoder(encoder_config())(torch.zeros(1, 13, dtype=torch.long))


@pytest.mark.parametrize("options", [each for each in OPTIONS if not each.get("add_context_to_cres")], ids=str)
@pytest.mark.parametrize("hidden", [False, True])
def test_kept_contexts_serve_other_windows_of_the_gene(options: dict[str, Any], hidden: bool) -> None:
    """Alternative windows on the contexts of one run of the cCRE stream = whole runs."""
    model = expression_model(**options)
    base, others = gene_inputs(1, 7, 3), [gene_inputs(seed, 2, 3) for seed in (2, 3, 4)]
    mask = torch.tensor([[1, 1, 0, 1, 1, 1, 0]]) if hidden else None
    tissues = base["tissue_ids"]
    asked = {"cre_positions": torch.tensor([[3, -1]]), "gene_positions": torch.tensor([[2, -1]])}
    with torch.inference_mode():
        vectors = model.model.cre_encoder(base["cre_input_ids"], base["cre_attention_mask"]).pooler_output
        contexts = model.model.cre_contexts(vectors, base["cre_class_ids"], mask)
        windows = model.model.gene_encoder(
            torch.cat([each["gene_input_ids"] for each in others]),
            torch.cat([each["gene_attention_mask"] for each in others]),
        ).pooler_output
        query = StreamQuery(**{name: places.expand(3, -1) for name, places in asked.items()})
        together = model.model.run_gene_stream(contexts, windows, tissues.expand(3, -1), query=query)
        together["logits"] = model.read_out(together.embeddings, tissues.expand(3, -1))
        for row, other in enumerate(others):
            whole = {**base, **{name: other[name] for name in ("gene_input_ids", "gene_attention_mask")}}
            alone = model(**whole, cre_mask=mask, **asked)
            for name in ("logits", "embeddings", "cre_token_embeddings", "gene_token_embeddings"):
                torch.testing.assert_close(together[name][row], alone[name][0], equal_nan=True)


def test_contexts_that_cannot_be_kept() -> None:
    inputs = gene_inputs(1, 4, 3)
    vectors = torch.zeros(1, 4, ENCODER["hidden_size"])
    with pytest.raises(ValueError, match="another one in each tissue"):
        expression_model(add_context_to_cres=True).model.cre_contexts(vectors, inputs["cre_class_ids"])
    model = expression_model()
    with pytest.raises(ValueError, match="one by one"):
        model.model.cre_contexts(vectors.expand(2, -1, -1), inputs["cre_class_ids"].expand(2, -1))
    contexts = model.model.cre_contexts(vectors, inputs["cre_class_ids"])
    with pytest.raises(ValueError, match="tissue_ids has shape"):
        model.model.run_gene_stream(contexts, vectors.expand(2, -1, -1), inputs["tissue_ids"])


@pytest.mark.parametrize("options", [{}, {"multi_head": True}])
def test_a_new_tissue_begins_as_another(options: dict[str, Any], tmp_path: Path) -> None:
    model = expression_model(**options)
    inputs = gene_inputs(1, 5, 3, tissues=(0, 2, 3))
    with torch.inference_mode():
        before = model(**inputs).logits
        assert model.add_tissue("new", init_from="b") == 4
        assert model.config.tissues == ["a", None, "b", "c", "new"]
        after = model(**{**inputs, "tissue_ids": torch.tensor([[0, 2, 3, 4]])}).logits
        torch.testing.assert_close(after[:, :3], before)
        torch.testing.assert_close(after[:, 3], before[:, 1])
    assert model.add_tissue("mean") == 5
    rows = model.model.tissue_embedding.weight
    torch.testing.assert_close(rows[5], rows[[0, 2, 3, 4]].mean(0))
    model.save_pretrained(tmp_path)
    again = VariantFormerForExpression.from_pretrained(tmp_path)
    assert again.config.num_tissues == 6
    torch.testing.assert_close(again.model.tissue_embedding.weight, rows)
    for name, source, problem in (("a", None, "already"), ("x", "nowhere", "no tissue 'nowhere'")):
        with pytest.raises(ValueError, match=problem):
            model.add_tissue(name, init_from=source)
    with pytest.raises(ValueError, match="no registry"):
        expression_model(gene_pooling="mean").add_tissue("x")

"""UKBioFormer and UKBioZoi: sizes as published, the two branches and their gate, and a good transformers citizen."""

from pathlib import Path
from typing import Any

import pytest
import torch
from formula_weights import one_hot, uniform
from transformers import AutoConfig, AutoModel

from variantformer_hf.modeling import (
    BorzoiConfig,
    BorzoiForTracks,
    EnformerConfig,
    EnformerForTracks,
    EnformerModel,
    UkBioBertConfig,
    UkBioBertModel,
    UkBioFormerConfig,
    UkBioFormerForExpression,
)

pytestmark = pytest.mark.usefixtures("one_thread")

ENFORMER = {"hidden_size": 24, "num_attention_heads": 2, "key_size": 8, "channel_multiple": 4}
BORZOI = {
    "hidden_size": 24,
    "num_attention_heads": 2,
    "key_size": 8,
    "value_size": 12,
    "tower_sizes": [8, 10, 12, 14, 16, 18],
    "embedding_size": 20,
}
TRUNKS = {"enformer": ENFORMER, "borzoi": BORZOI}
WIDTH, LENGTH = 10, 384


def tiny(backbone: str = "enformer", trunk: dict[str, Any] | None = None, **changes: Any) -> UkBioFormerForExpression:
    torch.manual_seed(0)
    sizes = {"embedding_size": WIDTH, "mlp_hidden": 6, "initializer_range": 0.2}
    trunk = {**TRUNKS[backbone], **(trunk or {})}
    return UkBioFormerForExpression(UkBioFormerConfig(backbone=backbone, trunk=trunk, **{**sizes, **changes})).eval()


def inputs(batch: int = 2, length: int = LENGTH) -> dict[str, torch.Tensor]:
    return {
        "sequence": torch.from_numpy(one_hot(f"test {length}", batch, length)),
        "variant_embedding": torch.from_numpy(uniform("embedding", (batch, WIDTH))),
    }


# Sizes and settings


@pytest.mark.parametrize(
    ("backbone", "layers", "size"),
    [
        ("enformer", 1, 72_233_475),
        ("enformer", 11, 230_636_035),
        ("borzoi", 1, 61_752_995),
        ("borzoi", 8, 172_061_347),
    ],
)
def test_it_has_as_many_parameters_as_the_public_code(backbone: str, layers: int, size: int) -> None:
    with torch.device("meta"):
        model = UkBioFormerForExpression(UkBioFormerConfig(backbone=backbone, n_transformers=layers))
    assert model.num_parameters() == model.num_parameters(only_trainable=True) == size
    assert sum(each.numel() for each in model.embedding_head.parameters()) == 787_457


def test_trunks_are_set_as_in_grelu() -> None:
    enformer = UkBioFormerConfig().trunk_config
    assert isinstance(enformer, EnformerConfig)
    dropouts = ("hidden_dropout", "attention_dropout", "position_dropout", "final_dropout")
    assert [getattr(enformer, name) for name in dropouts] == [0.4, 0.05, 0.01, 0]
    assert (enformer.gamma_norm, enformer.num_hidden_layers) == ("feature", 1)
    borzoi = UkBioFormerConfig(backbone="borzoi", n_transformers=8).trunk_config
    assert isinstance(borzoi, BorzoiConfig)
    assert [getattr(borzoi, name) for name in dropouts] == [0, 0, 0, 0]
    assert (borzoi.norm_eps, borzoi.gelu, borzoi.position_length) == (1e-5, "erf", None)
    assert UkBioFormerConfig(trunk={"final_dropout": 0.05}).trunk_config.final_dropout == 0.05
    assert UkBioFormerConfig().n_share == 0


# The formula


@pytest.mark.parametrize("backbone", TRUNKS)
def test_the_mean_over_bins_and_the_embeddings_number_are_mixed_by_the_gate(backbone: str) -> None:
    model, given = tiny(backbone), inputs()
    with torch.inference_mode():
        found = model(**given)
        states = model.trunk(given["sequence"]).last_hidden_state
        assert states.shape[1] > 1
        of_dna = torch.stack([model.dna_head(state).mean(dim=0) for state in states])
        first, _, last = model.embedding_head
        middle = (given["variant_embedding"] @ first.weight.T + first.bias).clamp(min=0)
        of_embedding = middle @ last.weight.T + last.bias
        gate = 1 / (1 + torch.exp(-model.gate))
    assert torch.allclose(found.dna_logits, of_dna, atol=1e-6)
    assert torch.allclose(found.embedding_logits, of_embedding, atol=1e-6)
    assert found.logits.shape == (2, 1)
    assert torch.allclose(found.logits, gate * of_dna + (1 - gate) * of_embedding, atol=1e-6)
    assert float(found.gate) == pytest.approx(float(gate))


@pytest.mark.parametrize("gate", [20.0, -20.0])
def test_a_gate_of_20_gives_each_branch(gate: float) -> None:
    """In float32 sigmoid(20) is 1, and the embedding's part is 0. sigmoid(-20) is 2.1e-9: a last digit at most."""
    model, given = tiny(), inputs()
    model.gate.data.fill_(gate)
    with torch.inference_mode():
        found = model(**given)
        alone = model(**given, branch="dna" if gate > 0 else "embedding").logits
    share = 1 / (1 + torch.exp(-torch.tensor(gate, dtype=torch.float64)))
    defined = share * found.dna_logits.double() + (1 - share) * found.embedding_logits.double()
    digit = torch.finfo(torch.float32).eps * defined.abs()
    assert float(found.dna_logits[0]) != float(found.embedding_logits[0])
    assert ((found.logits.double() - defined).abs() <= digit).all()
    assert ((alone.double() - defined).abs() <= digit).all()
    assert torch.equal(found.logits, alone)


def test_the_gradient_reaches_both_branches_and_the_gate() -> None:
    model = tiny(trunk={"hidden_dropout": 0.0}).train()
    loss = model(**inputs(), labels=torch.tensor([[5.0], [3.0]])).loss
    loss.backward()
    silent = {name for name, each in model.named_parameters() if each.grad is None or not each.grad.abs().sum()}
    assert not silent, silent


def test_a_branch_needs_its_own_input_alone() -> None:
    model, given = tiny(), inputs()
    with torch.inference_mode():
        both = model(**given)
        dna = model(sequence=given["sequence"], branch="dna")
        embedding = model(variant_embedding=given["variant_embedding"], branch="embedding")
    assert torch.equal(dna.logits, both.dna_logits) and dna.embedding_logits is None
    assert torch.equal(embedding.logits, both.embedding_logits) and embedding.dna_logits is None
    assert not torch.equal(dna.logits, embedding.logits)
    for missing in given:
        with pytest.raises(ValueError, match=f"branch='fused' needs {missing}"):
            model(**{name: each for name, each in given.items() if name != missing})


def test_the_gate_is_drawn_by_its_seed_and_takes_nothing_from_the_global_generator() -> None:
    first, second = tiny(gate_seed=0), tiny(gate_seed=1)
    assert torch.equal(first.embedding_head[2].weight, second.embedding_head[2].weight)
    drawn = [torch.randn((), generator=torch.Generator().manual_seed(seed)).item() for seed in (0, 1)]
    assert [model.gate.item() for model in (first, second)] == drawn
    torch.manual_seed(7)
    assert UkBioFormerForExpression(first.config).gate.item() == drawn[0]


def test_a_label_that_is_not_there_counts_nothing() -> None:
    model, given = tiny(tissues=["blood", "liver"]), inputs()
    labels = torch.tensor([[1.0, float("nan")], [float("nan"), -2.0]])
    with torch.inference_mode():
        found = model(**given, labels=labels)
        none = model(**given, labels=torch.full((2, 2), float("nan")))
        chosen = model(**given, outputs=torch.tensor([[1], [0]]))
    expected = ((found.logits[0, 0] - 1) ** 2 + (found.logits[1, 1] + 2) ** 2) / 2
    assert float(found.loss) == pytest.approx(float(expected))
    assert float(none.loss) == 0
    assert torch.equal(chosen.logits[:, 0], torch.stack([found.logits[0, 1], found.logits[1, 0]]))


# Inputs


def test_lengths() -> None:
    with torch.inference_mode():
        assert tiny()(**inputs(length=389)).logits.shape == (2, 1)
        with pytest.raises(ValueError, match="dna has 49000 bases, which is not a multiple of 128"):
            tiny("borzoi")(**inputs(1, 49_000))
    with torch.device("meta"):
        whole = UkBioFormerForExpression(UkBioFormerConfig())
        states = whole.trunk(torch.zeros(1, 49_000, 4)).last_hidden_state
        found = whole(torch.zeros(1, 49_000, 4), torch.zeros(1, 1536))
    assert states.shape == (1, 383, 3072)
    assert (found.logits.shape, found.logits.device.type) == ((1, 1), "meta")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"variant_embedding": torch.zeros(2, 9)}, "variant_embedding has a width of 9, embedding_size=10"),
        ({"variant_embedding": torch.zeros(2, 1, 10)}, r"shape \(2, 1, 10\), \(batch, 10\) is expected"),
        ({"variant_embedding": torch.zeros(2, 10, dtype=torch.long)}, "variant_embedding is int64"),
        ({"variant_embedding": torch.zeros(3, 10)}, "sequence is of 2 people, variant_embedding of 3"),
        ({"sequence": torch.zeros(2, 4, LENGTH)}, r"\(batch, bases, 4\) is expected"),
        ({"branch": "both"}, "branch='both' is not known; choose one of fused, dna, embedding"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_inputs_that_do_not_fit_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        tiny()(**{**inputs(), **changes})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"backbone": "enfomer"}, "backbone='enfomer' is not known; choose one of enformer, borzoi"),
        ({"n_transformers": 0}, "n_transformers=0 must be at least 1"),
        ({"embeding_size": 4}, "did you mean embedding_size"),
        ({"trunk": {"num_hidden_layers": 2}}, "num_hidden_layers is said by a field of UkBioFormerConfig itself"),
        ({"trunk": {"gelu": "erf"}}, "trunk: gelu is not a field of EnformerConfig"),
        ({"trunk": {"hidden_size": 50}}, "hidden_size=50 is not a multiple"),
        ({"tissues": []}, "must name at least one"),
        ({"embedding_length": 50_000}, "embedding_length=50000 is more than input_length=49152"),
        ({"embedding_chunk_bases": 0}, "embedding_chunk_bases=0 must be at least 1, or None"),
    ],
    ids=str,
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        UkBioFormerConfig(**changes)


# As a transformers model


@pytest.mark.parametrize("backbone", TRUNKS)
def test_saved_and_loaded_it_gives_the_same_and_the_auto_classes_know_it(backbone: str, tmp_path: Path) -> None:
    model = tiny(backbone, n_transformers=2, gate_seed=5, embedding_model="lab/ukbiobert", embedding_sha256="0" * 64)
    model.gate.data.fill_(0.25)
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    again = AutoModel.from_pretrained(tmp_path)
    assert (type(again), type(AutoConfig.from_pretrained(tmp_path))) == (UkBioFormerForExpression, UkBioFormerConfig)
    assert again.config.trunk == TRUNKS[backbone] and not again.training
    assert (again.config.embedding_model, again.config.embedding_sha256) == ("lab/ukbiobert", "0" * 64)
    assert set(again.state_dict()) == set(model.state_dict())
    with torch.inference_mode():
        assert torch.equal(again(**inputs()).logits, model(**inputs()).logits)


def test_a_trunk_of_16_bits_has_heads_and_a_loss_of_float32(tmp_path: Path) -> None:
    tiny().save_pretrained(tmp_path)
    half = UkBioFormerForExpression.from_pretrained(tmp_path, dtype=torch.bfloat16).to(torch.bfloat16)
    assert half.dtype == half.trunk.layers[0].up.weight.dtype == torch.bfloat16
    others = [half.dna_head.weight, half.embedding_head[0].weight, half.embedding_head[2].bias, half.gate]
    assert {each.dtype for each in others} == {torch.float32}
    given, labels = inputs(), torch.ones(2, 1)
    with torch.inference_mode():
        whole, found = tiny()(**given, labels=labels), half(**given, labels=labels)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = tiny()(**given, labels=labels)
    assert half.to(torch.float64).gate.dtype == torch.float64
    for each in (found, mixed):
        assert {part.dtype for part in each.values()} == {torch.float32}
        assert torch.equal(each.embedding_logits, whole.embedding_logits)
        assert torch.allclose(each.dna_logits, whole.dna_logits, atol=0.05)


def recompute(model: torch.nn.Module) -> None:
    """Gradient checkpointing, by either of the names that it has had."""
    (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()


def test_gradient_checkpointing_changes_no_gradient() -> None:
    found = []
    for checkpointing in (False, True):
        model = tiny(freeze_batchnorm=True).train()
        if checkpointing:
            recompute(model)
            assert all(layer.gradient_checkpointing for layer in model.trunk.layers)
        torch.manual_seed(3)
        model(**inputs(), labels=torch.zeros(2, 1)).loss.backward()
        found.append({name: each.grad for name, each in model.named_parameters() if each.grad is not None})
    plain, again = found
    assert len(plain) > 20 and set(plain) == set(again)
    assert all(torch.allclose(plain[name], again[name], atol=1e-6, rtol=1e-4) for name in plain)


def test_attention_is_eager_or_sdpa() -> None:
    with torch.inference_mode():
        found = {}
        for name in ("eager", "sdpa"):
            model = tiny()
            model.set_attn_implementation(name)
            assert model.trunk.layers[0].attention.config._attn_implementation == name
            found[name] = model(**inputs(length=1500)).logits
    assert torch.allclose(found["eager"], found["sdpa"], atol=2e-5, rtol=0)


# From a trunk


def backbone_folder(folder: Path, backbone: str) -> Any:
    """A trunk of three layers with settings of its own, with heads, in a folder."""
    torch.manual_seed(1)
    shared = {"num_hidden_layers": 3, "tracks": {"human": 4}, "initializer_range": 0.2}
    if backbone == "enformer":
        model: Any = EnformerForTracks(EnformerConfig(**ENFORMER, **shared, gamma_norm="position"))
    else:
        model = BorzoiForTracks(BorzoiConfig(**BORZOI, **shared))
    model.eval().save_pretrained(folder)
    return model.trunk


@pytest.mark.parametrize("backbone", TRUNKS)
def test_from_a_trunk_the_first_layers_are_kept_with_its_numerics(backbone: str, tmp_path: Path) -> None:
    trunk = backbone_folder(tmp_path, backbone)
    model = UkBioFormerForExpression.from_backbone(tmp_path, n_transformers=2, embedding_size=WIDTH)
    assert (model.config.backbone, len(model.trunk.layers), model.training) == (backbone, 2, False)
    config = model.trunk.config
    if backbone == "enformer":
        assert (config.gamma_norm, config.final_dropout) == ("position", 0)
    else:
        assert (config.norm_eps, config.gelu, config.position_length, config.hidden_dropout) == (1e-3, "tanh", 4096, 0)
    trunk.layers = trunk.layers[:2]
    with torch.inference_mode():
        found = model.trunk(inputs()["sequence"]).last_hidden_state
        assert torch.equal(found, trunk(inputs()["sequence"]).last_hidden_state)
        assert float(model(**inputs()).gate) == pytest.approx(
            float(
                torch.sigmoid(torch.tensor(1.5410)),
            ),
            abs=1e-4,
        )


def test_what_is_no_trunk_or_another_one_is_refused(tmp_path: Path) -> None:
    backbone_folder(tmp_path / "trunk", "enformer")
    build = UkBioFormerForExpression.from_backbone
    with pytest.raises(ValueError, match="has 3 layers, n_transformers=4 are asked for"):
        build(tmp_path / "trunk", n_transformers=4)
    with pytest.raises(ValueError, match="holds a trunk of enformer, and another backbone is asked for"):
        build(tmp_path / "trunk", backbone="borzoi")
    bert = UkBioBertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    UkBioBertModel(bert).save_pretrained(tmp_path / "bert")
    with pytest.raises(ValueError, match="'ukbiobert' is no trunk"):
        build(tmp_path / "bert")
    short = EnformerModel.from_pretrained(tmp_path / "trunk")
    del short.final
    short.save_pretrained(tmp_path / "short")
    with pytest.raises(ValueError, match=r"weights of the trunk do not fit \(first: final"):
        build(tmp_path / "short")

"""Enformer: sizes, lengths and positions as published, the oracle's numbers, and a good transformers citizen."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from formula_weights import formula_weights, one_hot
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel

from variantformer_hf.conversion.enformer.names import parameter_name
from variantformer_hf.modeling import EnformerConfig, EnformerForTracks, EnformerModel
from variantformer_hf.modeling.enformer import modeling_enformer
from variantformer_hf.modeling.enformer.attention_enformer import by_key
from variantformer_hf.modeling.enformer.positions_enformer import distances, enformer_positions, gamma_features
from variantformer_hf.modeling.enformer.trunk_enformer import BatchNorm, centre

pytestmark = pytest.mark.usefixtures("one_thread")

FIXTURE = Path(__file__).parent / "fixtures" / "enformer.safetensors"
LIMIT = 1e-5
TINY = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "key_size": 8,
    "channel_multiple": 8,
    "tracks": {"human": 4, "mouse": 2},
    "initializer_range": 0.1,
}


def tiny(kind: type = EnformerModel, **changes: Any) -> Any:
    torch.manual_seed(0)
    return kind(EnformerConfig(**{**TINY, **changes})).eval()


def dna(length: int, batch: int = 2) -> torch.Tensor:
    return torch.from_numpy(one_hot(f"test {length}", batch, length))


def config_of(published: dict[str, Any], **changes: Any) -> EnformerConfig:
    return EnformerConfig(
        hidden_size=published["dim"],
        num_hidden_layers=published["depth"],
        num_attention_heads=published["heads"],
        key_size=published["attn_dim_key"],
        channel_multiple=published["dim_divisible_by"],
        tracks=published["output_heads"],
        **changes,
    )


def with_published(config: EnformerConfig, weights: dict[str, Any]) -> EnformerForTracks:
    """A model with tensors of enformer-pytorch."""
    model = EnformerForTracks(config).eval()
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    named = {parameter_name(name): torch.as_tensor(tensor) for name, tensor in weights.items()}
    model.load_state_dict({name: tensor.reshape(shapes[name]) for name, tensor in named.items()})
    return model


# Sizes


@pytest.mark.parametrize(("depth", "size"), [(11, 229_845_504), (1, 71_442_944)])
def test_the_trunk_has_as_many_parameters_as_the_published_one(depth: int, size: int) -> None:
    with torch.device("meta"):
        model = EnformerModel(EnformerConfig(num_hidden_layers=depth))
    assert model.num_parameters() == size
    assert sum(parameter.numel() for parameter in model.layers[0].parameters()) == 15_840_256
    norms = [module for module in model.modules() if isinstance(module, BatchNorm)]
    assert (len(norms), sum(norm.weight.numel() + norm.bias.numel() for norm in norms)) == (14, 29_696)


def test_the_heads_have_5313_and_1643_tracks() -> None:
    with torch.device("meta"):
        model = EnformerForTracks(EnformerConfig(num_hidden_layers=1))
        tracks = model(torch.zeros(1, 1280, 4)).tracks
    assert {name: tuple(values.shape) for name, values in tracks.items()} == {
        "human": (1, 10, 5313),
        "mouse": (1, 10, 1643),
    }


def test_49000_bases_are_383_bins_of_3072() -> None:
    with torch.device("meta"):
        model = EnformerModel(EnformerConfig(num_hidden_layers=1))
        assert tuple(model(torch.zeros(1, 49_000, 4)).last_hidden_state.shape) == (1, 383, 3072)
        assert tuple(model(torch.zeros(1, 49_152, 4)).last_hidden_state.shape) == (1, 384, 3072)


@pytest.mark.parametrize("length", [1, 2, 127, 128, 129, 1000, 1153])
def test_any_length_is_read(length: int) -> None:
    with torch.inference_mode():
        found = tiny()(dna(length)).last_hidden_state
    assert tuple(found.shape) == (2, -(-length // 128), 96)
    assert bool(found.isfinite().all())


def test_each_pool_weighs_two_positions_and_keeps_one_without_a_partner() -> None:
    pool = modeling_enformer.EnformerPool(3)
    torch.manual_seed(1)
    torch.nn.init.normal_(pool.logits.weight)
    states = torch.randn(2, 3, 7)
    logits = torch.einsum("dc,bcl->bdl", pool.logits.weight[..., 0], states)
    with torch.no_grad():
        found = pool(states)
    for place in range(3):
        pair = slice(2 * place, 2 * place + 2)
        expected = (logits[..., pair].softmax(-1) * states[..., pair]).sum(-1)
        assert torch.allclose(found[..., place], expected, atol=1e-6)
    assert torch.equal(found[..., 3], states[..., 6])


def test_the_first_layer_of_a_deep_trunk_is_the_trunk_of_depth_1() -> None:
    deep, shallow = tiny(num_hidden_layers=3), tiny(num_hidden_layers=1)
    shallow.load_state_dict({name: deep.state_dict()[name] for name in shallow.state_dict()})
    deep.layers = deep.layers[:1]
    with torch.inference_mode():
        assert torch.equal(deep(dna(600)).last_hidden_state, shallow(dna(600)).last_hidden_state)


def test_the_middle_of_196608_bases_is_bin_448_of_the_896_that_are_published() -> None:
    model = tiny(hidden_size=12, num_attention_heads=1, num_hidden_layers=1, channel_multiple=2)
    with torch.inference_mode():
        found = model(dna(196_608, 1)).last_hidden_state
    assert found.shape[1] == 1536
    assert torch.equal(centre(found, 896)[:, 448], found[:, 768])
    assert torch.equal(centre(found, 1)[:, 0], found[:, 768])
    with pytest.raises(ValueError, match="1537 bins in the middle are asked for, there are 1536"):
        centre(found, 1537)


# Positions


def test_positions_by_key_are_read_at_the_distance_from_the_query() -> None:
    rows = torch.randn(2, 5, 9)
    found = by_key(rows)
    for query in range(5):
        for key in range(5):
            assert torch.equal(found[:, query, key], rows[:, query, key - query + 4])
    assert torch.equal(by_key(torch.ones(1, 1, 1)), torch.ones(1, 1, 1))


def test_gammas_by_position_are_those_of_the_original_enformer() -> None:
    fixture = load_file(FIXTURE)
    away = distances(2 * 1536 - 1, torch.device("cpu")).abs()[:, None]
    apart = {
        norm: (gamma_features(away, 1536, 32, norm)[fixture["gammas.rows"]] - fixture["gammas"]).abs()
        for norm in ("position", "feature")
    }
    assert len(fixture["gammas.rows"]) == 97
    assert float(apart["position"].max()) <= 3e-3
    assert float(apart["position"].mean()) <= 2e-5
    assert float(apart["feature"].max()) > 100 * 3e-3
    assert float(apart["feature"].mean()) > 100 * 2e-5


@pytest.mark.parametrize("norm", ["feature", "position"])
def test_positions_are_features_of_the_distance_and_their_signed_copy(norm: str) -> None:
    found = enformer_positions(9, torch.device("cpu"), n_features=24, gamma_norm=norm)
    assert tuple(found.shape) == (17, 24)
    assert torch.equal(found[:, :12], found[:, :12].flip(0))
    sign = torch.sign(torch.arange(17) - 8.0)[:, None]
    assert torch.equal(found[:, 12:], found[:, :12] * sign)
    largest = found[:, 8:12].amax(-1 if norm == "feature" else 0)
    assert torch.allclose(largest, torch.ones_like(largest))


def test_a_model_that_was_tried_in_inference_mode_can_still_be_trained() -> None:
    model = tiny()
    with torch.inference_mode():
        model(dna(256))
    model(dna(256)).last_hidden_state.sum().backward()
    assert model.layers[0].attention.position_key.weight.grad is not None


# Parity


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_it_equals_the_oracle(attention: str) -> None:
    assert furthest(lambda model: model.set_attn_implementation(attention)) <= LIMIT


WRONG: dict[str, Callable[[EnformerForTracks], object]] = {
    "gammas by position": lambda model: use_positions(model, gamma_norm="position"),
    "positions of another length": lambda model: setattr(model.trunk, "positions", Longer(model)),
    "batch norm's eps": lambda model: [setattr(norm, "eps", 1e-3) for norm in batch_norms(model)],
    "erf GELU": lambda model: setattr(model.trunk, "final_activation", torch.nn.GELU()),
    "no content bias": lambda model: model.trunk.layers[0].attention.content_bias.data.zero_(),
    "no position bias": lambda model: model.trunk.layers[0].attention.position_bias.data.zero_(),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_fixture_is_sharp(wrong: str) -> None:
    assert furthest(WRONG[wrong]) > 100 * LIMIT


class Longer:
    """Features of one bin more, without the outermost distances."""

    def __init__(self, model: EnformerForTracks) -> None:
        self.positions = model.trunk.positions

    def of(self, length: int, device: torch.device) -> torch.Tensor:
        return self.positions.of(length + 1, device)[1:-1]


def use_positions(model: EnformerForTracks, **options: Any) -> None:
    def make(length: int, device: torch.device) -> torch.Tensor:
        return enformer_positions(length, device, n_features=model.config.num_position_features, **options)

    model.trunk.positions = modeling_enformer.PositionFeatures(make)


def batch_norms(model: torch.nn.Module) -> list[BatchNorm]:
    return [module for module in model.modules() if isinstance(module, BatchNorm)]


def furthest(change: Callable[[EnformerForTracks], object]) -> float:
    """How far a changed model's outputs are from the oracle's."""
    with safe_open(FIXTURE, "pt") as fixture:
        facts = {name: json.loads(fixture.metadata()[name]) for name in ("settings", "shapes", "scales")}
        model = with_published(config_of(facts["settings"]), formula_weights(facts["shapes"], facts["scales"]))
        change(model)
        apart = 0.0
        for length in (1152, 2098):
            with torch.inference_mode():
                found = model(torch.from_numpy(one_hot(f"enformer {length}", 2, length)))
            values = {"embedding": found.last_hidden_state, **found.tracks}
            assert set(values) == {"embedding", "human", "mouse"}
            for name, value in values.items():
                apart = max(apart, float((value - fixture.get_tensor(f"{length}.{name}")).abs().max()))
    return apart


@pytest.mark.shared
@pytest.mark.parametrize("length", [1152, 2048])
def test_it_equals_the_small_trunks_of_the_released_implementation(parity: Path, length: int) -> None:
    stem = str(parity / "enformer" / f"torch_gamma_{length}")
    model = with_published(
        config_of(json.loads(Path(f"{stem}.config.json").read_text())), load_file(f"{stem}.weights.safetensors")
    )
    case = load_file(f"{stem}.case.safetensors")
    with torch.inference_mode():
        found = model(case["input"])
    assert torch.allclose(found.last_hidden_state, case["embedding"], atol=LIMIT, rtol=0)
    for head, values in found.tracks.items():
        assert torch.allclose(values, case[f"head.{head}"], atol=LIMIT, rtol=0)


# Training


def test_a_frozen_batch_norm_never_moves_and_all_else_does() -> None:
    model = tiny(EnformerForTracks, freeze_batchnorm=True)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.SGD([each for each in model.parameters() if each.requires_grad], lr=1.0)
    sum(values.square().mean() for values in model(dna(700)).tracks.values()).backward()
    optimizer.step()
    same = {name for name, tensor in model.state_dict().items() if torch.equal(tensor, before[name])}
    assert same == {name for name in before if ".batch_norm." in name}
    assert sum(each.numel() for each in model.parameters() if not each.requires_grad) == sum(
        norm.weight.numel() * 2 for norm in batch_norms(model)
    )


def test_batch_norm_moves_where_it_is_not_frozen() -> None:
    model = tiny().train()
    before = batch_norms(model)[0].running_mean.clone()
    model(dna(256))
    assert not torch.equal(batch_norms(model)[0].running_mean, before)


def recompute(model: torch.nn.Module) -> None:
    """Gradient checkpointing, by either of the names that it has had."""
    (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()


@pytest.mark.parametrize("freeze", [True, False])
def test_gradient_checkpointing_changes_no_gradient_and_counts_no_batch_twice(
    freeze: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modeling_enformer, "_POSITIONS_AT_ONCE", 128)  # of 385 positions the last piece is one
    found = []
    for checkpointing in (False, True):
        model = tiny(EnformerForTracks, freeze_batchnorm=freeze).train()
        if checkpointing:
            recompute(model)
        torch.manual_seed(3)
        model(dna(385), heads=["human"]).tracks["human"].sum().backward()
        gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
        found.append((gradients, {name: buffer.clone() for name, buffer in model.named_buffers()}))
    (plain, buffers), (again, buffers_again) = found
    assert len(plain) > 20 and set(plain) == set(again)
    assert all(torch.allclose(plain[name], again[name], atol=1e-6, rtol=1e-4) for name in plain)
    assert all(torch.equal(buffers[name], buffers_again[name]) for name in buffers)


def test_gradient_checkpointing_keeps_less() -> None:
    kept = []
    for checkpointing in (False, True):
        model = tiny(freeze_batchnorm=True).train()
        if checkpointing:
            recompute(model)
        sizes: list[int] = []

        def note(tensor: torch.Tensor, sizes: list[int] = sizes) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            model(dna(2048))
        kept.append(sum(sizes))
    assert kept[1] < 0.5 * kept[0]


# As a transformers model


def test_the_implementations_of_attention_agree() -> None:
    with torch.inference_mode():
        found = {}
        for name in ("eager", "sdpa", "variantformer_flex"):
            model = tiny()
            model.set_attn_implementation(name)
            assert model.layers[0].attention.config._attn_implementation == name
            found[name] = model(dna(1500)).last_hidden_state
    assert torch.allclose(found["eager"], found["sdpa"], atol=2e-5, rtol=0)
    assert torch.allclose(found["eager"], found["variantformer_flex"], atol=2e-5, rtol=0)


def test_saved_and_loaded_it_gives_the_same_and_the_auto_classes_know_it(tmp_path: Path) -> None:
    model = tiny(EnformerForTracks, gamma_norm="position", final_dropout=0)
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    again = EnformerForTracks.from_pretrained(tmp_path)
    trunk = AutoModel.from_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path)
    assert (type(trunk), type(config)) == (EnformerModel, EnformerConfig)
    assert (config.gamma_norm, config.final_dropout, config.tracks) == ("position", 0, TINY["tracks"])
    assert not again.training and not trunk.training
    with torch.inference_mode():
        expected, found = model(dna(900)), again(dna(900))
        assert torch.equal(found.last_hidden_state, expected.last_hidden_state)
        assert all(torch.equal(found.tracks[head], expected.tracks[head]) for head in ("human", "mouse"))
        assert torch.equal(trunk(dna(900)).last_hidden_state, expected.last_hidden_state)


def test_weights_of_16_bits_give_tracks_of_float32_and_keep_batch_norm(tmp_path: Path) -> None:
    model = tiny(EnformerForTracks)
    model.save_pretrained(tmp_path)
    half = EnformerForTracks.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert half.trunk.layers[0].up.weight.dtype == torch.bfloat16
    assert {norm.running_var.dtype for norm in batch_norms(half)} == {torch.float32}
    with torch.inference_mode():
        expected, found = model(dna(900)).tracks, half(dna(900)).tracks
    assert {values.dtype for values in found.values()} == {torch.float32}
    assert all(torch.allclose(found[head], expected[head], atol=0.1) for head in found)


def test_heads_are_read_by_name() -> None:
    model = tiny(EnformerForTracks)
    with torch.inference_mode():
        assert list(model(dna(128), heads=["mouse"]).tracks) == ["mouse"]
        assert model(dna(128), heads=[]).tracks == {}
        with pytest.raises(ValueError, match="no head 'rat', it has human, mouse"):
            model(dna(128), heads=["rat"])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (torch.zeros(1, 4, 128), r"\(1, 4, 128\), \(batch, bases, 4\) is expected"),
        (torch.zeros(128, 4), r"\(128, 4\), \(batch, bases, 4\) is expected"),
        (torch.zeros(1, 0, 4), "dna has no base"),
        (torch.zeros(1, 128, 4, dtype=torch.long), "dna is int64, floating point is expected"),
    ],
    ids=str,
)
def test_what_is_no_dna_is_refused(wrong: torch.Tensor, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        tiny()(wrong)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"gamma_norm": "bin"}, "gamma_norm='bin' is not known; choose one of feature, position"),
        ({"gamma_nrm": "feature"}, "did you mean gamma_norm"),
        ({"hidden_size": 50}, "hidden_size=50 is not a multiple of twice num_attention_heads=2"),
        ({"hidden_size": 40}, "20 position features, which is not a multiple of 6"),
        ({"num_hidden_layers": 0}, "num_hidden_layers=0 must be at least 1"),
        ({"final_dropout": 1.0}, "final_dropout=1.0 must be from 0 to below 1"),
        ({"num_downsamples": 2}, "num_downsamples=2 must be at least 3"),
        ({"tracks": {"human": 0}}, "the head 'human' has 0 tracks"),
    ],
    ids=str,
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        EnformerConfig(**{**TINY, **changes})

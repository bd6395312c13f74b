"""Borzoi: sizes and lengths as published, the oracle's numbers in both kinds of settings, and a transformers model."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from formula_weights import formula_weights, one_hot
from safetensors import safe_open
from transformers import AutoConfig, AutoModel

from variantformer_hf.conversion.borzoi.names import parameter_name
from variantformer_hf.modeling import BorzoiConfig, BorzoiForTracks, BorzoiModel
from variantformer_hf.modeling.borzoi.modeling_borzoi import borzoi_positions, larger_of_pairs
from variantformer_hf.modeling.enformer.positions_enformer import PositionFeatures
from variantformer_hf.modeling.enformer.trunk_enformer import BatchNorm, centre

pytestmark = pytest.mark.usefixtures("one_thread")

FIXTURE = Path(__file__).parent / "fixtures" / "borzoi.safetensors"
LIMIT = 1e-5
GRELU: dict[str, Any] = {"norm_eps": 1e-5, "gelu": "erf", "position_length": None}
TINY = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "key_size": 8,
    "value_size": 12,
    "tower_sizes": [8, 10, 12, 14, 16, 18],
    "embedding_size": 20,
    "tracks": {"human": 4, "mouse": 2},
    "initializer_range": 0.2,
}


def tiny(kind: type = BorzoiModel, **changes: Any) -> Any:
    torch.manual_seed(0)
    return kind(BorzoiConfig(**{**TINY, **changes})).eval()


def dna(length: int, batch: int = 2) -> torch.Tensor:
    return torch.from_numpy(one_hot(f"test {length}", batch, length))


# Sizes


@pytest.mark.parametrize(("depth", "size", "with_human"), [(8, 171_271_968, 185_892_699), (1, 60_963_616, 75_584_347)])
def test_it_has_as_many_parameters_as_the_published_one(depth: int, size: int, with_human: int) -> None:
    with torch.device("meta"):
        model = BorzoiForTracks(BorzoiConfig(num_hidden_layers=depth))
    assert (model.trunk.num_parameters(), model.num_parameters()) == (size, with_human)
    assert sum(parameter.numel() for parameter in model.trunk.layers[0].parameters()) == 15_758_336


def test_49152_bases_are_1536_bins() -> None:
    with torch.device("meta"):
        found = BorzoiForTracks(BorzoiConfig(num_hidden_layers=1))(torch.zeros(1, 49_152, 4))
    assert tuple(found.unet_output.shape) == (1, 1536, 1536)
    assert tuple(found.last_hidden_state.shape) == (1, 1536, 1920)
    assert tuple(found.tracks["human"].shape) == (1, 1536, 7611)


@pytest.mark.parametrize("length", [1, 64, 1000, 49_000])
def test_a_length_that_is_no_multiple_of_128_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"dna has {length} bases, which is not a multiple of 128"):
        tiny()(torch.zeros(1, length, 4))


def test_more_bins_than_the_positions_are_made_for_are_refused() -> None:
    with torch.inference_mode():
        assert tiny(position_length=3)(dna(384)).unet_output.shape[1] == 12
        with pytest.raises(ValueError, match="4 bins of the transformer are more than position_length=3"):
            tiny(position_length=3)(dna(512))
        assert tiny(position_length=None)(dna(512)).unet_output.shape[1] == 16


def test_the_middle_of_a_window_is_the_middle_bin() -> None:
    """A base in the middle moves the middle bin most, on average over the weights."""
    model, window = tiny(num_hidden_layers=1), dna(1024, 1)
    changed = window.clone()
    changed[:, 512:528] = changed[:, 512:528].flip(-1)
    with torch.inference_mode():
        moved = (model(changed).unet_output - model(window).unet_output).abs().sum(-1)[0]
    assert int(moved.argmax()) in (15, 16, 17)
    assert torch.equal(centre(moved[None], 1)[0, 0], moved[16])


# Positions


def test_positions_are_nearer_than_widths_that_grow_to_the_length() -> None:
    found = borzoi_positions(300, torch.device("cpu"), n_features=32, spread_over=4096)
    widths = [4097 ** (step / 16) - 1 for step in range(1, 17)]
    expected = np.array([[abs(place - 299) < width for width in widths] for place in range(599)], dtype=np.float32)
    assert np.array_equal(found[:, :16].numpy(), expected)
    sign = torch.sign(torch.arange(599) - 299.0)[:, None]
    assert torch.equal(found[:, 16:], found[:, :16] * sign)
    assert 0 < found[:, :16].mean() < 1


# Parity


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize(("name", "settings"), [("borzoi-pytorch", {}), ("grelu", GRELU)])
def test_it_equals_the_oracle_in_both_kinds_of_settings(attention: str, name: str, settings: dict[str, Any]) -> None:
    assert furthest(name, settings, lambda model: model.set_attn_implementation(attention)) <= LIMIT


WRONG: dict[str, tuple[dict[str, Any], Callable[[BorzoiForTracks], object]]] = {
    "eps": ({"norm_eps": 1e-5}, lambda model: None),
    "GELU": ({"gelu": "erf"}, lambda model: None),
    "positions of the length that is read": ({"position_length": None}, lambda model: None),
    "positions of twice the length": ({"position_length": 8192}, lambda model: None),
    "skips that are not there": ({}, lambda model: model.trunk.up[1].skip.conv.weight.data.zero_()),
    "no position bias": ({}, lambda model: model.trunk.layers[0].attention.position_bias.data.zero_()),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_fixture_is_sharp(wrong: str) -> None:
    settings, change = WRONG[wrong]
    assert furthest("borzoi-pytorch", settings, change) > 100 * LIMIT


@cache
def published() -> tuple[dict[str, Any], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The fixture's facts, the oracle's weights by our names, and its outputs."""
    with safe_open(FIXTURE, "pt") as fixture:
        names = ("settings", "shapes", "scales", "tracks", "every")
        facts = {name: json.loads(fixture.metadata()[name]) for name in names}
        outputs = {name: fixture.get_tensor(name) for name in fixture.keys()}  # noqa: SIM118 -- not a dict
    weights = formula_weights(facts["shapes"], facts["scales"])
    return facts, {parameter_name(name): torch.from_numpy(each) for name, each in weights.items()}, outputs


def furthest(name: str, settings: dict[str, Any], change: Callable[[BorzoiForTracks], object]) -> float:
    """How far a model's outputs are from the oracle's."""
    facts, weights, outputs = published()
    given = facts["settings"]
    config = BorzoiConfig(
        hidden_size=given["dim"],
        num_hidden_layers=given["depth"],
        num_attention_heads=given["heads"],
        key_size=given["attn_dim_key"],
        value_size=given["attn_dim_value"],
        tracks={"human": facts["tracks"]},
        **settings,
    )
    model = BorzoiForTracks(config).eval()
    shapes = {each: tensor.shape for each, tensor in model.state_dict().items()}
    model.load_state_dict({each: tensor.reshape(shapes[each]) for each, tensor in weights.items()})
    change(model)
    apart = 0.0
    for length in (1280, 2560):
        with torch.inference_mode():
            found = model(torch.from_numpy(one_hot(f"borzoi {length}", 1, length)))
        embedding = found.last_hidden_state[..., :: facts["every"]]
        values = {"unet_output": found.unet_output, "last_hidden_state": embedding, **found.tracks}
        for part in ("unet_output", "last_hidden_state", "human"):
            apart = max(apart, float((values[part] - outputs[f"{name}.{length}.{part}"]).abs().max()))
    return apart


# Training


def recompute(model: torch.nn.Module) -> None:
    """Gradient checkpointing, by either of the names that it has had."""
    (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()


def test_a_frozen_batch_norm_never_moves_and_gradient_checkpointing_changes_no_gradient() -> None:
    found = []
    for checkpointing in (False, True):
        model = tiny(BorzoiForTracks, freeze_batchnorm=True).train()
        if checkpointing:
            recompute(model)
        before = {name: tensor.clone() for name, tensor in model.named_buffers()}
        torch.manual_seed(3)
        model(dna(512), heads=["human"]).tracks["human"].sum().backward()
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.named_buffers())
        norms = [module for module in model.modules() if isinstance(module, BatchNorm)]
        assert len(norms) == 11 and all(norm.weight.grad is None and norm.bias.grad is None for norm in norms)
        found.append({name: each.grad for name, each in model.named_parameters() if each.grad is not None})
    plain, again = found
    assert len(plain) > 20 and set(plain) == set(again)
    assert all(torch.allclose(plain[name], again[name], atol=1e-6, rtol=1e-4) for name in plain)


# As a transformers model


def test_the_implementations_of_attention_agree() -> None:
    found = {}
    for name in ("eager", "sdpa", "variantformer_flex"):
        model = tiny()
        model.set_attn_implementation(name)
        assert model.layers[0].attention.config._attn_implementation == name
        with torch.inference_mode():
            found[name] = model(dna(1280)).last_hidden_state
    for name in ("sdpa", "variantformer_flex"):
        assert torch.allclose(found["eager"], found[name], atol=2e-5, rtol=0)


def test_saved_and_loaded_it_gives_the_same_and_the_auto_classes_know_it(tmp_path: Path) -> None:
    model = tiny(BorzoiForTracks, **GRELU)
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    again, trunk = BorzoiForTracks.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path)
    assert (type(trunk), type(config)) == (BorzoiModel, BorzoiConfig)
    assert {name: getattr(config, name) for name in GRELU} == GRELU
    with torch.inference_mode():
        expected, found = model(dna(640)), again(dna(640))
        assert all(torch.equal(found.tracks[head], expected.tracks[head]) for head in ("human", "mouse"))
        assert torch.equal(trunk(dna(640)).unet_output, expected.unet_output)


def test_weights_of_16_bits_give_tracks_of_float32(tmp_path: Path) -> None:
    tiny(BorzoiForTracks).save_pretrained(tmp_path)
    half = BorzoiForTracks.from_pretrained(tmp_path, dtype=torch.bfloat16)
    with torch.inference_mode():
        found = half(dna(640))
    assert found.last_hidden_state.dtype == torch.bfloat16
    assert {values.dtype for values in found.tracks.values()} == {torch.float32}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"gelu": "quick"}, "gelu='quick' is not known; choose one of tanh, erf"),
        ({"position_lenght": 3}, "did you mean position_length"),
        ({"num_position_features": 31}, "num_position_features=31 is split in two halves"),
        ({"tower_sizes": [8]}, r"tower_sizes=\[8\] must be two or more"),
        ({"position_length": 0}, "position_length=0 must be at least 1, or None"),
        ({"tracks": {"human": 0}}, "the head 'human' has 0 tracks"),
    ],
    ids=str,
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        BorzoiConfig(**{**TINY, **changes})


def test_position_features_are_made_once_a_length() -> None:
    lengths = []

    def make(length: int, device: torch.device) -> torch.Tensor:
        lengths.append(length)
        return borzoi_positions(length, device, n_features=32, spread_over=None)

    model = tiny(position_length=None)
    model.positions = PositionFeatures(make)
    with torch.inference_mode():
        first = model(dna(256)).unet_output
        model(dna(256))
        model(dna(384))
        assert torch.equal(model(dna(256)).unet_output, first)
    assert lengths == [2, 3, 2]


def test_the_larger_of_pairs_is_max_pooling_its_gradient_too() -> None:
    torch.manual_seed(4)
    states = torch.randint(4, (2, 3, 10)).float()  # many equals
    states[0, 0, 2], states[1, 1, 5] = float("nan"), float("nan")
    found = []
    for pool in (larger_of_pairs, lambda each: torch.nn.functional.max_pool1d(each, 2)):
        given = states.clone().requires_grad_()
        pooled = pool(given)
        (pooled * torch.arange(5)).nansum().backward()
        with torch.inference_mode():
            assert torch.equal(pool(states).nan_to_num(-1), pooled.detach().nan_to_num(-1))
        found.append((pooled.detach().nan_to_num(-1), given.grad))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1].nan_to_num(-1), found[1][1].nan_to_num(-1))

"""Other libraries' checkpoints become folders of the zoo: every tensor by name, or a refusal that names one."""

import io
import json
import os
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import invoke
from formula_weights import one_hot
from published_weights import FIXTURES, fixture, published, with_aliases
from safetensors import safe_open
from safetensors.torch import load_file, save, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

from variantformer_hf.errors import InputError
from variantformer_hf.hub.folder_check import check_folder
from variantformer_hf.modeling import (
    BorzoiForTracks,
    BorzoiModel,
    EnformerForTracks,
    EnformerModel,
    UkBioBertForMaskedLM,
    UkBioBertModel,
)
from variantformer_hf.zoo.families import load_gene_model

pytestmark = pytest.mark.usefixtures("one_thread")

LIMIT = 1e-5


def enformer_files(folder: Path, weights: dict[str, torch.Tensor] | None = None, **settings: Any) -> list[Path | str]:
    """Words of the command for a checkpoint and its config."""
    facts, _ = fixture("enformer")
    torch.save(with_aliases(published("enformer")) if weights is None else weights, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps({**facts["settings"], "model_type": "enformer", **settings}))
    return ["--kind", "enformer", "--checkpoint", folder / "pytorch_model.bin", "--config", folder / "config.json"]


def converted(folder: Path, *words: Path | str) -> Path:
    invoke("convert", *words, "-o", folder / "model")
    return folder / "model"


def dna(name: str, batch: int, length: int) -> torch.Tensor:
    return torch.from_numpy(one_hot(f"{name} {length}", batch, length))


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.safetensors")), ids=lambda path: path.stem)
def test_a_fixture_is_small_and_says_what_made_it(path: Path) -> None:
    assert path.stat().st_size <= 200_000
    with safe_open(path, "pt") as file:
        facts = file.metadata()
    assert facts["command"] == f"make oracles ORACLES={path.stem}"
    pins = (FIXTURES.parents[1] / "oracles" / path.stem).glob("requirements*.txt")
    lines = [line.split("==") for pin in pins for line in pin.read_text().split()]
    named = {name: version for name, version in lines if name in facts}
    assert len(named) >= 2 and all(facts[name].partition("+")[0] == version for name, version in named.items())
    assert facts["python"].startswith("3.11.")


def near(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((found - expected).abs().max() <= LIMIT)


# Enformer


def equals_enformer_pytorch(model: EnformerForTracks) -> bool:
    _, outputs = fixture("enformer")
    with torch.inference_mode():
        found = model(dna("enformer", 2, 1152))
    return near(found.last_hidden_state, outputs["1152.embedding"]) and all(
        near(found.tracks[head], outputs[f"1152.{head}"]) for head in ("human", "mouse")
    )


def test_an_enformer_is_converted_loaded_by_the_auto_classes_saved_and_published(tmp_path: Path) -> None:
    folder = converted(tmp_path, *enformer_files(tmp_path))
    model, trunk = EnformerForTracks.from_pretrained(folder), AutoModel.from_pretrained(folder)
    assert type(trunk) is EnformerModel
    assert equals_enformer_pytorch(model)
    assert (model.config.gamma_norm, model.config.final_dropout) == ("feature", 0.05)
    with torch.inference_mode():
        expected = model(dna("enformer", 2, 1152)).last_hidden_state
        assert torch.equal(trunk(dna("enformer", 2, 1152)).last_hidden_state, expected)
    model.save_pretrained(tmp_path / "again")
    again = load_file(tmp_path / "again" / "model.safetensors")
    assert all(torch.equal(tensor, again[name]) for name, tensor in load_file(folder / "model.safetensors").items())
    assert {path.name for path in check_folder(folder)} == {"README.md", "config.json", "model.safetensors"}
    card = (folder / "README.md").read_text()
    assert "second names of the trunk's tensors" in card and "SHA-256 of the published `pytorch_model.bin`" in card
    with pytest.raises(InputError, match=r"is a network without genes\.parquet: it predicts no genes\. Convert"):
        load_gene_model(folder)


def test_safetensors_lightning_and_folders_give_the_same(tmp_path: Path) -> None:
    expected = load_file(converted(tmp_path, *enformer_files(tmp_path)) / "model.safetensors")
    weights = published("enformer")
    save_file(weights, tmp_path / "w.safetensors")
    torch.save(
        {"state_dict": {f"model.enformer.{name}": each for name, each in weights.items()}, "epoch": 3},
        tmp_path / "w.ckpt",
    )
    config = ["--config", tmp_path / "config.json", "--kind", "enformer"]
    ways: dict[str, list[Path | str]] = {
        "safetensors": ["--checkpoint", tmp_path / "w.safetensors", *config],
        "lightning": ["--checkpoint", tmp_path / "w.ckpt", *config],
        "folder": [tmp_path, "--kind", "enformer"],
    }
    for name, words in ways.items():
        (tmp_path / name).mkdir()
        found = load_file(converted(tmp_path / name, *words) / "model.safetensors")
        assert set(found) == set(expected)
        assert all(torch.equal(found[each], expected[each]) for each in found)


@pytest.mark.parametrize(
    ("settings", "words", "norm"),
    [
        ({}, [], "feature"),
        ({"use_tf_gamma": True}, [], "position"),
        ({}, ["--gamma-norm", "position"], "position"),
        ({"use_tf_gamma": True}, ["--gamma-norm", "feature"], "feature"),
    ],
)
def test_the_norm_of_the_gammas_is_the_option_s_or_the_config_s(
    tmp_path: Path, settings: dict[str, Any], words: list[str], norm: str
) -> None:
    folder = converted(tmp_path, *enformer_files(tmp_path, **settings), *words)
    assert json.loads((folder / "config.json").read_text())["gamma_norm"] == norm
    assert equals_enformer_pytorch(EnformerForTracks.from_pretrained(folder)) == (norm == "feature")


def test_weights_of_16_bits_are_written_with_batch_norm_in_float32(tmp_path: Path) -> None:
    folder = converted(tmp_path, *enformer_files(tmp_path), "--dtype", "bfloat16")
    types = {
        ".batch_norm." in name: tensor.dtype
        for name, tensor in load_file(folder / "model.safetensors").items()
        if tensor.is_floating_point()
    }
    assert types == {True: torch.float32, False: torch.bfloat16}
    model = EnformerForTracks.from_pretrained(folder)
    with torch.inference_mode():
        found = model(dna("enformer", 2, 1152))
    assert found.last_hidden_state.dtype == torch.bfloat16
    assert found.tracks["human"].dtype == torch.float32
    assert torch.allclose(found.tracks["human"], fixture("enformer")[1]["1152.human"], atol=0.2)


def test_a_depth_that_was_cut_is_converted(tmp_path: Path) -> None:
    weights = {name: each for name, each in published("enformer").items() if not name.startswith("transformer.1.")}
    folder = converted(tmp_path, *enformer_files(tmp_path, weights, depth=1))
    assert len(EnformerForTracks.from_pretrained(folder).trunk.layers) == 1


# Borzoi, gReLU


def test_a_borzoi_is_converted(tmp_path: Path) -> None:
    facts, outputs = fixture("borzoi")
    torch.save(published("borzoi"), tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps({**facts["settings"], "model_type": "borzoi"}))
    folder = converted(tmp_path, tmp_path, "--kind", "borzoi")
    model = BorzoiForTracks.from_pretrained(folder)
    assert type(AutoModel.from_pretrained(folder)) is BorzoiModel
    with torch.inference_mode():
        found = model(dna("borzoi", 1, 1280))
    assert near(found.unet_output, outputs["borzoi-pytorch.1280.unet_output"])
    assert near(found.tracks["human"], outputs["borzoi-pytorch.1280.human"])
    assert len(check_folder(folder)) == 3


@pytest.mark.parametrize(("name", "kind"), [("enformer", EnformerForTracks), ("borzoi", BorzoiForTracks)])
@pytest.mark.parametrize("prefix", ["", "model."])
def test_grelu_s_models_are_converted_by_their_sizes(tmp_path: Path, name: str, kind: Any, prefix: str) -> None:
    _, outputs = fixture("grelu")
    weights = {f"{prefix}{key}": each for key, each in published("grelu", name).items()}
    torch.save({"state_dict": weights} if prefix else weights, tmp_path / "w.ckpt")
    folder = converted(tmp_path, "--kind", f"grelu-{name}", "--checkpoint", tmp_path / "w.ckpt")
    model = kind.from_pretrained(folder)
    with torch.inference_mode():
        found = model(dna("grelu", 1, 1280))
    assert near(found.last_hidden_state, outputs[f"{name}.embedding"])
    assert near(found.tracks["human"], outputs[f"{name}.human"])
    assert float(outputs[f"{name}.human"].min()) < 0  # a head without softplus
    assert len(check_folder(folder)) == 3


NOT_GRELU: dict[str, tuple[str, dict[str, Any]]] = {
    "Borzoi's published eps": ("borzoi", {"norm_eps": 1e-3}),
    "Borzoi's published GELU": ("borzoi", {"gelu": "tanh"}),
    "Borzoi's published positions": ("borzoi", {"position_length": 4096}),
    "positions of twice the length": ("borzoi", {"position_length": 20}),
    "Borzoi's eps of an Enformer's BatchNorm": ("enformer", {"batch_norm_eps": 1e-3}),
    "Borzoi's eps of an Enformer's LayerNorm": ("enformer", {"layer_norm_eps": 1e-3}),
    "the other norm of gammas": ("enformer", {"gamma_norm": "position"}),
}


@pytest.fixture(scope="module")
def grelu_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The converted folder of each of gReLU's models."""
    folders = {}
    for name in ("enformer", "borzoi"):
        folder = tmp_path_factory.mktemp(name)
        torch.save(dict(published("grelu", name)), folder / "w.ckpt")
        folders[name] = converted(folder, "--kind", f"grelu-{name}", "--checkpoint", folder / "w.ckpt")
    return folders


@pytest.mark.parametrize("wrong", NOT_GRELU)
def test_grelu_s_fixture_is_sharp(grelu_folders: dict[str, Path], wrong: str) -> None:
    name, settings = NOT_GRELU[wrong]
    _, outputs = fixture("grelu")
    model = {"enformer": EnformerForTracks, "borzoi": BorzoiForTracks}[name].from_pretrained(
        grelu_folders[name], **settings
    )
    with torch.inference_mode():
        found = model(dna("grelu", 1, 1280))
    pairs = (found.last_hidden_state, "embedding"), (found.tracks["human"], "human")
    assert max(float((each - outputs[f"{name}.{part}"]).abs().max()) for each, part in pairs) > 100 * LIMIT


# DNABERT-2


def dnabert2_files(folder: Path, **settings: Any) -> list[Path | str]:
    """A folder of DNABERT-2, with a tokenizer of as many tokens."""
    facts, _ = fixture("dnabert2")
    given = facts["settings"]
    weights = published("dnabert2")
    words = weights["bert.embeddings.word_embeddings.weight"]
    torch.save({**weights, "cls.predictions.decoder.weight": words}, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps({**given, "model_type": "bert", "pad_token_id": 0, **settings}))
    write_tokenizer(folder / "tokenizer.json", given["vocab_size"])
    return [folder, "--kind", "dnabert2"]


def write_tokenizer(
    path: Path, size: int, special: tuple[str, ...] = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
) -> None:
    words = [*special, *"ACGT"]
    words += [left + right for left in "ACGT" for right in "ACGT"]
    words += [left + right for left in words[9:25] for right in "ACGT"]
    vocabulary = {word: number for number, word in enumerate(words[:size])}
    merges = [(word[:-1], word[-1]) for word in list(vocabulary)[9:]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    tokenizer.add_special_tokens(list(special))
    tokenizer.save(str(path))


def test_a_dnabert2_is_converted_with_its_tokenizer(tmp_path: Path) -> None:
    folder = converted(tmp_path, *dnabert2_files(tmp_path))
    _, tensors = fixture("dnabert2")
    masked, encoder = AutoModelForMaskedLM.from_pretrained(folder), AutoModel.from_pretrained(folder)
    assert (type(masked), type(encoder)) == (UkBioBertForMaskedLM, UkBioBertModel)
    with torch.inference_mode():
        logits = masked(tensors["16.ids"], tensors["16.mask"]).logits
    there = tensors["16.mask"].bool()
    assert near(logits[there], tensors["16.logits"][there])
    assert "head.decoder.weight" not in load_file(folder / "model.safetensors")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.pad_token_id, tokenizer.mask_token_id, tokenizer.cls_token_id) == (3, 4, 1)
    whole = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in ("ACGTACGTTGCAACG", "ACGNNACG", ""):
        assert tokenizer(text)["input_ids"] == whole.encode(text).ids
    assert "tokenizer.json" in {path.name for path in check_folder(folder)}
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text() + " ")
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        check_folder(folder)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda f: (f / "tokenizer.json").unlink(), r"tokenizer\.json: no such file\. .*--vocabulary"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "is not a tokenizer.json"),
        (lambda f: write_tokenizer(f / "tokenizer.json", 60), "has 60 tokens, the config says 64"),
        (
            lambda f: write_tokenizer(f / "tokenizer.json", 64, ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")),
            r"\[UNK\] is token 1, of DNABERT-2 it is 0",
        ),
    ],
    ids=["missing", "none", "other size", "other order"],
)
def test_a_tokenizer_that_is_not_the_model_s_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object], told: str
) -> None:
    words = dnabert2_files(tmp_path)
    spoil(tmp_path)
    refused(tmp_path, words, told)


# What is refused


def refused(folder: Path, words: list[Path | str], told: str) -> None:
    """In one line, and nothing is left."""
    with pytest.raises(InputError, match=told) as error:
        converted(folder, *words)
    assert "\n" not in str(error.value)
    assert not (folder / "model").exists()


def changed(**tensors: torch.Tensor | None) -> dict[str, torch.Tensor]:
    """The Enformer's weights with some tensors changed, or taken away."""
    weights = {
        **with_aliases(published("enformer")),
        **{name.replace("__", "."): each for name, each in tensors.items()},
    }
    return {name: each for name, each in weights.items() if each is not None}


def _nan(name: str) -> torch.Tensor:
    tensor = published("enformer")[name].clone()
    tensor[0] = torch.nan
    return tensor


WEIGHTS: dict[str, tuple[Callable[[], dict[str, Any]], str]] = {
    "unknown": (lambda: changed(to_tracks__0__weight=torch.zeros(1)), "does not have: to_tracks.0.weight"),
    "a layer too many": (
        lambda: changed(transformer__2__0__fn__0__weight=torch.zeros(96)),
        "transformer.2.0.fn.0.weight",
    ),
    "a part that is none": (lambda: changed(transformer__0__3__weight=torch.zeros(96)), "transformer.0.3.weight"),
    "missing": (
        lambda: changed(final_pointwise__1__2__bias=None, _trunk__6__1__2__bias=None),
        r"1 tensors are missing \(first: trunk\.final\.conv\.bias\)",
    ),
    "misshapen": (
        lambda: changed(_heads__human__0__bias=torch.zeros(7)),
        r"_heads\.human\.0\.bias has the shape \(7,\), by the config it is \(5,\)",
    ),
    "an alias that is not equal": (
        lambda: changed(stem__0__bias=torch.zeros(48)),
        r"_trunk\.1\.0\.bias is not equal to stem\.0\.bias",
    ),
    "an alias of nothing": (
        lambda: changed(_trunk__9__bias=torch.zeros(3)),
        r"_trunk\.9\.bias",
    ),
    "not finite": (
        lambda: published("enformer") | {"stem.0.bias": _nan("stem.0.bias")},
        r"stem\.0\.bias holds a number that is not finite",
    ),
    "two types": (lambda: published("enformer") | {"stem.0.bias": torch.zeros(48).half()}, "--dtype float32"),
    "another family": (lambda: published("borzoi"), r"holds no tensor stem\.0\.weight: it is of another family"),
    "no tensor": (lambda: {"stem.0.weight": 3}, r"stem\.0\.weight is no tensor but a int"),
    "empty": (dict, "holds no tensor"),
    "a table in a table": (lambda: {"model": published("enformer")}, "model is no tensor but a dict"),
    "names that are numbers": (lambda: changed() | {3: torch.zeros(2)}, "holds the key 3, no name of a tensor"),
    "a name over two lines": (lambda: changed() | {"a\nb": torch.zeros(2)}, r"does not have: 'a\\nb'"),
    "a name without end": (lambda: changed() | {"x" * 5000: torch.zeros(2)}, r"does not have: 'x{100}\.\.\.'"),
    "whole numbers": (
        lambda: {name: each.int() for name, each in published("enformer").items()},
        r"stem\.0\.weight is of int32, float32, bfloat16 or float16 is expected",
    ),
    "a weight of whole numbers": (
        lambda: published("enformer") | {"stem.0.bias": torch.zeros(48, dtype=torch.int64)},
        r"stem\.0\.bias is of int64",
    ),
    "complex numbers": (
        lambda: published("enformer") | {"stem.0.bias": torch.zeros(48, dtype=torch.complex64)},
        r"stem\.0\.bias is of complex64",
    ),
    "8 bits": (
        lambda: published("enformer") | {"stem.0.bias": torch.zeros(48).to(torch.float8_e4m3fn)},
        r"stem\.0\.bias is of float8_e4m3fn",
    ),
    "a count with a fraction": (
        lambda: published("enformer") | {"conv_tower.0.0.0.num_batches_tracked": torch.tensor(7.5)},
        r"num_batches_tracked is of float32, int64 is expected",
    ),
    "a sparse tensor": (lambda: changed(stem__0__bias=torch.zeros(48).to_sparse()), r"stem\.0\.bias is sparse"),
    "without numbers": (
        lambda: changed(stem__0__bias=torch.zeros(48, device="meta")),
        r"stem\.0\.bias is without its numbers",
    ),
}


@pytest.mark.parametrize("wrong", WEIGHTS)
def test_weights_that_are_not_the_model_s_are_refused_by_name(tmp_path: Path, wrong: str) -> None:
    make, told = WEIGHTS[wrong]
    refused(tmp_path, enformer_files(tmp_path, make()), told)


class Evil:
    """What runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/was-run",)


def test_an_object_that_is_no_tensor_is_named_and_not_made(tmp_path: Path) -> None:
    words = enformer_files(tmp_path)
    torch.save({"state_dict": published("enformer"), "hyper_parameters": Evil()}, tmp_path / "pytorch_model.bin")
    refused(tmp_path, words, r"pytorch_model\.bin: holds something that is neither tensors.*posix.*system")


def test_a_pickled_object_is_named_in_files_of_older_kinds_too(tmp_path: Path) -> None:
    words = enformer_files(tmp_path)
    held = {"state_dict": published("enformer"), "hyper_parameters": Evil()}
    torch.save(held, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    refused(tmp_path, words, r"neither tensors nor plain values \(posix\.system\)")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "pytorch_model.bin")
    refused(tmp_path, words, r"neither tensors nor plain values \(torch\.nn\.modules\.linear\.Linear\)")
    assert not Path("/tmp/was-run").exists()


def named_twice() -> bytes:
    """The Enformer's weights as safetensors, with a header that has one name twice."""
    content = save({name: tensor.contiguous() for name, tensor in published("enformer").items()})
    end = 8 + int.from_bytes(content[:8], "little")
    header = content[8:end].rstrip()
    entry = json.dumps(json.loads(header)["stem.0.bias"]).encode()
    header = header[:-1] + b', "stem.0.bias": ' + entry + b"}"
    return len(header).to_bytes(8, "little") + header + content[end:]


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("archive/data.pkl", "no pickle")
    return sink.getvalue()


FILES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "text": ("w.bin", lambda: b"hello\n" * 9, "cannot be read as a PyTorch file"),
    "a zip": ("w.bin", zipped, "cannot be read as a PyTorch file"),
    "a pickle": ("w.bin", lambda: pickle.dumps({"a": 1}), "cannot be read as a PyTorch file"),
    "HDF5": ("human.h5", lambda: b"\x89HDF\r\n\x1a\n" + bytes(99), "cannot be read as a PyTorch file"),
    "a header of a terabyte": ("w.safetensors", lambda: (2**40).to_bytes(8, "little") + b"{}", "is cut off or damaged"),
    "a header of something else": (
        "w.safetensors",
        lambda: (8).to_bytes(8, "little") + b'{"a": 1}',
        "is cut off or damaged",
    ),
    "a header of nothing": ("w.safetensors", lambda: (8).to_bytes(8, "little") + b"{}      ", "holds no tensor"),
    "a name twice": ("w.safetensors", named_twice, r"names the tensor stem\.0\.bias twice"),
}


@pytest.mark.parametrize("wrong", FILES)
def test_files_that_are_something_else_are_refused(tmp_path: Path, wrong: str) -> None:
    name, make, told = FILES[wrong]
    words = enformer_files(tmp_path)
    (tmp_path / name).write_bytes(make())
    refused(tmp_path, [*words[:3], tmp_path / name, *words[4:]], told)


def test_a_tensor_of_other_axes_is_refused_where_weights_say_the_sizes(tmp_path: Path) -> None:
    for kind, name in (
        ("borzoi", "embedding.conv_tower.blocks.0.conv.weight"),
        ("enformer", "embedding.transformer_tower.blocks.0.mha.rel_content_bias"),
    ):
        weights = published("grelu", kind) | {name: torch.tensor(1.0)}
        torch.save(weights, tmp_path / "w.ckpt")
        words: list[Path | str] = ["--kind", f"grelu-{kind}", "--checkpoint", tmp_path / "w.ckpt"]
        refused(tmp_path, words, rf"{re.escape(name)} has the shape \(\), \d axes are expected")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors"])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    enformer_files(tmp_path)
    if name == "model.safetensors":
        save_file(published("enformer"), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for kept in (0, 5, len(content) // 2, len(content) - 1):
        (tmp_path / name).write_bytes(content[:kept])
        refused(tmp_path, [tmp_path, "--kind", "enformer"], rf"{name}: (is|cannot)")


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "a width of other weights": ({"dim": 192}, r"stem\.0\.weight has the shape \(48, 4, 15\), by the config"),
    "a depth of other weights": ({"depth": 3}, r"tensors are missing \(first: trunk\.layers\.2"),
    "a depth in words": ({"depth": "two"}, "depth is 'two', not a whole number"),
    "no width": ({"dim": None}, "dim is None, not a whole number"),
    "a dropout of one": ({"dropout_rate": 1.0}, "describes a model that is not implemented: .*hidden_dropout"),
    "heads that do not divide": ({"heads": 5}, "not implemented: hidden_size=96"),
    "convnext": ({"use_convnext": True}, "use_convnext"),
    "tracks that are a number": ({"output_heads": 3}, "not implemented.*tracks"),
}


@pytest.mark.parametrize("wrong", SETTINGS)
def test_a_config_that_is_not_the_weights_is_refused(tmp_path: Path, wrong: str) -> None:
    settings, told = SETTINGS[wrong]
    refused(tmp_path, enformer_files(tmp_path, **settings), told)


def test_files_and_options_of_another_kind_are_refused(tmp_path: Path) -> None:
    words = enformer_files(tmp_path)
    refused(tmp_path, [*words, "--cres", tmp_path / "g.bed"], "'enformer' have no use for --cres")
    refused(tmp_path, ["--kind", "grelu-enformer", *words[2:]], "'grelu-enformer' have no use for --config")
    refused(tmp_path, ["--gamma-norm", "position"], "'variantformer' have no use for --gamma-norm")
    refused(tmp_path, words[:4], "'enformer' need --config")
    refused(tmp_path, ["--kind", "grelu-borzoi", *words[2:4]], "embedding.conv_tower.blocks.0.conv.weight")
    (tmp_path / "config.json").write_text("[]")
    refused(tmp_path, words, "config.json: is not a table of settings")
    (tmp_path / "config.json").write_text("{")
    refused(tmp_path, words, "config.json: is not a JSON file")
    (tmp_path / "config.json").unlink()
    refused(tmp_path, words, "config.json: no such file")
    (tmp_path / "config.json").write_text(json.dumps({"dim": 48, "depth": 2, "heads": 2, "flashed": True}))
    refused(tmp_path, ["--kind", "borzoi", *words[2:]], "flashed")

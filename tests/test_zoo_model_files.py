"""Model folders: whole ones load, damaged ones are one clear error and never random weights."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from variantformer_hf import ExpressionPredictor
from variantformer_hf.errors import InputError
from variantformer_hf.simulation.genome import write_simulation
from variantformer_hf.simulation.model import write_demo_model
from variantformer_hf.zoo.model_files import model_identity


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model_files")
    return write_demo_model(write_simulation(folder), folder / "model")


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def drop_a_weight(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    weights.pop("model.cre_projection.weight")
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})


def reshape_a_weight(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    weights["model.cre_projection.weight"] = weights["model.cre_projection.weight"][:, :8].contiguous()
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})


def add_a_weight(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    weights["model.extra"] = weights["model.cre_projection.weight"].clone()
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})


def round_a_weight(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    weights["model.cre_projection.weight"] = weights["model.cre_projection.weight"].int()
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})


def cut(name: str) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        content = (model / name).read_bytes()
        (model / name).write_bytes(content[: len(content) // 2])

    return damage


def remove(name: str) -> Callable[[Path], None]:
    return lambda model: (model / name).unlink()


def set_in_config(name: str, value: object) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps(config | {name: value}))

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop_a_weight, "1 weights are missing.*cre_projection"),
        (reshape_a_weight, "cre_projection"),
        (add_a_weight, r"model\.extra"),
        (round_a_weight, r"model\.cre_projection\.weight is of I32, and no number with a fraction"),
        (cut("model.safetensors"), "cannot be loaded"),
        (cut("config.json"), "cannot be loaded"),
        (cut("tokenizer.json"), "tokenizer or processor"),
        (cut("genes.parquet"), "genes.parquet"),
        (cut("cres.parquet"), "cres.parquet"),
        (remove("model.safetensors"), "no file model.safetensors"),
        (remove("config.json"), "no file config.json"),
        (remove("tokenizer.json"), "no file tokenizer.json"),
        (remove("processor_config.json"), "no file processor_config.json"),
        (remove("genes.parquet"), "no file genes.parquet"),
        (set_in_config("model_type", "bert"), "of the type 'bert'"),
        (set_in_config("gene_pooling", "attention"), "gene_pooling='attention'"),
    ],
)
def test_a_damaged_folder_is_one_clear_error(model: Path, damage: Callable[[Path], None], message: str) -> None:
    """Also where nothing holds the files to their hashes."""
    damage(model)
    with pytest.raises(InputError, match=message):
        ExpressionPredictor.from_pretrained(model, device="cpu", force_companions=True)
    with pytest.raises(InputError):
        ExpressionPredictor.from_pretrained(model, device="cpu")


INDEX = "model.safetensors.index.json"


def in_shards(model: Path) -> dict[str, object]:
    """Two files of weights with an index, of a folder without hashes; the index' content."""
    set_in_config("written", None)(model)
    weights = load_file(model / "model.safetensors")
    shards = {
        "model-00001-of-00002.safetensors": list(weights)[:9],
        "model-00002-of-00002.safetensors": list(weights)[9:],
    }
    for name, names in shards.items():
        save_file({each: weights[each] for each in names}, model / name, metadata={"format": "pt"})
    (model / "model.safetensors").unlink()
    index = {"metadata": {}, "weight_map": {each: name for name, names in shards.items() for each in names}}
    (model / INDEX).write_text(json.dumps(index))
    return index


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"weight_map": {"a": 3}}', '{"weight_map": {"a": "../other/model.safetensors"}}']
)
def test_a_damaged_index_of_shards_is_one_clear_error(model: Path, content: str) -> None:
    in_shards(model)
    (model / INDEX).write_text(content)
    with pytest.raises(InputError, match=rf"{INDEX}: is damaged, or no index of weights"):
        ExpressionPredictor.from_pretrained(model, device="cpu")


def test_shards_load_and_a_missing_one_is_named(model: Path) -> None:
    in_shards(model)
    assert len(ExpressionPredictor.from_pretrained(model, device="cpu").gene_table) == 6
    (model / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError, match=r"no file model-00002-of-00002\.safetensors"):
        ExpressionPredictor.from_pretrained(model, device="cpu")


def test_a_whole_folder_loads(model: Path) -> None:
    assert len(ExpressionPredictor.from_pretrained(model, device="cpu").gene_table) == 6


def test_the_identity_follows_the_weights(model: Path) -> None:
    before = model_identity(model)
    assert before.name == "model"
    assert model_identity(model) == before
    add_a_weight(model)
    assert model_identity(model).sha256 != before.sha256


def test_a_path_that_is_neither_a_folder_nor_a_hub_id(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a model folder nor the id of a Hub repository"):
        ExpressionPredictor.from_pretrained(tmp_path / "none", device="cpu")

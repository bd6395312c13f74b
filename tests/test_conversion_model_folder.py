"""Model folders appear whole or not at all, and weights are written a shard at a time."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from variantformer_hf.conversion.model_folder import new_folder, write_weights
from variantformer_hf.errors import InputError


def test_a_folder_appears_when_the_block_ends_well(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a" / "model") as folder:
        (folder / "config.json").write_text("{}")
        assert not (tmp_path / "a" / "model").exists()
    assert [path.name for path in (tmp_path / "a" / "model").iterdir()] == ["config.json"]


def test_a_failed_block_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_folder(tmp_path / "model") as folder:
        (folder / "config.json").write_text("{}")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_full_folder_is_refused_and_an_empty_one_taken(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("x")
    with pytest.raises(InputError, match="already exists"), new_folder(tmp_path / "full"):
        pass
    (tmp_path / "empty").mkdir()
    with new_folder(tmp_path / "empty") as folder:
        (folder / "new").write_text("x")
    assert (tmp_path / "empty" / "new").exists()


def test_shards_hold_every_tensor_once_in_the_asked_dtype(tmp_path: Path) -> None:
    source = {f"layer.{i}.weight": torch.randn(50, 20, generator=torch.Generator().manual_seed(i)) for i in range(5)}
    expected = {name: tensor.to("meta", torch.bfloat16) for name, tensor in source.items()}
    opened = []

    def open_tensors() -> dict[str, torch.Tensor]:
        opened.append(1)
        return source

    paths = write_weights(tmp_path, expected, open_tensors, max_shard_size=5_000)
    assert len(paths) == 3 == len(opened)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    read = {name: load_file(tmp_path / file)[name] for name, file in index["weight_map"].items()}
    assert read.keys() == source.keys()
    assert sum(len(load_file(path)) for path in paths) == len(source)
    for name, tensor in source.items():
        assert torch.equal(read[name], tensor.to(torch.bfloat16))


def test_one_shard_needs_no_index(tmp_path: Path) -> None:
    (path,) = write_weights(tmp_path, {"a": torch.zeros(2, device="meta")}, lambda: {"a": torch.ones(2)}, "1GB")
    assert path.name == "model.safetensors"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.safetensors"]

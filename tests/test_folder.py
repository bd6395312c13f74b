"""Files that are written can be read by whom the umask lets read: all alike, weights too."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from small_model import SmallWorld

from variantformer_hf.conversion.model_folder import write_weights
from variantformer_hf.report.tables import write_embeddings, write_json
from variantformer_hf.zoo.variantformer.element_store import ElementStore


@pytest.fixture(params=[0o022, 0o027])
def mode(request: pytest.FixtureRequest) -> Iterator[int]:
    """A umask, and the mode of a file that is made under it."""
    before = os.umask(request.param)
    yield 0o666 & ~request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("size", ["1GB", "20KB"])
def test_all_files_of_a_model_folder(world: SmallWorld, tmp_path: Path, mode: int, size: str) -> None:
    found = modes(world.save(tmp_path / "model", max_shard_size=size))
    assert sum(name.endswith(".safetensors") for name in found) == (1 if size == "1GB" else 10)
    assert set(found.values()) == {mode}


def test_what_is_written_beside_models(tmp_path: Path, mode: int) -> None:
    tensors = {"a": torch.zeros(3), "b": torch.zeros(3)}
    write_weights(tmp_path, tensors, lambda: tensors, 12)
    write_embeddings(np.zeros((2, 3), dtype=np.float32), tmp_path / "embeddings.safetensors", {})
    write_json({}, tmp_path / "report.json")
    ElementStore(tmp_path / "store", "encoder", 4).add([bytes(16)], np.zeros((1, 4), dtype=np.float32))
    found = modes(tmp_path)
    assert len(found) == 7
    assert set(found.values()) == {mode}

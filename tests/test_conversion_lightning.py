"""Checkpoints are read as data: what Lightning stores is read, everything else is one clear error."""

import os
import pathlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from variantformer_hf.conversion.variantformer.lightning import read_lightning_checkpoint
from variantformer_hf.errors import CheckpointError

CONTENT = {"state_dict": {"weight": torch.arange(6.0)}, "hyper_parameters": {"emb_dim": 48}}


@pytest.fixture
def attribute_dict(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[dict]]:
    """Lightning's hyper-parameter dictionary under its own module path, without Lightning."""
    names = ["lightning", "lightning.fabric", "lightning.fabric.utilities", "lightning.fabric.utilities.data"]
    for name in names:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    kind = type("AttributeDict", (dict,), {"__module__": names[-1]})
    sys.modules[names[-1]].AttributeDict = kind  # type: ignore[attr-defined]
    yield kind


@pytest.mark.parametrize("zipped", [True, False])
def test_what_lightning_stores_is_read(tmp_path: Path, attribute_dict: type[dict], zipped: bool) -> None:
    path = tmp_path / "model.pth"
    content = CONTENT | {
        "hyper_parameters": attribute_dict(emb_dim=48, tissues=["a", "b"]),
        "callbacks": {"best": pathlib.PosixPath("/a/b.ckpt"), "score": np.float64(0.5), "low": np.float32(1)},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    read = read_lightning_checkpoint(path)
    assert read.hyper_parameters == {"emb_dim": 48, "tissues": ["a", "b"]}
    assert torch.equal(read.state_dict["weight"], torch.arange(6.0))
    assert set(read.training_state) == {"optimizer_states", "callbacks"}


def test_code_in_a_checkpoint_is_named_and_never_run(tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path}/run",)

    torch.save(CONTENT | {"hyper_parameters": {"emb_dim": Runs()}}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match=r"evil\.pth: holds something .*posix\.system"):
        read_lightning_checkpoint(tmp_path / "evil.pth")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"ID,NAME\n1,2\n", b"\x80\x02garbage"])
def test_other_files_are_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.pth: cannot be read as a PyTorch file"):
        read_lightning_checkpoint(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_incomplete_download_is_one_clear_error(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "model.pth"
    torch.save(CONTENT | {"more": torch.zeros(10_000)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(CheckpointError, match="incomplete"):
        read_lightning_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": torch.zeros(1)}, "it holds model"),
        ([1, 2], "it holds a list"),
        (CONTENT | {"state_dict": {"a": 1}}, "not a table of tensors"),
        (CONTENT | {"hyper_parameters": [1]}, "not a table"),
    ],
)
def test_foreign_content_is_one_clear_error(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(CheckpointError, match=message):
        read_lightning_checkpoint(tmp_path / "model.pth")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        read_lightning_checkpoint(tmp_path / "none.pth")

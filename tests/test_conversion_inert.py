"""Checkpoints that pickle a training set: tensors are read, nothing else is made, looked up or written."""

import collections
import os
import pickle
import struct
import sys
import tracemalloc
import types
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from variantformer_hf.conversion.inert_checkpoint import Inert, read_tensors_alone
from variantformer_hf.conversion.published_tensors import PublishedTensors
from variantformer_hf.errors import CheckpointError, InputError

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2, dtype=torch.bfloat16)}


class Writes:
    """What writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.fixture
def dataset(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A class of a training set, in a module called ``datasets``."""
    module = types.ModuleType("datasets")
    kind = type("Donors", (list,), {"__module__": "datasets"})
    module.Donors = kind  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    return kind


def training_set(kind: Any, folder: Path) -> dict[str, Any]:
    """Hyper-parameters with whatever a pickle can do to an object."""
    held = kind(["GTEX-DONOR", {"a": 1}])
    held.table = pd.DataFrame({"GTEX-DONOR": [0.25]})
    held.writes = Writes(folder / "was-run")
    return {
        "train": held,
        "kind": kind,
        "many": {Writes(folder / "was-run"), frozenset({1})},
        "counted": collections.Counter("aab"),
        "default": collections.defaultdict(kind, a=kind()),
        "path": folder,
        "array": np.arange(3),
        "scalar": np.float32(1),
        "function": os.getcwd,
        "method": held.append,
        "tensor": torch.zeros(3),
        "sparse": torch.zeros(3).to_sparse(),
        "module": torch.nn.Linear(2, 2),
    }


def test_everything_but_tensors_is_inert(tmp_path: Path, dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {
        "state_dict": collections.OrderedDict(WEIGHTS),
        "hyper_parameters": training_set(dataset, tmp_path),
        "epoch": 3,
    }
    torch.save(content, tmp_path / "w.ckpt")
    monkeypatch.setitem(sys.modules, "datasets", None)  # an import of it would fail
    read = PublishedTensors.read_alone(tmp_path / "w.ckpt")
    assert {name: tensor.dtype for name, tensor in read.tensors.items()} == {
        "a.weight": torch.float32,
        "a.bias": torch.bfloat16,
    }
    assert all(torch.equal(read.tensors[name], tensor) for name, tensor in WEIGHTS.items())
    assert list(read.dropped.values()) == [2]
    assert not (tmp_path / "was-run").exists()
    held = read_tensors_alone(tmp_path / "w.ckpt", "")["hyper_parameters"]
    assert {type(each) for name, each in held.items() if name != "tensor"} == {Inert}
    assert held["train"].__name__ == "datasets.Donors" and not hasattr(held["train"], "table")


def test_every_protocol_of_pickles_is_read(tmp_path: Path) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        torch.save({"state_dict": WEIGHTS, "h": Writes(tmp_path / "x")}, tmp_path / "w.ckpt", pickle_protocol=protocol)
        assert list(PublishedTensors.read_alone(tmp_path / "w.ckpt").tensors) == list(WEIGHTS)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (lambda folder: WEIGHTS | {"b": Writes(folder / "x")}, r"b is no tensor but a posix\.system"),
        (lambda folder: {Writes(folder / "x"): torch.ones(1)}, r"holds the key .*posix\.system.*no name of a tensor"),
        (lambda folder: Writes(folder / "x"), r"holds a posix\.system, no table of tensors"),
        (
            lambda folder: WEIGHTS | {"b": torch.eye(2).to_sparse()},
            r"b is no tensor but a torch\._utils\._rebuild_sparse",
        ),
        (lambda folder: {}, "holds no tensor"),
        (lambda folder: [1], "holds a list, no table of tensors"),
    ],
    ids=["value", "key", "all", "sparse", "empty", "list"],
)
def test_an_object_among_the_weights_is_refused_by_name(tmp_path: Path, state: Any, told: str) -> None:
    torch.save({"state_dict": state(tmp_path)}, tmp_path / "w.ckpt")
    with pytest.raises(CheckpointError, match=told) as error:
        PublishedTensors.read_alone(tmp_path / "w.ckpt")
    assert "\n" not in str(error.value) and not (tmp_path / "x").exists()


def test_an_attribute_of_a_table_does_not_replace_its_own(tmp_path: Path) -> None:
    table = collections.OrderedDict(WEIGHTS)
    vars(table)["keys"] = Writes(tmp_path / "x")
    torch.save({"state_dict": table}, tmp_path / "w.ckpt")
    assert list(PublishedTensors.read_alone(tmp_path / "w.ckpt").tensors) == list(WEIGHTS)


def test_tensors_are_views_of_the_file_and_shared_ones_stay_shared(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    torch.save({"state_dict": {"t": whole.T, "row": whole[1], "none": torch.empty(0)}}, tmp_path / "w.ckpt")
    found = PublishedTensors.read_alone(tmp_path / "w.ckpt").tensors
    assert torch.equal(found["t"], whole.T) and torch.equal(found["row"], whole[1]) and found["none"].shape == (0,)
    assert found["t"].untyped_storage().data_ptr() == found["row"].untyped_storage().data_ptr()


def test_a_file_of_the_older_kind_is_read_without_its_objects(tmp_path: Path) -> None:
    torch.save({"state_dict": WEIGHTS}, tmp_path / "w.ckpt", _use_new_zipfile_serialization=False)
    assert list(PublishedTensors.read_alone(tmp_path / "w.ckpt").tensors) == list(WEIGHTS)
    held = {"state_dict": WEIGHTS, "h": Writes(tmp_path / "x")}
    torch.save(held, tmp_path / "w.ckpt", _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match=r"posix\.system"):
        PublishedTensors.read_alone(tmp_path / "w.ckpt")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kept", [0, 5, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_one_line(tmp_path: Path, kept: float) -> None:
    torch.save({"state_dict": WEIGHTS, "more": torch.zeros(10_000)}, tmp_path / "w.ckpt")
    content = (tmp_path / "w.ckpt").read_bytes()
    (tmp_path / "w.ckpt").write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(CheckpointError, match=r"w\.ckpt: cannot be read as a PyTorch file: it is incomplete"):
        PublishedTensors.read_alone(tmp_path / "w.ckpt")
    with pytest.raises(InputError, match="no such file"):
        PublishedTensors.read_alone(tmp_path / "none.ckpt")


def rewritten(path: Path, changed: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    """The archive with other content of some members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, changed.get(name.partition("/")[2], content))


@pytest.mark.parametrize(
    ("changed", "compression"),
    [
        ({"data/0": b"\0" * 8}, zipfile.ZIP_STORED),
        ({"data/0": b"\0" * 23}, zipfile.ZIP_STORED),
        ({"data.pkl": b"garbage"}, zipfile.ZIP_STORED),
        ({"data.pkl": pickle.dumps(("storage", 1), 2)[:-1] + b"Q."}, zipfile.ZIP_STORED),
        ({"byteorder": b"big"}, zipfile.ZIP_STORED),
        ({}, zipfile.ZIP_DEFLATED),
    ],
    ids=["short", "odd", "no pickle", "no storage", "bytes", "compressed"],
)
def test_members_that_are_not_what_they_say_are_refused(
    tmp_path: Path, changed: dict[str, bytes], compression: int
) -> None:
    torch.save({"state_dict": {"w": torch.arange(6.0)}}, tmp_path / "w.ckpt")
    rewritten(tmp_path / "w.ckpt", {})
    assert torch.equal(PublishedTensors.read_alone(tmp_path / "w.ckpt").tensors["w"], torch.arange(6.0))
    rewritten(tmp_path / "w.ckpt", changed, compression)
    with pytest.raises(CheckpointError, match="cannot be read as a PyTorch file"):
        PublishedTensors.read_alone(tmp_path / "w.ckpt")


@pytest.mark.parametrize(
    "damaged",
    [b"\x80\x02}r" + struct.pack("<I", 2**22) + b".", b"\x80\x05\x96" + struct.pack("<Q", 2**26) + b"."],
    ids=["a place far out", "bytes that are not there"],
)
def test_a_number_in_a_damaged_file_is_no_memory(tmp_path: Path, damaged: bytes) -> None:
    torch.save({"state_dict": WEIGHTS}, tmp_path / "w.ckpt")
    rewritten(tmp_path / "w.ckpt", {"data.pkl": damaged})
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=r"holds no tensor|cannot be read"):
        PublishedTensors.read_alone(tmp_path / "w.ckpt")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000

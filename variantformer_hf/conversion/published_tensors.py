"""Tensors of a published checkpoint, read as data: PyTorch's files, Lightning's, and safetensors."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ..errors import UNREADABLE, CheckpointError, unreadable
from .inert_checkpoint import Inert, read_tensors_alone
from .torch_files import read_torch_file

_LONGEST_NAME = 100
_REMEDY = "Give the file with the model's weights, such as pytorch_model.bin."


@dataclass(frozen=True)
class PublishedTensors:
    """What a checkpoint holds.

    Attributes:
        path: the file.
        tensors: published name -> tensor.
        dropped: reason -> how many of the file's tensors or entries were left out by name.
    """

    path: Path
    tensors: Mapping[str, torch.Tensor]
    dropped: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> "PublishedTensors":
        """Read a file.

        Raises:
            CheckpointError: it is missing, damaged, holds an object that is no tensor, or no table of tensors.
        """
        path = Path(path)
        if _is_safetensors(path):
            try:
                found = load_file(path)
                _check_names_once(path)
                return cls(path, _checked(found, path))
            except CheckpointError:
                raise
            except (SafetensorError, OSError, ValueError, AttributeError, KeyError) as error:
                raise CheckpointError(
                    "is cut off or damaged", file=path, remedy="Compare its size with the source and fetch it again."
                ) from error
        content = read_torch_file(path, _REMEDY)
        dropped: dict[str, int] = {}
        if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
            dropped = {f"{entry} of the training run": 1 for entry in content if entry != "state_dict"}
            content = content["state_dict"]
        return cls(path, _checked(content, path), dropped)

    @classmethod
    def read_alone(cls, path: str | Path, entry: str = "state_dict") -> "PublishedTensors":
        """Read the weights of a training run's file whose other entries may be anything, and are inert.

        Args:
            path: the file.
            entry: which holds the weights; a file without it is a table of tensors itself.

        Raises:
            CheckpointError: as for :meth:`read`; of the weights, an object that is no tensor.
        """
        path = Path(path)
        if _is_safetensors(path):
            return cls.read(path)
        content = read_tensors_alone(path, _REMEDY)
        if not isinstance(content, Mapping) or entry not in content:
            return cls(path, _checked(content, path))
        others = len(content) - 1
        dropped = {"entries of the training run beside its weights, which were not read": others} if others else {}
        return cls(path, _checked(content[entry], path), dropped)

    def below(self, anchor: str, prefixes: Iterable[str]) -> "PublishedTensors":
        """Without what stands before all names: the first of ``prefixes`` under which there is ``anchor``.

        Raises:
            CheckpointError: there is no such tensor, or a name has another beginning.
        """
        prefix = next((each for each in prefixes if f"{each}{anchor}" in self.tensors), None)
        if prefix is None:
            raise CheckpointError(
                f"holds no tensor {anchor}: it is of another family (its first is {shown(next(iter(self.tensors)))})",
                file=self.path,
                remedy="Name the --kind of this file.",
            )
        for name in self.tensors:
            if not name.startswith(prefix):
                raise unknown_tensor(name, self.path)
        return PublishedTensors(
            self.path, {name.removeprefix(prefix): tensor for name, tensor in self.tensors.items()}, self.dropped
        )

    def without_copies(self, copies: Mapping[str, str], reason: str) -> "PublishedTensors":
        """Without tensors that are saved under two names.

        Args:
            copies: name of a copy -> name of what it copies.
            reason: what they are, for the summary.

        Raises:
            CheckpointError: one is not equal to what it copies, or that is missing.
        """
        for copy, original in copies.items():
            if original not in self.tensors:
                raise CheckpointError(f"{copy} copies {original}, which is missing", file=self.path)
            if not torch.equal(self.tensors[copy], self.tensors[original]):
                raise CheckpointError(
                    f"{copy} is not equal to {original}, which it copies",
                    file=self.path,
                    remedy="The file was changed in one place only: fetch it again.",
                )
        return self.without(copies, reason)

    def without(self, names: Collection[str], reason: str) -> "PublishedTensors":
        """Without tensors of some names.

        Args:
            names: of tensors that are there.
            reason: what they are, for the summary.
        """
        kept = {name: tensor for name, tensor in self.tensors.items() if name not in names}
        dropped = {**self.dropped, **({reason: len(names)} if names else {})}
        return PublishedTensors(self.path, kept, dropped)

    def shape(self, name: str, axes: int) -> tuple[int, ...]:
        """Shape of a tensor that must be there, with so many axes.

        Raises:
            CheckpointError: it is missing, or has another number of axes.
        """
        if name not in self.tensors:
            raise CheckpointError(f"the tensor {name} is missing", file=self.path)
        found = tuple(self.tensors[name].shape)
        if len(found) != axes:
            raise CheckpointError(f"{name} has the shape {found}, {axes} axes are expected", file=self.path)
        return found


def unknown_tensor(name: str, path: Path) -> CheckpointError:
    """The error of a tensor that the architecture does not have."""
    return CheckpointError(
        f"holds a tensor that this architecture does not have: {shown(name)}",
        file=path,
        remedy="Only the published layout of this kind can be converted: is it of another --kind?",
    )


def shown(name: str) -> str:
    """A tensor's name in a message: as it is, or in quotes what is empty, long or holds what is not printed."""
    if name and name.isprintable() and len(name) <= _LONGEST_NAME:
        return name
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}...")


def _kind(value: Any) -> str:
    """Name of a value's class."""
    return shown(value.__name__ if isinstance(value, Inert) else type(value).__name__)


def _checked(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """A table of tensors that are whole and can be read as numbers.

    Raises:
        CheckpointError: it is none, or one is none.
    """
    if not isinstance(content, Mapping) or not content:
        what = "no tensor" if isinstance(content, Mapping) else f"a {_kind(content)}, no table of tensors"
        raise CheckpointError(f"holds {what}", file=path, remedy=_REMEDY)
    for name, value in content.items():
        if not isinstance(name, str):
            key = _kind(name) if isinstance(name, Inert) else f"{name!r:.60}"
            raise CheckpointError(f"holds the key {key}, no name of a tensor", file=path, remedy=_REMEDY)
        if not isinstance(value, torch.Tensor):
            raise CheckpointError(f"{shown(name)} is no tensor but a {_kind(value)}", file=path, remedy=_REMEDY)
        if value.layout != torch.strided or value.is_quantized or value.is_meta:
            kind = "quantized" if value.is_quantized else "without its numbers" if value.is_meta else "sparse"
            raise CheckpointError(
                f"{shown(name)} is {kind}", file=path, remedy="Save it as a plain tensor of numbers, and convert that."
            )
    return dict(content)


def _check_names_once(path: Path) -> None:
    """Refuse a safetensors file whose header names a tensor twice: of which only one would be read.

    Raises:
        CheckpointError: it does.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            raise CheckpointError(f"names the tensor {shown(twice)} twice", file=path, remedy=_REMEDY)
        return dict(pairs)

    with path.open("rb") as file:
        json.loads(file.read(int.from_bytes(file.read(8), "little")), object_pairs_hook=once)


def _is_safetensors(path: Path) -> bool:
    """Whether a file is called so, or begins so: the length of a header, and the header, which is JSON."""
    try:
        with path.open("rb") as file:
            return path.suffix == ".safetensors" or file.read(9)[8:] == b"{"
    except UNREADABLE as error:
        raise unreadable(path, error, _REMEDY) from None

"""Tensors of a published checkpoint, read as data: PyTorch's files, Lightning's, and safetensors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ..errors import UNREADABLE, CheckpointError, unreadable
from .torch_files import read_torch_file

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
                return cls(path, load_file(path))
            except (SafetensorError, OSError, ValueError) as error:
                raise CheckpointError(
                    "is cut off or damaged", file=path, remedy="Compare its size with the source and fetch it again."
                ) from error
        content = read_torch_file(path, _REMEDY)
        dropped: dict[str, int] = {}
        if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
            dropped = {f"{entry} of the training run": 1 for entry in content if entry != "state_dict"}
            content = content["state_dict"]
        if not isinstance(content, Mapping) or not content:
            raise CheckpointError(f"holds a {type(content).__name__}, no table of tensors", file=path, remedy=_REMEDY)
        for name, value in content.items():
            if not isinstance(value, torch.Tensor):
                raise CheckpointError(f"{name} is no tensor but a {type(value).__name__}", file=path, remedy=_REMEDY)
        return cls(path, dict(content), dropped)

    def below(self, anchor: str, prefixes: Iterable[str]) -> "PublishedTensors":
        """Without what stands before all names: the first of ``prefixes`` under which there is ``anchor``.

        Raises:
            CheckpointError: there is no such tensor, or a name has another beginning.
        """
        prefix = next((each for each in prefixes if f"{each}{anchor}" in self.tensors), None)
        if prefix is None:
            raise CheckpointError(
                f"holds no tensor {anchor}: it is of another family (its first is {next(iter(self.tensors))})",
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
        kept = {name: tensor for name, tensor in self.tensors.items() if name not in copies}
        dropped = {**self.dropped, **({reason: len(copies)} if copies else {})}
        return PublishedTensors(self.path, kept, dropped)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor that must be there.

        Raises:
            CheckpointError: it is missing.
        """
        if name not in self.tensors:
            raise CheckpointError(f"the tensor {name} is missing", file=self.path)
        return tuple(self.tensors[name].shape)


def unknown_tensor(name: str, path: Path) -> CheckpointError:
    """The error of a tensor that the architecture does not have."""
    return CheckpointError(
        f"holds a tensor that this architecture does not have: {name}",
        file=path,
        remedy="Only the published layout of this kind can be converted: is it of another --kind?",
    )


def _is_safetensors(path: Path) -> bool:
    """Whether a file is called so, or begins so: the length of a header, and the header, which is JSON."""
    try:
        with path.open("rb") as file:
            return path.suffix == ".safetensors" or file.read(9)[8:] == b"{"
    except UNREADABLE as error:
        raise unreadable(path, error, _REMEDY) from None

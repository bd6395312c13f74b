"""Reading Lightning checkpoints as data: no code in the file is ever run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...errors import CheckpointError
from ..torch_files import read_torch_file

_TRAINING_STATE = ("optimizer_states", "lr_schedulers", "callbacks", "loops")


@dataclass(frozen=True)
class LightningCheckpoint:
    """The two parts of a Lightning checkpoint that describe a model.

    Attributes:
        path: the file.
        hyper_parameters: the constructor's arguments as saved.
        state_dict: name -> tensor, memory-mapped from the file where its format allows it.
        training_state: names of the entries that only a continued training run needs (optimizer states and so on).
    """

    path: Path
    hyper_parameters: dict[str, Any]
    state_dict: dict[str, torch.Tensor]
    training_state: tuple[str, ...] = ()


def read_lightning_checkpoint(path: str | Path) -> LightningCheckpoint:
    """Read a Lightning checkpoint with ``weights_only=True``; tensors stay on disk until they are touched.

    Raises:
        CheckpointError: the file is missing, corrupt, holds a class that is not allowed, or is no Lightning checkpoint.
    """
    path = Path(path)
    content = read_torch_file(path, "Give the path of the released .pth file.")
    return _checked(path, content)


def _checked(path: Path, content: object) -> LightningCheckpoint:
    keys = sorted(map(str, content)) if isinstance(content, Mapping) else []
    if not isinstance(content, Mapping) or "state_dict" not in content or "hyper_parameters" not in content:
        found = f"it holds {', '.join(keys[:5])}" if keys else f"it holds a {type(content).__name__}"
        raise CheckpointError(
            f"is not a Lightning checkpoint: state_dict and hyper_parameters are expected, {found}",
            file=path,
            remedy="Give the released checkpoint (v4_*.pth) or encoder file (*tokenizer*checkpoint.pth).",
        )
    state, hyper_parameters = content["state_dict"], content["hyper_parameters"]
    if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError("its state_dict is not a table of tensors", file=path)
    if not isinstance(hyper_parameters, Mapping):
        raise CheckpointError("its hyper_parameters are not a table", file=path)
    training_state = tuple(key for key in _TRAINING_STATE if content.get(key))
    return LightningCheckpoint(path, dict(hyper_parameters), dict(state), training_state)

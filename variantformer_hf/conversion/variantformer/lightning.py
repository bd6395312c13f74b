"""Reading Lightning checkpoints as data: no code in the file is ever run."""

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import torch
from torch.serialization import safe_globals

from ...errors import CheckpointError

_ATTRIBUTE_DICTS = [
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
]

_TRAINING_STATE = ("optimizer_states", "lr_schedulers", "callbacks", "loops")


def _allowed_globals() -> list[Any]:
    """What Lightning itself stores beside tensors: hyper-parameters, callback states with paths and scores."""
    numpy_scalar = np.float64(0).__reduce__()[0]
    return [
        # Lightning's dictionary of hyper-parameters is a dict with attribute access: a plain dict holds the same.
        *((dict, name) for name in _ATTRIBUTE_DICTS),
        PosixPath,
        (PosixPath, "pathlib._local.PosixPath"),
        np.dtype,
        np.dtypes.Float32DType,
        np.dtypes.Float64DType,
        np.dtypes.Int64DType,
        numpy_scalar,
        (numpy_scalar, "numpy.core.multiarray.scalar"),
    ]


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
    if not path.is_file():
        raise CheckpointError("no such file", file=path, remedy="Give the path of the released .pth file.")
    is_archive = zipfile.is_zipfile(path)
    try:
        with safe_globals(_allowed_globals()):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, OSError, AttributeError) as error:
        if is_archive and isinstance(error, pickle.UnpicklingError):
            raise CheckpointError(
                f"holds something that is neither tensors nor plain values ({_refused(error)})",
                file=path,
                remedy="Only files that load without running code are read: "
                "save state_dict and hyper_parameters alone where you trust the file.",
            ) from error
        raise CheckpointError(
            "cannot be read as a PyTorch file: it is incomplete or something else",
            file=path,
            remedy="Compare its size with the source and fetch it again.",
        ) from error
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


def _refused(error: BaseException) -> str:
    """The part of torch's long message that names what it would not load."""
    found = re.search(r"GLOBAL (\S+)|Unsupported (?:class|operand) (.+)", str(error))
    return " ".join(part for part in found.groups() if part) if found else "not readable with weights_only"

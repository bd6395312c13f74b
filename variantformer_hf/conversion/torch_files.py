"""PyTorch files read as data: no code in them is ever run."""

import pickle
import re
import warnings
import zipfile
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import torch
from torch.serialization import safe_globals

from ..errors import CheckpointError

_ATTRIBUTE_DICTS = [
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
]


def read_torch_file(path: Path, remedy: str) -> Any:
    """What a PyTorch file holds, with ``weights_only=True``; tensors stay on disk until they are touched.

    Args:
        path: the file.
        remedy: where there is none.

    Raises:
        CheckpointError: it is missing, corrupt, or holds a class that is not allowed, which is named.
    """
    if not path.is_file():
        raise CheckpointError("no such file", file=path, remedy=remedy)
    is_archive = zipfile.is_zipfile(path)
    try:
        with safe_globals(_allowed_globals()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles by other protocols, before it says that they cannot be read
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_archive)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, OSError, AttributeError) as error:
        refused = _refused(error) if isinstance(error, pickle.UnpicklingError) else ""
        if refused:
            raise CheckpointError(
                f"holds something that is neither tensors nor plain values ({refused})",
                file=path,
                remedy="Only files that load without running code are read: "
                "save state_dict and hyper_parameters alone where you trust the file.",
            ) from error
        raise damaged_torch_file(path) from error


def damaged_torch_file(path: Path) -> CheckpointError:
    """The error of a file that is no whole PyTorch file."""
    return CheckpointError(
        "cannot be read as a PyTorch file: it is incomplete or something else",
        file=path,
        remedy="Compare its size with the source and fetch it again.",
    )


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


def _refused(error: BaseException) -> str:
    """The part of torch's long message that names what it would not load; "" where it names nothing."""
    found = re.search(r"GLOBAL (\S+)|Unsupported class (.+)", str(error))
    return " ".join(part for part in found.groups() if part) if found else ""

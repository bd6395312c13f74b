"""Where a model computes, and in what."""

import os

import torch

from ..errors import InputError

PRECISIONS = ("auto", "float32", "bfloat16", "released")


def choose_device(device: str) -> torch.device:
    """``auto`` -> cuda where there is one, else mps, else cpu; any other text is a torch device name.

    Raises:
        InputError: no such device here.
    """
    if device in ("auto", "cuda") and torch.cuda.is_available():
        # Of several processes on a machine each takes its own.
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    if device == "auto":
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kind = device.partition(":")[0]
    if not available.get(kind, False):
        raise InputError(
            f"there is no device {device!r} here",
            remedy=f"Choose auto or one of {', '.join(name for name, there in available.items() if there)}.",
        )
    return torch.device(device)


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Type of the weights: ``auto`` -> bfloat16 on cuda, else float32.

    Raises:
        InputError: no such precision.
    """
    if precision not in PRECISIONS:
        raise InputError(f"there is no precision {precision!r}", remedy=f"Choose one of {', '.join(PRECISIONS)}.")
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.float32 if precision == "float32" else torch.bfloat16

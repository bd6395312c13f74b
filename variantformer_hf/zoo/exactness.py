"""Products in full float32: what small differences between predictions need, whatever the process has set."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def exact_products() -> Iterator[None]:
    """Matrix products and convolutions of float32 without TF32 or bfloat16; afterwards as before. Also a decorator."""
    try:
        before: str | None = torch.get_float32_matmul_precision()
        backends: list[tuple[Any, str]] = []
    except RuntimeError:  # it was set backend by backend, which PyTorch 2.9 and later cannot say in one word
        before = None
        matmuls: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
        backends = [(each, each.fp32_precision) for each in matmuls]
    torch.set_float32_matmul_precision("highest")
    convolutions = _convolution_switches()
    for switch, name, exact, _ in convolutions:
        setattr(switch, name, exact)
    try:
        yield
    finally:
        for switch, name, _, was in convolutions:
            setattr(switch, name, was)
        if before is not None:
            torch.set_float32_matmul_precision(before)
        for backend, precision in backends:
            backend.fp32_precision = precision


def _convolution_switches() -> list[tuple[Any, str, Any, Any]]:
    """Where convolutions are told how exact they are: object, name, the exact value, and the one that it has.

    cuDNN takes TF32 unless it is told otherwise.
    """
    backends: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.mkldnn)
    new: list[Any] = [each.conv for each in backends if hasattr(getattr(each, "conv", None), "fp32_precision")]
    if new:
        return [(each, "fp32_precision", "ieee", each.fp32_precision) for each in new]
    return [(torch.backends.cudnn, "allow_tf32", False, torch.backends.cudnn.allow_tf32)]

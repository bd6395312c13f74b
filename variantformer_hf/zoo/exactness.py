"""Products in full float32: what small differences between predictions need, whatever the process has set."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def exact_products() -> Iterator[None]:
    """Matrix products of float32 without TF32 or bfloat16; afterwards as before. Also a decorator.

    The models have no convolutions, so that cuDNN's own switch is not looked at.
    """
    try:
        before: str | None = torch.get_float32_matmul_precision()
        backends: list[tuple[Any, str]] = []
    except RuntimeError:  # it was set backend by backend, which PyTorch 2.9 and later cannot say in one word
        before = None
        matmuls: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)  # type: ignore[attr-defined]
        backends = [(each, each.fp32_precision) for each in matmuls]
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        if before is not None:
            torch.set_float32_matmul_precision(before)
        for backend, precision in backends:
            backend.fp32_precision = precision

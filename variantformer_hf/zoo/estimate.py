"""What a run will take, before it begins: work, time and memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

# The part of the speed of plain matrix products that models reach (benchmarks/speed/model.py).
SHARE_OF_PEAK = 0.5
_MATMUL = {"cpu": 1_024}
_MATMUL_ON_GPU = 8_192


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """A run before it begins.

    Attributes:
        genes, people, tissues: what is predicted.
        cres: cCREs of a gene, mean; 0 for a model that reads none.
        batches: how many times the streams run.
        cres_to_encode: cCREs that are encoded, repeats left out; those in a store are counted too.
        flops: multiply-adds of all of it, counted as two.
        seconds: at half the speed of matrix products that was measured; without reading files.
        memory: bytes on the device, weights included; of a model without an estimate of its own the weights alone.
    """

    genes: int
    people: int
    tissues: int
    cres: float
    batches: int
    cres_to_encode: int
    flops: float
    seconds: float
    memory: float

    def __str__(self) -> str:
        to_encode = f"{self.cres_to_encode:,} cCREs to encode, " if self.cres else ""
        return (
            f"{self.genes:,} genes x {self.people:,} people x {self.tissues} tissues: {self.batches:,} batches, "
            f"{to_encode}{self.flops / 1e12:,.3g} TFLOP, about {_duration(self.seconds)} "
            f"and {_size(self.memory)} for model and activations"
        )


def matmul_speed(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of a plain matrix product, measured in about a tenth of a second."""
    size = _MATMUL.get(device.type, _MATMUL_ON_GPU)
    left, right = (torch.ones(size, size, device=device, dtype=dtype) for _ in range(2))
    best = 0.0
    for _ in range(4):
        start = time.perf_counter()
        product = left @ right
        product[0, 0].item()  # waits until it is there
        best = max(best, 2.0 * size**3 / (time.perf_counter() - start))
    return best


@cache
def known_matmul_speed(device: torch.device, dtype: torch.dtype) -> float:
    """:func:`matmul_speed`, measured once a process: what it takes is more than a small run does."""
    return matmul_speed(device, dtype)


def estimate_of_one(
    network: torch.nn.Module,
    run_one: Callable[[], None],
    *,
    n_genes: int,
    n_people: int,
    n_outputs: int,
    n_processes: int,
) -> RunEstimate:
    """Estimate a run from one gene.

    Args:
        network: the model's.
        run_one: sends one gene through it.
        n_genes, n_people, n_outputs: how many.
        n_processes: processes that share the run.
    """
    with FlopCounterMode(display=False) as counter:
        run_one()
    flops = float(counter.get_total_flops()) * n_genes * n_people
    weights = sum(each.numel() * each.element_size() for each in network.parameters())
    first = next(network.parameters())
    return RunEstimate(
        genes=n_genes,
        people=n_people,
        tissues=n_outputs,
        cres=0.0,
        batches=n_genes * n_people,
        cres_to_encode=0,
        flops=flops,
        seconds=flops / (SHARE_OF_PEAK * known_matmul_speed(first.device, first.dtype)) / n_processes,
        memory=float(weights),
    )


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 2**30:,.1f} GB" if n_bytes > 2**30 else f"{n_bytes / 2**20:,.0f} MB"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.2g} min" if seconds < 6_000 else f"{seconds / 3600:.3g} h"

"""Weights that are a formula of a tensor's name and an element's index: what an oracle ran with need not be stored.

The same code makes them for the oracle (``oracles/NAME/make_fixture.py``) and for the model here. It needs NumPy alone.
"""

import zlib
from collections.abc import Mapping

import numpy as np

_GOLDEN, _MIX_1, _MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Float32 numbers from -1 to 1, by the name of a tensor and the index of an element (splitmix64)."""
    count = int(np.prod(shape, dtype=np.int64))
    with np.errstate(over="ignore"):
        mixed = np.arange(count, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(zlib.crc32(name.encode()) << 20)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_MIX_1)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_MIX_2)
        mixed ^= mixed >> np.uint64(31)
    numbers = (mixed >> np.uint64(40)).astype(np.float32) / np.float32(2**23) - np.float32(1)
    return numbers.reshape(shape)


def formula_weights(
    shapes: Mapping[str, tuple[int, ...]], scales: Mapping[str, float] | None = None
) -> dict[str, np.ndarray]:
    """Name -> tensor, of sizes that keep a network's activations near 1.

    Args:
        shapes: name -> shape, by the oracle's names; what BatchNorm keeps is told by its name.
        scales: part of a name -> what such tensors are multiplied by.
    """
    return {name: _tensor(name, tuple(shape), scales or {}) for name, shape in shapes.items()}


def _tensor(name: str, shape: tuple[int, ...], scales: Mapping[str, float]) -> np.ndarray:
    if name.endswith("num_batches_tracked"):
        return np.array(7, dtype=np.int64)
    numbers = uniform(name, shape)
    scale = next((number for part, number in scales.items() if part in name), 1.0)
    if name.endswith("running_var"):
        return np.float32(1) + np.float32(0.5) * numbers
    if len(shape) > 1:
        fan_in = max(1, int(np.prod(shape[1:])))
        return numbers * np.float32(scale * (3 / fan_in) ** 0.5)
    if name.endswith("weight"):
        return np.float32(1) + np.float32(0.3 * scale) * numbers
    return np.float32(0.3 * scale) * numbers


def one_hot(name: str, batch: int, length: int) -> np.ndarray:
    """(batch, length, 4) float32 of random bases, some of them halves of two."""
    first, second = (np.floor((uniform(f"{name} {part}", (batch, length)) + 1) * 2).astype(int) for part in (1, 2))
    bases = np.eye(4, dtype=np.float32)
    mixed = uniform(f"{name} mixed", (batch, length)) > 0.8
    return np.where(mixed[..., None], (bases[first] + bases[second]) / 2, bases[first])

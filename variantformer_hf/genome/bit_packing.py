"""Small numbers in few bits: 1, 2, 4 or 8 a number, the first one in the lowest bits of a byte."""

import numpy as np

_BYTES = np.arange(256, dtype=np.uint8)
# Of each byte, what is in it.
_UNPACKED = {
    width: np.stack([_BYTES >> shift & ((1 << width) - 1) for shift in range(0, 8, width)], axis=1)
    for width in (1, 2, 4)
}


def packed(values: np.ndarray, width: int) -> np.ndarray:
    """Numbers along the last axis, packed.

    Args:
        values: (..., n) uint8, each below 2 to the power ``width``.
        width: 1, 2, 4 or 8 bits.

    Returns:
        (..., ceil(n * width / 8)) uint8.
    """
    in_a_byte = 8 // width
    if in_a_byte == 1:
        return values
    missing = -values.shape[-1] % in_a_byte
    if missing:
        values = np.concatenate([values, np.zeros((*values.shape[:-1], missing), np.uint8)], axis=-1)
    if width == 1:
        return np.packbits(values, axis=-1, bitorder="little")
    result = values[..., ::in_a_byte].copy()
    for place in range(1, in_a_byte):
        result |= values[..., place::in_a_byte] << (place * width)
    return result


def unpacked(content: np.ndarray, width: int) -> np.ndarray:
    """(..., n * 8 / width) uint8 numbers of (..., n) packed bytes; behind the last one there may be zeros."""
    if width == 8:
        return content
    return _UNPACKED[width][content].reshape(*content.shape[:-1], -1)


def n_bytes(length: int, width: int) -> int:
    """Bytes of some packed numbers."""
    return -(-length * width // 8)


def bytes_with(first: int, last: int, width: int) -> tuple[int, int, int]:
    """Where numbers [first, last) are: the first of the bytes, how many, and how many numbers to skip in the first."""
    begin = first * width // 8
    return begin, n_bytes(last, width) - begin, first - begin * 8 // width

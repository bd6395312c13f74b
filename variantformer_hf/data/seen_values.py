"""Which values of a table came before: a bit for each place of three numbers, such as donor, tissue and gene."""

import numpy as np

_BITS = 8
# Bits that are set in each byte.
_COUNTS = np.array([byte.bit_count() for byte in range(256)], dtype=np.int64)


class SeenValues:
    """Places that were seen. It grows as the numbers do.

    Attributes:
        added: how many were added, the same again among them.
    """

    def __init__(self) -> None:
        self.added = 0
        self._bytes = np.zeros((1, 1, 1), dtype=np.uint8)

    @property
    def has_doubled(self) -> bool:
        """Whether a place was added twice."""
        return sum(int(_COUNTS[part].sum()) for part in self._bytes) != self.added

    def add(self, *place: np.ndarray) -> None:
        """Note places.

        Args:
            place: three arrays (n,) of numbers from 0.
        """
        if not len(place[0]):
            return
        self._grow([int(numbers.max()) + 1 for numbers in place])
        byte, bit = self._at(place)
        flat = self._bytes.reshape(-1)
        for number in range(_BITS):  # of one bit it does not matter that a byte is there twice
            flat[byte[bit == number]] |= np.uint8(1 << number)
        self.added += len(byte)

    def again(self, *place: np.ndarray) -> np.ndarray:
        """(n,) whether each was added before, or stands further up among these."""
        self._grow([int(numbers.max(initial=-1)) + 1 for numbers in place])
        byte, bit = self._at(place)
        first = np.zeros(len(byte), dtype=bool)
        first[np.unique(byte * _BITS + bit, return_index=True)[1]] = True
        return ~first | ((self._bytes.reshape(-1)[byte] >> bit) & 1).astype(bool)

    def _at(self, place: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        first, second, third = (numbers.astype(np.int64) for numbers in place)
        _, width, depth = self._bytes.shape
        return (first * width + second) * depth + third // _BITS, (third % _BITS).astype(np.uint8)

    def _grow(self, least: list[int]) -> None:
        """Make room for numbers below ``least``, each side twice as long at once."""
        wanted = [least[0], least[1], -(-least[2] // _BITS)]
        old = self._bytes.shape
        new = [have if have >= want else max(want, 2 * have) for have, want in zip(old, wanted, strict=True)]
        if tuple(new) != old:
            larger = np.zeros(new, dtype=np.uint8)
            larger[: old[0], : old[1], : old[2]] = self._bytes
            self._bytes = larger

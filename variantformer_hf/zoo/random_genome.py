"""A reference genome of random bases, as long as any: for models to be tried on without a FASTA."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..genome.reference import ReferenceGenome

_LENGTH = 2**31
_BLOCK = 4_096


class RandomGenome(ReferenceGenome):
    """Random bases on every contig, the same ones each time, made where they are read.

    Args:
        contigs: names of the contigs.
    """

    def __init__(self, contigs: Iterable[str]) -> None:
        self.path = Path("random bases")
        self.contigs = dict.fromkeys(contigs, _LENGTH)

    def sequence(self, chrom: str, start: int, end: int) -> str:
        """Bases of [start, end), see :class:`ReferenceGenome`."""
        return self.array(chrom, start, end).tobytes().decode("ascii")

    def array(self, chrom: str, start: int, end: int) -> np.ndarray:
        """As :meth:`sequence`, as uint8 characters."""
        end = min(end, self.contigs[chrom])
        if start >= end:
            return np.zeros(0, dtype=np.uint8)
        letters = np.frombuffer(b"ACGT", dtype=np.uint8)
        blocks = range(start // _BLOCK, (end - 1) // _BLOCK + 1)
        bases = np.concatenate([np.random.default_rng(block).choice(letters, _BLOCK) for block in blocks])
        first = start - blocks.start * _BLOCK
        return bases[first : first + end - start]

    def close(self) -> None:
        """Nothing is open."""

"""Vectors of the reference's cCREs, kept on disk."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Precomputed:
    """What was done.

    Attributes:
        folder: of the store.
        cres: cCREs of all genes, on the strands on which genes read them.
        encoded: those that this process encoded; the others were there, or alike.
        size: bytes of the store.
    """

    folder: Path
    cres: int
    encoded: int
    size: int

"""DNA as one-hot numbers, four a base in the order A, C, G, T: what convolutional trunks read."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import DTypeLike

BASES = "ACGT"
# Which bases an ambiguity letter stands for; N is any, and how it is written is a model's own.
CODES: Mapping[str, str] = {
    **{"R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
    **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG"},
}
Letters = str | bytes | bytearray | memoryview | np.ndarray


def one_hot(sequence: Letters, *, n: float = 0.25, iupac: bool = False, dtype: DTypeLike = np.float32) -> np.ndarray:
    """One-hot numbers of a sequence.

    Lower case counts as upper case. What is neither a base nor a code that is read reads as N; :func:`other_letters`
    counts it.

    Args:
        sequence: (L,) letters; or an array of them, (..., L) uint8 of ASCII codes.
        n: what N writes into each of the four channels: 0.25 (Variformer) or 0 (Enformer, Borzoi, UKBioFormer).
        iupac: the other ambiguity letters write the shares of their bases (R: half A, half G) instead of N.
        dtype: of the numbers; of an integer type only ``n`` = 0 without codes is exact, and only that is allowed.

    Returns:
        (..., L, 4), channels A, C, G, T.

    Raises:
        ValueError: the sequence is no ASCII, or an integer type is asked for with what it does not hold.
    """
    return np.take(letter_table(n=n, iupac=iupac, dtype=dtype), letter_codes(sequence), axis=0)


def mean_one_hot(
    haplotypes: np.ndarray, *, n: float = 0.25, iupac: bool = False, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """The mean of the one-hot numbers of haplotypes: what a person who is read as one sequence is.

    A base that both haplotypes have is 1, a heterozygous site is a half of each base. Which haplotype comes first does
    not matter.

    Args:
        haplotypes: (..., 2, L) uint8 of ASCII codes.
        n, iupac, dtype: as of :func:`one_hot`; not of an integer type.

    Returns:
        (..., L, 4).

    Raises:
        ValueError: the type is an integer one.
    """
    if np.issubdtype(dtype, np.integer):
        raise ValueError(f"{np.dtype(dtype)} holds no halves")
    half = letter_table(n=n, iupac=iupac, dtype=dtype) / np.array(2, dtype=dtype)
    codes = letter_codes(haplotypes)
    found = np.empty((*codes.shape[:-2], codes.shape[-1], 4), dtype=dtype)
    # A person at a time: what two haplotypes take between is a fraction of what all people take.
    for person in np.ndindex(codes.shape[:-2]):
        first, second = codes[person]
        np.take(half, first, axis=0, out=found[person])
        found[person] += half[second]
    return found


def letter_codes(sequence: Letters) -> np.ndarray:
    """(..., L) uint8 ASCII codes of a sequence, as they are.

    Raises:
        ValueError: the sequence is no ASCII, or an array of something else than uint8.
    """
    if isinstance(sequence, np.ndarray):
        if sequence.dtype != np.uint8:
            raise ValueError(f"letters are uint8 codes, not {sequence.dtype}")
        return sequence
    return np.frombuffer(sequence.encode("ascii") if isinstance(sequence, str) else sequence, dtype=np.uint8)


def letter_table(*, n: float = 0.25, iupac: bool = False, dtype: DTypeLike = np.float32) -> np.ndarray:
    """(256, 4) what each ASCII code writes, see :func:`one_hot`.

    Raises:
        ValueError: an integer type is asked for with what it does not hold.
    """
    if np.issubdtype(dtype, np.integer) and (n != int(n) or iupac):
        raise ValueError(f"{np.dtype(dtype)} holds no shares: n = {n}, iupac = {iupac}")
    table = np.full((256, 4), n, dtype=dtype)
    for letter, bases in {**dict(zip(BASES, BASES, strict=True)), **(CODES if iupac else {})}.items():
        for each in (letter, letter.lower()):
            table[ord(each)] = [(base in bases) / len(bases) for base in BASES]
    return table


def other_letters(sequence: Letters, *, iupac: bool = False) -> int:
    """How many letters of a sequence are no A, C, G, T or N of either case, nor a code that is read: they read as N."""
    known = np.zeros(256, dtype=bool)
    for letter in BASES + "N" + "".join(CODES if iupac else ""):
        known[[ord(letter), ord(letter.lower())]] = True
    counts = np.bincount(letter_codes(sequence).ravel(), minlength=256)
    return int(counts[~known].sum())

"""The calls of a VCF's lines, of all samples at a time: those that are not 0/0."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .record_columns import LONGEST_CALL, colons_in
from .sample_names import FIXED_COLUMNS
from .variants import MOST_ALLELES, VariantFile, genotype_of

_COLON, _DOT, _SLASH, _BAR, _ZERO = b":./|0"
# Calls of four characters each, the tab behind them included, are compared as one number.
_WIDTH = 4
_HOM_REF = np.frombuffer(b"0/0\t0|0\t", dtype="<u4")
_FEWEST_SAMPLES = 8


class Calls(NamedTuple):
    """Calls that are not 0/0; the fields are those of ``CallBlock``."""

    call_record: np.ndarray
    call_sample: np.ndarray
    call_genotype: np.ndarray
    genotypes: tuple[str, ...]


class CallText(NamedTuple):
    """Where in some text the calls of its lines stand, (lines, samples), their keys, and which lines are plain."""

    characters: np.ndarray
    format_start: np.ndarray
    format_end: np.ndarray
    start: np.ndarray
    end: np.ndarray
    is_plain: np.ndarray


class FixedWidth(NamedTuple):
    """Lines all of whose calls are such as ``0|1``: the lines with the first call alone, and the calls of all."""

    heads: list[str]
    calls: Calls


def fixed_width_calls(lines: Sequence[str], n_samples: int) -> FixedWidth | None:
    """Read calls that are all of three characters, as those of a cohort mostly are; None where any is another."""
    if n_samples < _FEWEST_SAMPLES:
        return None
    size = _WIDTH * n_samples - 1
    heads, calls = [], []
    for line in lines:
        head, format_at = line[:-size], line.rfind("\t", 0, len(line) - size - 1) + 1
        keys = line[format_at : len(line) - size - 1]
        if not (keys == "GT" or keys.startswith("GT:")) or head.count("\t") != FIXED_COLUMNS or head[-1] != "\t":
            return None
        heads.append(line[: len(line) - size + _WIDTH - 1])
        calls.append(line[-size:])
    text = ("\t".join(calls) + "\t").encode()
    if len(text) != _WIDTH * n_samples * len(lines):
        return None
    words = np.frombuffer(text, dtype="<u4")
    carried = np.flatnonzero((words != _HOM_REF[0]) & (words != _HOM_REF[1]))
    kinds, genotype = np.unique(words[carried], return_inverse=True)
    written = [kind.tobytes().decode("ascii", "replace") for kind in kinds]
    if not all(map(_is_pair, written)):
        return None
    record, sample = np.divmod(carried, n_samples)
    return FixedWidth(heads, Calls(record, sample, genotype, tuple(each[:-1] for each in written)))


def _is_pair(text: str) -> bool:
    return text[3] == "\t" and text[1] in "/|" and text[0] in ".0123456789" and text[2] in ".0123456789"


def calls_of(lines: Sequence[str], file: VariantFile, calls: CallText) -> Calls:
    """Read calls of any length.

    Raises:
        InputError: one has more values than there are keys, or is no genotype.
    """
    characters = calls.characters
    _check_keys(lines, file, calls)
    last = len(characters) - 1
    one, bar, two, behind = (characters[np.minimum(calls.start + place, last)] for place in range(4))
    size = calls.end - calls.start
    is_pair = calls.is_plain[:, None] & (size >= 3) & ((bar == _SLASH) | (bar == _BAR))
    is_pair &= (size == 3) | (behind == _COLON)
    for allele in (one, two):
        is_pair &= ((allele >= _ZERO) & (allele <= ord("9"))) | (allele == _DOT)
    rows, samples = np.nonzero(~(is_pair & (one == _ZERO) & (two == _ZERO)))
    pair = is_pair[rows, samples]
    letters = (one.astype(np.int32) << 16 | bar.astype(np.int32) << 8 | two)[rows, samples]
    code = np.zeros(len(rows), dtype=np.int64)
    kinds, which = np.unique(letters[pair], return_inverse=True)
    codes = {int(kind).to_bytes(3, "big").decode(): number for number, kind in enumerate(kinds)}
    code[pair] = which
    for index in np.flatnonzero(~pair).tolist():
        line, sample = lines[int(rows[index])], int(samples[index])
        keys, values = line.split("\t", 9)[8].split(":"), line.split("\t")[9 + sample].split(":")
        written = dict(zip(keys, values, strict=False)).get("GT", "")
        try:
            highest = max((allele for allele in genotype_of(written) if allele is not None), default=0)
        except ValueError:
            highest = MOST_ALLELES
        if highest >= MOST_ALLELES:
            raise file.malformed(line, f"has the genotype {written!r} in the sample {file.samples[sample]}")
        code[index] = codes.setdefault(written, len(codes))
    return Calls(rows, samples, code, tuple(codes))


def _check_keys(lines: Sequence[str], file: VariantFile, calls: CallText) -> None:
    characters, start, end = calls.characters, calls.format_start, calls.format_end
    has_keys = (characters[start] != _DOT) | (end - start != 1)
    n_keys = _colons(characters, start[:, None], end[:, None])
    too_many = (_colons(characters, calls.start, calls.end) > n_keys) & has_keys[:, None]
    if too_many.any():
        row, sample = np.argwhere(too_many)[0].tolist()
        raise file.malformed(lines[row], f"has more values than FORMAT keys in the sample {file.samples[sample]}")


def _colons(characters: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Colons in each stretch of text, (n, samples)."""
    if int((end - start).max()) <= LONGEST_CALL and start.shape[1] == 1:
        return colons_in(characters, start[:, 0], end[:, 0])[:, None]
    so_far = np.cumsum(characters == _COLON, dtype=np.int32)
    return so_far[end - 1] - so_far[start - 1]

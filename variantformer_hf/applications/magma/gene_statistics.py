"""MAGMA's gene analysis of a GWAS: its file ``.genes.raw``."""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...genome.table_files import read_text_bytes

_PLACE = ("GENE", "CHR", "START", "STOP", "NSNPS", "NPARAM")
_COVARIATES = {"NSAMP": "N", "MAC": "MAC"}
# What is divided by, or a logarithm is taken of.
_POSITIVE = frozenset({"NSNPS", "NPARAM", "N", "MAC"})
_REMEDY = "Make the file again with MAGMA's gene analysis, or copy it again."
_ABOVE_0 = (
    "It must be above 0: leave out SNPs of one allele or without a sample size, and run MAGMA's gene analysis again."
)


@dataclass(frozen=True, slots=True)
class GeneStatistics:
    """Genes of a GWAS, in the order of the file; G of them.

    Attributes:
        path: of the file.
        genes: ids, as MAGMA has them.
        chromosomes: of each gene.
        n_snps, n_parameters: (G,) NSNPS and NPARAM.
        n_samples, mac: (G,) sample size and minor allele count; None = the file has none.
        z: (G,) ZSTAT, Z scores of p values.
        correlations: of each gene with the last genes before it on its chromosome, the nearest last.
        first_line: number of the first gene's line in the file.
    """

    path: Path
    genes: Sequence[str]
    chromosomes: Sequence[str]
    n_snps: np.ndarray
    n_parameters: np.ndarray
    n_samples: np.ndarray | None
    mac: np.ndarray | None
    z: np.ndarray
    correlations: Sequence[np.ndarray]
    first_line: int = 1

    def blocks(self, kept: np.ndarray) -> Iterator[np.ndarray]:
        """Correlation matrices of stretches of genes that do not correlate with those of others.

        Args:
            kept: (K,) numbers of the genes to take, ascending.

        Yields:
            (n, n) float64 each, with ones in the diagonal; one behind the other they are the kept genes.
        """
        start = 0
        for place in range(1, len(kept) + 1):
            if place == len(kept) or not self._preceding(kept, place):
                yield self._block(kept, start, place)
                start = place

    def _preceding(self, kept: np.ndarray, place: int) -> int:
        """How many of the kept genes before one the file has its correlations with."""
        gene = kept[place]
        return place - int(np.searchsorted(kept, gene - len(self.correlations[gene])))

    def _block(self, kept: np.ndarray, start: int, stop: int) -> np.ndarray:
        block = np.eye(stop - start)
        for place in range(start, stop):
            number = self._preceding(kept, place)
            if number:
                gene, before = kept[place], kept[place - number : place]
                # The last of a gene's correlations is that with gene - 1.
                values = self.correlations[gene][before - gene]
                block[place - start, place - start - number : place - start] = values
                block[place - start - number : place - start, place - start] = values
        return block


def read_gene_statistics(path: str | Path) -> GeneStatistics:
    """Read a ``.genes.raw``, compressed (.gz) or not.

    Lines with ``#`` say what its columns are; then GENE CHR START STOP NSNPS NPARAM, by default N and MAC, ZSTAT, and
    the gene's correlations with the genes before it on its chromosome, the nearest last.

    Raises:
        InputError: it is cut off, or a line of it is none of a gene; a number that is 0 and must not be.
    """
    path = Path(path)
    names = _columns(path, [], 0)
    line_of: dict[str, int] = {}
    chromosomes: list[str] = []
    numbers: list[list[float]] = []
    correlations: list[np.ndarray] = []
    before = 0
    for line, text in _lines(path):
        fields = text.split()
        if text.startswith("#") and not line_of:
            names = _columns(path, text[1:].split(), line) or names
        if text.startswith("#") or not fields:
            continue
        record = f"line {line}: gene {fields[0]}"
        if len(fields) < len(names):
            problem = f"has {len(fields)} fields, and a gene has {len(names)} or more: {' '.join(names)}"
            raise InputError(problem, file=path, record=record, remedy=_REMEDY)
        if fields[0] in line_of:
            problem = f"the gene is that of line {line_of[fields[0]]} too"
            raise InputError(problem, file=path, record=record, remedy="Keep one of them.")
        # A gene that does not correlate with one before it does not with those before that one.
        before = before + 1 if chromosomes and chromosomes[-1] == fields[1] else 0
        found = _correlations(fields[len(names) :], path, record)
        if len(found) > before:
            raise InputError(
                f"has {len(found)} correlations, and at most {before} genes before it can have one with it",
                file=path,
                record=record,
                remedy=f"A line before it is missing. {_REMEDY}",
            )
        before = len(found)
        line_of[fields[0]] = line
        chromosomes.append(fields[1])
        correlations.append(found)
        columns = zip(names[4:], fields[4 : len(names)], strict=True)
        numbers.append([_number(given, name, path, record) for name, given in columns])
    if not line_of:
        raise InputError("has no gene", file=path, remedy=_REMEDY)
    of = dict(zip(names[4:], np.array(numbers).T, strict=True))
    return GeneStatistics(
        path,
        [*line_of],
        chromosomes,
        of["NSNPS"],
        of["NPARAM"],
        of.get("N"),
        of.get("MAC"),
        of["ZSTAT"],
        correlations,
        next(iter(line_of.values())),
    )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines and their numbers from 1.

    Raises:
        InputError: the last line does not end, or the file is no text.
    """
    content = read_text_bytes(path)
    number = 0
    try:
        for number, line in enumerate(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig"), 1):
            yield number, line
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", file=path, remedy="Give MAGMA's .genes.raw.") from error
    if content and not content.endswith(b"\n"):
        raise InputError(
            "the line does not end: the file is cut off", file=path, record=f"line {number}", remedy=_REMEDY
        )


def _columns(path: Path, words: Sequence[str], number: int) -> tuple[str, ...]:
    """Names of the columns by a comment ``COVAR = NSAMP MAC``, without one by default; () = another comment."""
    if not words:
        return (*_PLACE, *_COVARIATES.values(), "ZSTAT") if not number else ()
    if words[:2] != ["COVAR", "="]:
        return ()
    other = [name for name in words[2:] if name not in _COVARIATES]
    if other:
        raise InputError(
            f"has a column {other[0]}, and only {' and '.join(_COVARIATES)} are known",
            file=path,
            record=f"line {number}",
            remedy="Make it with MAGMA 1.07 to 1.10.",
        )
    return (*_PLACE, *(_COVARIATES[name] for name in words[2:]), "ZSTAT")


def _number(text: str, name: str, path: Path, record: str) -> float:
    """A number of a gene, positive where it must be."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{name} is {text!r}, no number", file=path, record=record, remedy=_REMEDY)
    if name in _POSITIVE and value <= 0:
        raise InputError(f"{name} is {text}", file=path, record=record, remedy=_ABOVE_0)
    return value


def _correlations(texts: Sequence[str], path: Path, record: str) -> np.ndarray:
    try:
        found = np.array([*map(float, texts)])
    except ValueError as error:
        raise InputError(f"a correlation is no number ({error})", file=path, record=record, remedy=_REMEDY) from None
    if not (np.abs(found) <= 1).all():
        worst = texts[int(np.argmin(np.abs(found) <= 1))]
        raise InputError(f"a correlation is {worst}", file=path, record=record, remedy=_REMEDY)
    return found

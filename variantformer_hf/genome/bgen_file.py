"""Reading BGEN 1.2 and 1.3 with its index: genotypes called where their probability says enough."""

import logging
import sqlite3
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from os import PathLike
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np

from ..addresses import as_given
from ..errors import InputError, MissingIndexError
from .cohort_rows import NO_ALLELE, Calls, CohortRows, Reading
from .local_files import known_by_address, local_file
from .optional_formats import library
from .plink_names import plink_contig, read_sample_file
from .record_columns import MISSING
from .sites import ContigSites, Sites, by_contig
from .variants import BEHIND_ANY_CONTIG

logger = logging.getLogger(__name__)


class BgenFile(CohortRows):
    """One sample, or all, of a BGEN with a .bgi beside it; see ``CohortRows``.

    Its first allele is REF. ``counts`` says how many calls were ``below_probability``, and so are missing.

    Args:
        path: of the .bgen.
        sample, all_samples: as of ``CohortRows``.
        reading: how probable a genotype has to be.

    Raises:
        InputError: the package bgen is not installed; a BGEN 1.1; no names of samples; another file's index.
        MissingIndexError: there is no index.
    """

    format = "BGEN"
    loses = (
        *("half-missing calls", "phase of records that are not phased as a whole", "phase sets (PS)"),
        *("FILTER", "GQ", "DP"),
    )

    def __init__(
        self,
        path: str | PathLike[str],
        sample: str | None = None,
        *,
        all_samples: bool = False,
        reading: Reading | None = None,
    ) -> None:
        file = local_file(path, "BGEN")
        bgen = library("bgen", file)
        _check_layout(file)
        index = _index_of(file)
        self._index = _read(index, index.stat().st_mtime_ns, index.stat().st_size)
        named = file.with_suffix(".sample")
        sample_file = known_by_address(named) if named.is_file() else None
        self._library, self._file = bgen, file
        self._reader: tuple[int, Any] | None = None
        self._last: tuple[np.ndarray, list[Any]] | None = None
        reader = self._opened()
        header = reader.header
        if not (header.has_sample_ids or sample_file):
            raise InputError(
                "names no samples",
                file=file,
                remedy=f"Put its .sample file beside it, as {file.with_suffix('.sample').name}.",
            )
        samples = read_sample_file(sample_file) if sample_file else reader.samples
        if sample_file and header.has_sample_ids and list(samples) != list(reader.samples):
            _say_names(as_given(file), sample_file.name, samples[0] if samples else "")
        contigs = dict.fromkeys(map(plink_contig, self._index.names))
        super().__init__(file, samples, contigs, self._index.sites, sample, all_samples=all_samples)
        if header.nvariants != self._n_rows or header.nsamples != len(samples):
            raise InputError(
                f"has {header.nvariants} records of {header.nsamples} samples, and its index and .sample file tell of "
                f"{self._n_rows} of {len(samples)}",
                file=file,
                remedy=f"Index it anew: bgenix -g {as_given(file)} -index -clobber; or give its own .sample file.",
            )
        self.index_is_older = index.stat().st_mtime + 1 < file.stat().st_mtime
        self._least = (reading or Reading()).least_probability

    def sites(self, chrom: str, rows: np.ndarray) -> Sites:
        """See ``CohortRows.sites``."""
        variants = self._variants(chrom, rows)
        try:
            texts = [variant.alleles for variant in variants]
            return Sites.of_strings([(alleles[0], ",".join(alleles[1:]) or ".", ".") for alleles in texts])
        except (ValueError, IndexError, OSError, RuntimeError) as error:
            raise self._damaged(chrom, error) from error

    def calls(self, chrom: str, rows: np.ndarray, samples: np.ndarray) -> Calls:
        """See ``CohortRows.calls``."""
        found = np.empty((len(rows), len(samples), 2), dtype=np.int8)
        phased = np.empty((len(rows), len(samples)), dtype=bool)
        below = np.empty(len(rows), dtype=np.int64)
        for index, variant in enumerate(self._variants(chrom, rows)):
            try:
                probabilities, ploidy = variant.probabilities[samples], variant.ploidy[samples]
                is_phased, n_alleles = variant.is_phased, len(variant.alleles)
            except (ValueError, OSError, RuntimeError) as error:
                raise self._damaged(chrom, error) from error
            if int(ploidy.max(initial=0)) > 2:
                raise InputError(
                    f"has a call of {int(ploidy.max())} alleles, and such are not read",
                    file=self.path,
                    record=f"{chrom}:{variant.pos}",
                    remedy="Leave it out, or give a VCF.",
                )
            call = _phased_calls if is_phased else _unphased_calls
            found[index], is_below = call(probabilities, ploidy, n_alleles, self._least)
            phased[index] = is_phased
            below[index] = is_below.sum()
        self.note("below_probability", rows, below)
        return Calls(found, phased)

    def close(self) -> None:
        """Let go of the file."""
        self._reader = self._last = None

    def _opened(self) -> Any:
        """The file, opened by this thread: the package's index is SQLite's, which no other thread may ask."""
        if self._reader is None or self._reader[0] != get_ident():
            self._last = None
            try:
                reader = self._library.BgenReader(self._file, sample_path="")
            except (ValueError, OSError, RuntimeError) as error:
                raise InputError(
                    f"cannot be read as a BGEN ({error})",
                    file=self._file,
                    remedy="It may be cut short, or damaged: fetch it again.",
                ) from error
            self._reader = get_ident(), reader
        return self._reader[1]

    def _variants(self, chrom: str, rows: np.ndarray) -> list[Any]:
        """Some records of a contig, of the package; the last answer is kept."""
        reader = self._opened()
        if self._last is None or not np.array_equal(self._last[0], rows):
            index, found = self._index, {}
            try:
                for code in np.unique(index.code[rows]).tolist():
                    position = index.position[rows[index.code[rows] == code]]
                    within = reader.fetch(index.names[code], int(position.min()) + 1, int(position.max()) + 1)
                    found.update({variant.fileoffset: variant for variant in within})
                variants = [found[offset] for offset in index.offset[rows].tolist()]
                is_same = [plink_contig(variant.chrom) == chrom for variant in variants]
                is_same += (np.array([variant.pos - 1 for variant in variants]) == index.position[rows]).tolist()
            except (KeyError, ValueError, IndexError, OSError, RuntimeError, sqlite3.Error) as error:
                raise self._damaged(chrom, error) from error
            if not all(is_same):
                raise self._damaged(chrom, "its index belongs to another file")
            self._last = rows, variants
        return self._last[1]

    def _damaged(self, chrom: str, problem: object) -> InputError:
        return InputError(
            f"cannot be read on: it is damaged, cut short, or changed after its index ({problem})",
            file=self.path,
            record=chrom,
            remedy="Fetch it again, and index it anew: bgenix -g FILE -index -clobber.",
        )


@lru_cache(maxsize=256)
def _say_names(path: str, sample_file: str, first: str) -> None:
    """Warn, once a process, that people are called by another file's names."""
    logger.warning(
        "%s: names its samples otherwise than %s, by which they are called here (the first one %s)",
        path,
        sample_file,
        first,
    )


def _phased_calls(
    probabilities: np.ndarray, ploidy: np.ndarray, n_alleles: int, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Alleles (samples, 2) of calls whose haplotypes are told apart, and which of them are not probable enough."""
    haplotypes = probabilities[:, : 2 * n_alleles].reshape(len(probabilities), -1, n_alleles)
    is_given = ~np.isnan(probabilities[:, 0])
    known = np.nan_to_num(haplotypes, nan=-1.0)
    best, alleles = known.max(axis=2), known.argmax(axis=2)
    alleles, best = _two_columns(alleles, NO_ALLELE), _two_columns(best, 1.0)
    is_haploid = ploidy == 1
    alleles[is_haploid, 1], best[is_haploid, 1] = NO_ALLELE, 1.0
    return _called(alleles, best.min(axis=1), is_given, is_haploid, least)


def _unphased_calls(
    probabilities: np.ndarray, ploidy: np.ndarray, n_alleles: int, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`_phased_calls`, of calls that are probabilities of genotypes."""
    # In the order of BGEN: 0/0, 0/1, 1/1, 0/2, 1/2, 2/2.
    pairs = sorted(combinations_with_replacement(range(n_alleles), 2), key=lambda pair: pair[::-1])
    is_given, is_haploid = ~np.isnan(probabilities[:, 0]), ploidy == 1
    known = np.nan_to_num(probabilities, nan=-1.0)
    genotype = known.argmax(axis=1)
    alleles = np.array(pairs, dtype=np.int64)[np.minimum(genotype, len(pairs) - 1)]
    alleles[is_haploid, 0], alleles[is_haploid, 1] = genotype[is_haploid], NO_ALLELE
    return _called(alleles, known.max(axis=1), is_given, is_haploid, least)


def _called(
    alleles: np.ndarray, best: np.ndarray, is_given: np.ndarray, is_haploid: np.ndarray, least: float
) -> tuple[np.ndarray, np.ndarray]:
    is_enough = best >= least - 1e-6  # the probabilities are float32
    missing = ~(is_given & is_enough)
    alleles[missing] = MISSING
    alleles[missing & is_haploid, 1] = NO_ALLELE
    return np.minimum(alleles, 127).astype(np.int8), is_given & ~is_enough


def _two_columns(values: np.ndarray, second: float) -> np.ndarray:
    if values.shape[1] >= 2:
        return values[:, :2]
    return np.concatenate([values, np.full((len(values), 1), second, dtype=values.dtype)], axis=1)


def _check_layout(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(20)
        file.seek(int.from_bytes(head[4:8], "little"))
        flags = int.from_bytes(file.read(4), "little")
    if flags >> 2 & 15 != 2:
        raise InputError(
            "is a BGEN 1.1, which knows neither phase nor more than two alleles, and is not read",
            file=path,
            remedy=f"Write it anew: plink2 --bgen {as_given(path)} ref-first --sample "
            f"{path.with_suffix('.sample').name} --export bgen-1.2 ref-first --out calls && "
            "bgenix -g calls.bgen -index",
        )


def _index_of(path: Path) -> Path:
    index = Path(f"{path}.bgi")
    if not index.is_file():
        raise MissingIndexError("has no index (.bgi)", file=path, remedy=f"Make it: bgenix -g {as_given(path)} -index")
    return known_by_address(index)


@dataclass(frozen=True, slots=True)
class _Index:
    """What an index says of the records, in the order of the file.

    Attributes:
        names: of contigs, as the file has them.
        code, position: (n,) place of each record's contig, and its 0-based position.
        offset: (n,) where each record begins in the file.
        sites: by contig, as it is called here.
    """

    names: tuple[str, ...]
    code: np.ndarray
    position: np.ndarray
    offset: np.ndarray
    sites: dict[str, ContigSites]


@lru_cache(maxsize=4)
def _read(index: Path, modified: int, size: int) -> _Index:
    """An index as it is now: people are read one after the other, and it is read once for them all."""
    names: dict[str, int] = {}
    try:
        connection = sqlite3.connect(f"{index.resolve().as_uri()}?mode=ro", uri=True)
        try:
            found = connection.execute(
                "SELECT chromosome, position, length(allele1), file_start_position FROM Variant "
                "ORDER BY file_start_position"
            )
            rows = np.fromiter(
                ((names.setdefault(chrom, len(names)), *numbers) for chrom, *numbers in found), dtype=(np.int64, 4)
            )
        finally:
            connection.close()
        if rows[:, 1].max(initial=0) > BEHIND_ANY_CONTIG:
            raise ValueError("a position is behind any contig")
    except (sqlite3.Error, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"cannot be read as the index of a BGEN ({error})",
            file=index,
            remedy="Make it anew: bgenix -index -clobber.",
        ) from error
    code, position = rows[:, 0].astype(np.int32), (rows[:, 1] - 1).astype(np.int32)
    called = [plink_contig(name) for name in names]
    return _Index(tuple(names), code, position, rows[:, 3].copy(), by_contig(called, code, position, rows[:, 2]))

"""Reading PLINK 2: .pgen with its .pvar (or .pvar.zst) and .psam."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .cohort_rows import Calls, CohortRows, Reading
from .local_files import local_file
from .optional_formats import library
from .plink_files import beside, read_pvar
from .plink_names import plink_contig, read_people
from .record_columns import MISSING
from .sites import ContigSites, Sites, SiteTable, by_contig

# What a file that has some is read without.
DOSAGES = "dosages (hard calls are read)"
# Of a PGEN's header: its length without tables, records whose types stand together, and bits of a type.
_HEADER, _BLOCK, _HAS_DOSAGES = 12, 1 << 16, 0x60
# How records are stored: each as it is, with tables of their types; all with dosages.
_VARIABLE, _ALL_WITH_DOSAGES = 0x10, (0x03, 0x04)


class PgenFile(CohortRows):
    """One sample, or all, of a PLINK 2 data set; see ``CohortRows``.

    Hard calls are read. Of a file with dosages ``loses`` says that these are left aside, and ``counts`` of how many
    records.

    Args:
        path: of the .pgen.
        sample, all_samples: as of ``CohortRows``.
        reading: not asked for anything.

    Raises:
        InputError: pgenlib is not installed; a file of the set is missing, cut short, or of another set.
    """

    format = "PLINK 2 PGEN"
    loses: tuple[str, ...] = (
        "half-missing calls",
        "haploid calls (read as homozygous)",
        "calls of more than two alleles",
        "phase sets (PS)",
        "GQ",
        "DP",
    )

    def __init__(
        self,
        path: str | PathLike[str],
        sample: str | None = None,
        *,
        all_samples: bool = False,
        reading: Reading | None = None,
    ) -> None:
        file = local_file(path, "PGEN")
        pgenlib = library("pgenlib", file)
        pvar, psam = beside(file, ".pvar", ".pvar.zst"), beside(file, ".psam")
        table, contigs, sites, offsets = _read(pvar, pvar.stat().st_mtime_ns, pvar.stat().st_size)
        super().__init__(file, read_people(psam), contigs, sites, sample, all_samples=all_samples)
        self._table, self._offsets = table, offsets
        self._pgen = self._open(pgenlib, psam, pvar)
        self._subset: np.ndarray | None = None
        self._with_dosages = _with_dosages(file, file.stat().st_mtime_ns, file.stat().st_size)
        if self._with_dosages.any():
            self.loses = (*self.loses, DOSAGES)

    def _open(self, pgenlib: Any, psam: Path, pvar: Path) -> Any:
        with self.path.open("rb") as file:
            head = file.read(11)
        n_records, n_people = (int.from_bytes(head[first : first + 4], "little") for first in (3, 7))
        if len(head) < 11:
            raise InputError("cannot be read: it is cut short", file=self.path, remedy="Fetch it again.")
        if (n_records, n_people) != (len(self._table), len(self.samples)):
            raise InputError(
                f"has {n_records} records of {n_people} people, {pvar.name} has {len(self._table)} records, and "
                f"{psam.name} {len(self.samples)} people",
                file=self.path,
                remedy="Give the three files of one data set; where they are, fetch them again.",
            )
        try:
            return pgenlib.PgenReader(str(self.path).encode(), raw_sample_ct=n_people, allele_idx_offsets=self._offsets)
        except RuntimeError as error:
            raise InputError(
                f"cannot be read: it is damaged or cut short ({_said(error)})",
                file=self.path,
                remedy="Fetch it again.",
            ) from error

    def sites(self, chrom: str, rows: np.ndarray) -> Sites:
        """See ``CohortRows.sites``."""
        return self._table.sites(rows)

    def calls(self, chrom: str, rows: np.ndarray, samples: np.ndarray) -> Calls:
        """See ``CohortRows.calls``."""
        self._choose(samples)
        alleles = np.empty((len(rows), 2 * len(samples)), dtype=np.int32)
        phased = np.empty((len(rows), len(samples)), dtype=np.bool_)
        with self._reading(chrom, rows):
            self._pgen.read_alleles_and_phasepresent_list(rows.astype(np.uint32), alleles, phased)
        found = np.where(alleles < 0, MISSING, np.minimum(alleles, 127)).astype(np.int8)
        return Calls(found.reshape(len(rows), len(samples), 2), phased)

    def copies(
        self, chrom: str, rows: np.ndarray, alleles: np.ndarray, samples: np.ndarray, values: np.ndarray
    ) -> None:
        """See ``CohortRows.copies``: counted by pgenlib, which unpacks no alleles."""
        self._choose(samples)
        with self._reading(chrom, rows):
            for row, allele, found in zip(rows.tolist(), alleles.tolist(), values, strict=True):
                self._pgen.read(row, found, allele)
                np.maximum(found, MISSING, out=found)  # pgenlib says -9

    def close(self) -> None:
        """Close the file."""
        self._pgen.close()

    def _choose(self, samples: np.ndarray) -> None:
        """Whose calls are read from now on."""
        if samples is self._subset:  # as it is block after block
            return
        if self._subset is None or not np.array_equal(samples, self._subset):
            self._pgen.change_sample_subset(samples.astype(np.uint32))
        self._subset = samples

    @contextmanager
    def _reading(self, chrom: str, rows: np.ndarray) -> Iterator[None]:
        """A block that reads some records' calls.

        Raises:
            InputError: the file is damaged.
        """
        try:
            yield
        except RuntimeError as error:
            raise InputError(
                f"cannot be read on: it is damaged or cut short ({_said(error)})",
                file=self.path,
                record=chrom,
                remedy="Fetch it again.",
            ) from error
        if self._with_dosages.any():
            self.note("dosages", rows, self._with_dosages[rows])


@lru_cache(maxsize=4)
def _read(
    pvar: Path, modified: int, size: int
) -> tuple[SiteTable, dict[str, int | None], dict[str, ContigSites], np.ndarray]:
    """A .pvar as it is now: people are read one after the other, and it is read once for them all."""
    table, contigs = read_pvar(pvar)
    names = [plink_contig(name) for name in table.contigs]
    offsets = np.concatenate([[0], np.cumsum(table.n_alleles())]).astype(np.uintp)
    return table, contigs, by_contig(names, table.code, table.position, table.lengths()), offsets


@lru_cache(maxsize=4)
def _with_dosages(path: Path, modified: int, size: int) -> np.ndarray:
    """Which records have dosages, (n,) bool, as the header of a whole PGEN says: pgenlib does not tell."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
        n = int.from_bytes(head[3:7], "little")
        has_dosages = np.full(n, head[2] in _ALL_WITH_DOSAGES)
        kind, allele_bytes, provisional = head[-1] & 15, head[-1] >> 4 & 3, head[-1] >> 6
        if head[2] != _VARIABLE or not 4 <= kind < 8:  # records of other kinds have no such types
            return has_dosages
        file.seek(8 * -(-n // _BLOCK), 1)
        for first in range(0, n, _BLOCK):
            some = has_dosages[first : first + _BLOCK]
            types = np.frombuffer(file.read(len(some)), dtype=np.uint8)
            some[: len(types)] = types & _HAS_DOSAGES > 0
            file.seek(len(some) * (kind - 3 + allele_bytes) + (-(-len(some) // 8) if provisional == 3 else 0), 1)
    return has_dosages


def _said(error: RuntimeError) -> str:
    said = error.args[0] if error.args else ""
    return (said.decode(errors="replace") if isinstance(said, bytes) else str(said)).strip().rstrip(".")

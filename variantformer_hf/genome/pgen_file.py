"""Reading PLINK 2: .pgen with its .pvar (or .pvar.zst) and .psam."""

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


class PgenFile(CohortRows):
    """One sample, or all, of a PLINK 2 data set; see ``CohortRows``.

    Args:
        path: of the .pgen.
        sample, all_samples: as of ``CohortRows``.
        reading: not asked for anything.

    Raises:
        InputError: pgenlib is not installed; a file of the set is missing, cut short, or of another set.
    """

    format = "PLINK 2 PGEN"
    loses = ("half-missing calls", "haploid calls (read as homozygous)", "calls of more than two alleles", "GQ", "DP")

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
        self._subset: list[int] | None = None

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
        wanted = samples.tolist()
        if wanted != self._subset:
            self._pgen.change_sample_subset(samples.astype(np.uint32))
            self._subset = wanted
        alleles = np.empty((len(rows), 2 * len(samples)), dtype=np.int32)
        phased = np.empty((len(rows), len(samples)), dtype=np.bool_)
        try:
            self._pgen.read_alleles_and_phasepresent_list(rows.astype(np.uint32), alleles, phased)
        except RuntimeError as error:
            raise InputError(
                f"cannot be read on: it is damaged or cut short ({_said(error)})",
                file=self.path,
                record=chrom,
                remedy="Fetch it again.",
            ) from error
        found = np.where(alleles < 0, MISSING, np.minimum(alleles, 127)).astype(np.int8)
        return Calls(found.reshape(len(rows), len(samples), 2), phased)

    def close(self) -> None:
        """Close the file."""
        self._pgen.close()


@lru_cache(maxsize=4)
def _read(
    pvar: Path, modified: int, size: int
) -> tuple[SiteTable, dict[str, int | None], dict[str, ContigSites], np.ndarray]:
    """A .pvar as it is now: people are read one after the other, and it is read once for them all."""
    table, contigs = read_pvar(pvar)
    names = [plink_contig(name) for name in table.contigs]
    offsets = np.concatenate([[0], np.cumsum(table.n_alleles())]).astype(np.uintp)
    return table, contigs, by_contig(names, table.code, table.position, table.lengths()), offsets


def _said(error: RuntimeError) -> str:
    said = error.args[0] if error.args else ""
    return (said.decode(errors="replace") if isinstance(said, bytes) else str(said)).strip().rstrip(".")

"""Reading PLINK 1: .bed with its .bim and .fam."""

from functools import lru_cache
from os import PathLike
from pathlib import Path

import numpy as np

from ..errors import InputError
from .cohort_rows import Calls, CohortRows, Reading
from .contigs import map_contigs
from .local_files import local_file
from .optional_formats import library
from .plink_files import beside, read_bim
from .plink_names import plink_contig, read_people
from .record_columns import MISSING
from .reference import ReferenceGenome
from .sites import ContigSites, Sites, SiteTable, by_contig

# Bases of the FASTA that are held at once.
_BASES_AT_ONCE = 4 << 20
# Records whose padding is looked at.
_RECORDS_LOOKED_AT = 256
_UPPER_CASE = np.uint8(0xDF)


class BedFile(CohortRows):
    """One sample, or all, of a PLINK 1 data set; see ``CohortRows``.

    A .bim calls its alleles 1 and 2, and which of them is the reference's it does not say for sure. The one that the
    FASTA holds is REF here. Where it holds both (an insertion whose bases follow in the reference too), the second one
    is, as PLINK has it; where it holds neither, the second one stays REF, and is no allele of the FASTA's.
    ``counts`` says how many records of each kind were met: ``turned``, ``ambiguous``, ``not_in_fasta``.

    Args:
        path: of the .bed.
        sample, all_samples: as of ``CohortRows``.
        reading: its FASTA is needed as soon as records are read.

    Raises:
        InputError: bed-reader is not installed; a file of the set is missing, cut short, or of another set; calls are
            written by person.
    """

    format = "PLINK 1 BED"
    loses = ("phase", "half-missing calls", "haploid calls (read as homozygous)", "a second ALT", "FILTER", "GQ", "DP")

    def __init__(
        self,
        path: str | PathLike[str],
        sample: str | None = None,
        *,
        all_samples: bool = False,
        reading: Reading | None = None,
    ) -> None:
        file = local_file(path, "BED of PLINK")
        bed_reader = library("bed_reader", file)
        bim, fam = beside(file, ".bim"), beside(file, ".fam")
        table, sites = _read(bim, bim.stat().st_mtime_ns, bim.stat().st_size)
        super().__init__(file, read_people(fam), dict.fromkeys(sites), sites, sample, all_samples=all_samples)
        _check_size(file, len(table), len(self.samples))
        self._table = table
        self._bed = bed_reader.open_bed(
            file, iid_count=len(self.samples), sid_count=len(table), num_threads=1, fam_location=fam, bim_location=bim
        )
        self._reference = reading.reference if reading is not None else None
        self._names: dict[str, str] | None = None
        self._last: tuple[np.ndarray, np.ndarray, Sites] | None = None

    def sites(self, chrom: str, rows: np.ndarray) -> Sites:
        """See ``CohortRows.sites``.

        Raises:
            InputError: there is no FASTA to set the alleles against.
        """
        return self._set_against(chrom, rows)[1]

    def calls(self, chrom: str, rows: np.ndarray, samples: np.ndarray) -> Calls:
        """See ``CohortRows.calls``; the order of a heterozygous call says nothing."""
        turned = self._set_against(chrom, rows)[0]
        # How many of the first allele, which is ALT where nothing is turned; -127 = missing.
        count = self._bed.read((samples, rows), dtype="int8", order="F").T
        two, one = np.where(turned[:, None], count <= 0, count >= 2), count == 1
        alleles = np.stack([two, two | one], axis=2).astype(np.int8)
        alleles[count < 0] = MISSING
        return Calls(alleles, np.zeros(count.shape, dtype=bool))

    def close(self) -> None:
        """Nothing is held open."""

    def _set_against(self, chrom: str, rows: np.ndarray) -> tuple[np.ndarray, Sites]:
        """Which records are turned, (n,) bool, and all of them as they are then; the last answer is kept."""
        if self._last is None or not np.array_equal(self._last[0], rows):
            sites = self._table.sites(rows)
            second, first = self._fit(chrom, self._table.position[rows].astype(np.int64), sites)
            turned = first & ~second
            for kind, is_met in (
                ("turned", turned),
                ("ambiguous", first & second),
                ("not_in_fasta", ~(first | second)),
            ):
                self.note(kind, rows, is_met)
            self._last = rows, turned, _turned(sites, turned)
        return self._last[1], self._last[2]

    def _fit(self, chrom: str, position: np.ndarray, sites: Sites) -> tuple[np.ndarray, np.ndarray]:
        """Whether the FASTA holds the second allele of each record, and the first one; both (n,) bool."""
        reference, name = self._fasta(chrom)
        second, first = np.zeros(len(sites), dtype=bool), np.zeros(len(sites), dtype=bool)
        length = 0 if name is None else reference.contigs[name]
        low = 0
        while low < len(sites) and name is not None:
            high = max(low + 1, int(np.searchsorted(position, position[low] + _BASES_AT_ONCE)))
            start = min(length, max(0, int(position[low])))
            reach = int((sites.first[low + 1 : high + 1] - sites.first[low:high]).max())
            bases = reference.array(name, start, min(length, int(position[high - 1]) + reach)) & _UPPER_CASE
            at = position[low:high] - start
            is_inside = (at >= 0) & (at < len(bases))
            if len(bases):
                letter = bases[np.where(is_inside, at, 0)]
                second[low:high] = is_inside & (sites.ref[low:high] & _UPPER_CASE == letter)
                first[low:high] = is_inside & (sites.alt[low:high] & _UPPER_CASE == letter)
            # What begins like the FASTA, and is longer than a base.
            is_long = sites.alt_end[low:high] - sites.first[low:high] != 3
            text = bases.tobytes()
            for index in (low + np.flatnonzero(is_long & (second | first)[low:high])).tolist():
                ref, alt, _ = sites.of(index)
                begin = int(position[index]) - start
                second[index], first[index] = (text.startswith(each.upper().encode(), begin) for each in (ref, alt))
            low = high
        return second, first

    def _fasta(self, chrom: str) -> tuple[ReferenceGenome, str | None]:
        if self._reference is None:
            raise InputError(
                "does not say which allele is the reference's, and there is no FASTA to ask",
                file=self.path,
                remedy="Give it: --fasta genome.fa.",
            )
        if self._names is None:
            self._names = map_contigs(
                self.contigs,
                self._reference.contigs,
                wanted_file=self.path,
                available_file=self._reference.path,
                announce=False,
            )
        return self._reference, self._names.get(chrom)


def _turned(sites: Sites, turned: np.ndarray) -> Sites:
    """The records with REF and ALT of some exchanged; an allele that the .bim does not know is a missing ALT."""
    starts = np.stack([sites.first[:-1], sites.ref_end + 1, sites.alt_end + 1], axis=1)
    ends = np.stack([sites.ref_end + 1, sites.alt_end + 1, sites.first[1:]], axis=1)
    starts[turned, :2], ends[turned, :2] = starts[turned, 1::-1], ends[turned, 1::-1]
    size = (ends - starts).ravel()
    first = np.concatenate([[0], np.cumsum(size)])
    text = sites.text[np.arange(first[-1]) + np.repeat(starts.ravel() - first[:-1], size)]
    unknown = first[1:-1:3][text[first[1:-1:3]] == ord("0")]
    text[unknown] = ord(".")
    return Sites.of_text(text, first[::3])


def _check_size(path: Path, n_records: int, n_samples: int) -> None:
    with path.open("rb") as file:
        magic = file.read(3)
    if magic[:2] == b"\x6c\x1b" and magic[2:] == b"\x00":
        raise InputError(
            "is written person by person, as PLINK did long ago, and cannot be read by region",
            file=path,
            remedy=f"Write it anew: plink1.9 --bfile {path.with_suffix('')} --make-bed --out calls",
        )
    expected, found = 3 + n_records * -(-n_samples // 4), path.stat().st_size
    if found != expected:
        raise InputError(
            f"has {found} bytes, and {n_records} records of {n_samples} people are {expected}",
            file=path,
            remedy="It is cut short, or its .bim or .fam is another one's: give the three files of one data set.",
        )
    if n_records and _has_more_people(path, n_records, n_samples):
        raise InputError(
            f"has more than the {n_samples} people of its .fam, and as many records",
            file=path,
            remedy="The .fam is cut short, or another one's: give the three files of one data set.",
        )


def _has_more_people(path: Path, n_records: int, n_samples: int) -> bool:
    """Whether there are calls where nobody's are: in the bits of a record's last byte behind the last person's."""
    n_last = n_samples % 4
    records = np.memmap(path, dtype=np.uint8, mode="r", offset=3, shape=(n_records, -(-n_samples // 4)))
    return n_last > 0 and bool((records[:_RECORDS_LOOKED_AT, -1] >> 2 * n_last).any())


@lru_cache(maxsize=4)
def _read(bim: Path, modified: int, size: int) -> tuple[SiteTable, dict[str, ContigSites]]:
    """A .bim as it is now: people are read one after the other, and it is read once for them all."""
    table = read_bim(bim)
    lengths = np.maximum(table.lengths(), _second_lengths(table))
    return table, by_contig([plink_contig(name) for name in table.contigs], table.code, table.position, lengths)


def _second_lengths(table: SiteTable) -> np.ndarray:
    """Bases of the allele that is REF when a record is turned."""
    tabs = np.flatnonzero(table.text == ord("\t")).reshape(-1, 2)
    return np.asarray(tabs[:, 1] - tabs[:, 0] - 1)

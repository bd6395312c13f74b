"""Calls of many people in a region, read of all of them at once: from a file of any format, from several, or stores."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from .appended_people import appended_to
from .appending import people_in
from .call_blocks import RegionCalls
from .checked_file import DamagedFileError
from .cohort_files import CohortFiles, Genotypes, GivenGenotypes
from .cohort_rows import CohortRows, Reading
from .cohort_source import call_source, is_read_by_rows
from .contigs import map_contigs
from .person_records import matched_contigs
from .records_at import RecordsAt, records_of_region, records_of_rows
from .reference import ReferenceGenome
from .sample_names import ALL_SAMPLES, chosen_samples
from .variant_files import genotype_source, open_files, paths_of, sources_of
from .variant_store import store_of

Result = TypeVar("Result")
# Characters of a VCF that are decoded at a time: less than where a store is made, as what is made of them is small.
_TEXT_AT_ONCE = 1 << 20
# Bases between two places beyond which what lies between them is not read on the way.
_GAP_OF_TEXTS, _GAP_OF_STORES = 5_000, 100_000_000


class CohortCalls:
    """Some people of one source; one file of it is open at a time.

    Args:
        source: the file, or several, looked over.
        samples: whose calls, names or ``"all"``; by their order they are numbered.
        reference: the FASTA, by whose contig names regions are asked for; None = by those of the source, or as they
            are spelt with ``chr`` or without.
        reading: how genotypes are read that are no plain calls.
        rows_first: of a file that can be read by rows, such as a PGEN, no store is read: few records of all people are
            wanted, and a store has them person by person.

    Attributes:
        path: the source.
        samples: their names.
        damage: what was found damaged in stores, a sentence each.

    Raises:
        InputError: the source cannot be read; its contigs are not the FASTA's.
        SampleError: somebody is not in it.
    """

    def __init__(
        self,
        source: Genotypes,
        samples: Sequence[str],
        *,
        reference: ReferenceGenome | None = None,
        reading: Reading | None = None,
        rows_first: bool = False,
    ) -> None:
        self.path = source if isinstance(source, (Path, CohortFiles)) else Path(source)
        self._rows_first = rows_first
        self._reading = reading or Reading(reference)
        file = open_files(source, reading=self._reading)
        try:
            self.samples = tuple(chosen_samples(source, file.samples, samples))
            self._contigs = tuple(file.contigs)
            self._contig_of = None if reference is None else matched_contigs(reference, file)
        finally:
            file.close()
        self.damage: list[str] = []
        self._without_store: set[Path] = set()
        self._reader: _Reader | None = None

    def file_contig(self, chrom: str) -> str | None:
        """How the source calls a contig; None where it has none such."""
        if self._contig_of is not None:
            return self._contig_of.get(chrom)
        names = map_contigs([chrom], self._contigs, wanted_file="", available_file=self.path, announce=False)
        return names.get(chrom)

    def read(self, chrom: str, start: int, end: int, use: Callable[[Iterator[RegionCalls]], Result]) -> Result:
        """Do something with a region's records and calls, in file order; nothing of a contig that the source lacks.

        Args:
            chrom, start, end: 0-based half-open.
            use: takes them and is done with them when it comes back; it is called again where a store was damaged.

        Raises:
            InputError: a record of any sample is malformed, or has lengths by sample (FORMAT/LEN).
        """
        name, failures = self.file_contig(chrom), Counter[Path]()
        while True:
            try:
                return use(iter(()) if name is None else self._regions(name, start, end))
            except DamagedFileError as error:
                self._mend(name or chrom, error, failures)

    def records_at(self, chrom: str, position: np.ndarray) -> Iterator[RecordsAt]:
        """The records that begin at given places of a contig, in file order, each once whatever is damaged on the way.

        Those that are no SNPs, and begin some bases before, come too: they may write bases that do not differ.

        Args:
            chrom: the contig; nothing of one that the source lacks.
            position: (p,) int64, 0-based, ascending.

        Raises:
            InputError: as of :meth:`read`; a call of an allele that its record does not have.
        """
        name, failures, n_done = self.file_contig(chrom), Counter[Path](), 0
        while name is not None and len(position):
            n_seen = 0
            try:
                for reader in self._readers(name, int(position[0]), int(position[-1]) + 1):
                    for records in reader.records_at(name, position):
                        rest = records.behind(max(0, n_done - n_seen))
                        n_seen += len(records)
                        if len(rest):
                            n_done = n_seen
                            yield rest
                return
            except DamagedFileError as error:
                self._mend(name, error, failures)

    def close(self) -> None:
        """Close what is open."""
        self._let_go()

    def _mend(self, name: str, error: DamagedFileError, failures: Counter[Path]) -> None:
        """Mend the store that is damaged, or leave it aside from now on.

        Raises:
            DamagedFileError: no store is read.
        """
        reader = self._reader
        if reader is None or reader.store is None:
            raise error
        failures[reader.path] += 1
        # The first time it is read once more, as another process may have mended it.
        if failures[reader.path] > 1 and not reader.store.mend(name, error):
            self._without_store.add(reader.path)
        self._let_go()

    def _regions(self, name: str, start: int, end: int) -> Iterator[RegionCalls]:
        for reader in self._readers(name, start, end):
            yield from reader.regions(name, start, end)

    def _readers(self, name: str, start: int, end: int) -> Iterator["_Reader"]:
        """Of the files that have records in a stretch, one after the other."""
        pieces: Sequence[Path] = paths_of(self.path)
        if isinstance(self.path, CohortFiles):
            pieces = [each.path for each in self.path.pieces.get(name, ()) if each.first < end and each.end > start]
        for path in pieces:
            if self._reader is None or self._reader.path != path:
                self._let_go()
                has_store = path not in self._without_store and not (self._rows_first and is_read_by_rows(path))
                self._reader = _Reader(path, self.samples, self._reading, has_store=has_store)
            yield self._reader

    def _let_go(self) -> None:
        if self._reader is not None:
            self.damage += [] if self._reader.store is None else self._reader.store.damage
            self._reader.close()
            self._reader = None


class _Reader:
    """One file, or its store, of some people."""

    def __init__(self, path: Path, samples: Sequence[str], reading: Reading, *, has_store: bool) -> None:
        self.path = path
        self.store = store_of(path, samples, reading=reading) if has_store else None
        self._file = None if self.store else call_source(path, text_at_once=_TEXT_AT_ONCE, reading=reading)
        opened = self.store or self._file
        assert opened is not None
        self._numbers = np.arange(len(opened.samples))
        if tuple(samples) != tuple(opened.samples):
            place = {name: number for number, name in enumerate(opened.samples)}
            self._numbers = np.array([place[name] for name in samples], dtype=np.int64)

    def regions(self, name: str, start: int, end: int) -> Iterator[RegionCalls]:
        """Records of a region with the people's calls."""
        if self.store is not None:
            yield from self.store.region_calls(name, start, end, self._numbers)
        elif self._file is not None and start < end:
            order = np.argsort(self._numbers)
            for block in self._file.blocks(name, start, end, self._numbers[order]):
                yield RegionCalls.of_block(block, start, end, order)

    def records_at(self, name: str, position: np.ndarray) -> Iterator[RecordsAt]:
        """Records that begin at given places, ascending, with the people's calls."""
        if isinstance(self._file, CohortRows):
            yield from records_of_rows(self._file, name, position, self._numbers)
            return
        gap = _GAP_OF_STORES if self.store else _GAP_OF_TEXTS
        for places in np.split(position, np.flatnonzero(np.diff(position) > gap) + 1):
            for region in self.regions(name, int(places[0]), int(places[-1]) + 1):
                yield records_of_region(region, places, len(self._numbers), self.path, name)

    def close(self) -> None:
        for each in (self.store, self._file):
            if each is not None:
                each.close()


def open_calls(
    given: GivenGenotypes,
    samples: Sequence[str] = ALL_SAMPLES,
    *,
    reference: ReferenceGenome | None = None,
    reading: Reading | None = None,
    rows_first: bool = False,
) -> list[CohortCalls]:
    """The sources in which people are: one, but where some were appended to a cohort.

    Args:
        given: a file of genotypes, or several, as for ``PersonalGenome``.
        samples: names, or ``"all"``.
        reference, reading, rows_first: as of :class:`CohortCalls`.

    Raises:
        InputError: as of :class:`CohortCalls`.
    """
    source = genotype_source(given)
    if not appended_to(paths_of(source)[0]):
        return [CohortCalls(source, samples, reference=reference, reading=reading, rows_first=rows_first)]
    names = chosen_samples(source, people_in(source), samples)
    return [
        CohortCalls(each, people, reference=reference, reading=reading, rows_first=rows_first)
        for each, people in sources_of(source, names)
    ]

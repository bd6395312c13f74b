"""Genotypes of a cohort, read once from its VCF and kept as columns that are mapped from disk.

A VCF is text by record, so that one person's records cost reading everybody's. A store is by person: what a record is
stands once, and of each person's calls only those that are not 0/0, in one to two bytes each. It holds what sequences
depend on (no GQ, no DP), and is another form of one file: of a file that has changed it is not used. Where a piece of
it is damaged, its contig is read anew from the file.
"""

import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..addresses import as_given
from ..errors import InputError
from .call_blocks import RegionCalls
from .checked_file import DamagedFileError
from .cohort_rows import Reading
from .cohort_source import CohortFile, call_source, cohort_source, read_by
from .contig_file import ContigFile, opened_contig
from .contig_work import write_contig
from .record_columns import MISSING, Record, RecordColumns
from .sample_names import chosen_sample
from .store_layout import (
    LONGER,
    REMEDY,
    EarlierStoreError,
    StoreLimits,
    default_store,
    read_description,
    source_of,
)
from .store_sites import Sites
from .variant_file_kind import FileKind, kind_of

logger = logging.getLogger(__name__)

# What a store was made by.
_READ_BY = {FileKind.BGEN: "--min-probability", FileKind.BED: "FASTA"}
# Blocks of which one person's calls are kept decoded: a stretch lies in few, and the next one mostly in the same.
_BLOCKS_KEPT = 4


class _PersonalBlock(NamedTuple):
    """One person's calls in a block of R records, (R,) each; all but the first as of ``RecordColumns``."""

    genotype: np.ndarray
    first: np.ndarray
    second: np.ndarray
    is_snp: np.ndarray
    is_hom_ref: np.ndarray
    text_first: np.ndarray


class VariantStore:
    """One sample of a store; reads as :class:`VariantFile` does.

    Damage is looked for in what is read. A contig in which there is some is written anew from the file; where that
    cannot be done, the file itself is read from then on. Either is said in a warning.

    Args:
        vcf: the file that the store was made of.
        folder: the store.
        sample: name of the sample; None = the only one.
        reading: how the file is read where the store is damaged.

    Attributes:
        path: of the VCF.
        samples, sample, contigs, index_is_older: as of :class:`VariantFile`.
        described: as of ``CohortRows``; None of a VCF.
        damage: what was found damaged, a sentence each.

    Raises:
        InputError: the store's description is damaged, or is that of another file or version (see :func:`is_current`).
        SampleError: the sample is not there, or none is named where there are several.
    """

    def __init__(
        self,
        vcf: str | PathLike[str],
        folder: str | Path,
        sample: str | None = None,
        *,
        reading: Reading | None = None,
    ) -> None:
        self.path = vcf if isinstance(vcf, Path) else Path(vcf)
        self.folder, self._reading = Path(folder), reading
        description = read_description(self.folder)
        if description["source"] != source_of(self.path):
            raise InputError("is not a store of this file", file=self.folder, record=str(self.path), remedy=REMEDY)
        self.samples = tuple(description["samples"])
        self.sample = chosen_sample(self.path, self.samples, sample)
        self.contigs: dict[str, int | None] = description["contigs"]
        self.index_is_older = bool(description["index_is_older"])
        self._files = {file["contig"]: file for file in description["files"]}
        self._limits = StoreLimits(**description["limits"])
        self._column = self.samples.index(self.sample) if self.sample is not None else 0
        self._personal = lru_cache(_BLOCKS_KEPT)(self._read_personal)
        self._file: CohortFile | None = None
        self.described: dict[str, Any] | None = description["format"]
        self.damage: list[str] = []

    @property
    def indexed_contigs(self) -> list[str]:
        """Contigs that have records, in the order of the file."""
        return [name for name, file in self._files.items() if file["records"]]

    def columns(self, chrom: str, start: int, end: int, *, needs_quality: bool = False) -> Iterator[RecordColumns]:
        """As :meth:`VariantFile.columns`.

        Raises:
            ValueError: GQ or DP are asked for.
        """
        if needs_quality:
            raise ValueError("a store holds no GQ and no DP")
        yield from self._found(chrom, start, end)

    def close(self) -> None:
        """Let go of the file, and of what was decoded."""
        self._personal.cache_clear()
        if self._file is not None:
            self._file.close()

    def _found(self, chrom: str, start: int, end: int) -> Iterable[RecordColumns]:
        """All records asked for, or those of the file: none is given away before all were found to hold."""
        if self._file is None:
            try:
                return list(self._stored(chrom, start, end))
            except DamagedFileError:
                self._personal.cache_clear()  # another process, or another person's reader, may have mended it
            try:
                return list(self._stored(chrom, start, end))
            except DamagedFileError as error:
                if self.mend(chrom, error):
                    return list(self._stored(chrom, start, end))
            self._file = cohort_source(self.path, self.sample, reading=self._reading)
        return self._file.columns(chrom, start, end)

    def region_calls(self, chrom: str, start: int, end: int, samples: np.ndarray) -> Iterator[RegionCalls]:
        """Records that overlap [start, end) of a contig (and others), and some people's calls, one after the other's.

        Args:
            chrom, start, end: 0-based half-open, by the file's names.
            samples: indices of the people, by whose order they are then numbered.

        Raises:
            DamagedFileError: there is damage, which :meth:`mend` may mend; of the calls when they are read.
        """
        if chrom in self._files and start < end:
            contig = self._contig(chrom)
            for block in contig.blocks(start, end):
                yield contig.region_calls(block, start, end, samples)

    def _stored(self, chrom: str, start: int, end: int) -> Iterator[RecordColumns]:
        if chrom not in self._files or start >= end:
            return
        contig = self._contig(chrom)
        for block in contig.blocks(start, end):
            rows = contig.rows(block, start, end)
            columns = self._columns(contig, block, rows)
            if len(columns):
                yield columns

    def _contig(self, chrom: str) -> ContigFile:
        file = self._files[chrom]
        return opened_contig(self.folder / file["file"], file["checksum"])

    def mend(self, chrom: str, damage: DamagedFileError) -> bool:
        """Write a contig anew from the file, where damage was found; whether it is again what it was."""
        self._say(f"{damage}; the contig {chrom} is read anew from {as_given(self.path)}")
        path = self.folder / self._files[chrom]["file"]
        made = path.with_name(f".{path.name}.{uuid.uuid4().hex}.mended")
        source = call_source(self.path, text_at_once=self._limits.text, reading=self._reading)
        try:
            write_contig(source, chrom, made, self._limits, self.samples)
            if ContigFile(made).checksum == self._files[chrom]["checksum"]:
                with suppress(FileNotFoundError):
                    path.replace(path.with_name(f"{path.name}.damaged"))
                made.replace(path)
                self._personal.cache_clear()
                return True
            problem = "the file holds something else now"
        except (InputError, OSError) as error:
            problem = str(error)
        finally:
            source.close()
            with suppress(OSError):
                made.unlink(missing_ok=True)
        self._say(f"{self.folder}: cannot be mended ({problem}), {as_given(self.path)} itself is read. {REMEDY}")
        return False

    def _say(self, damage: str) -> None:
        self.damage.append(damage)
        logger.warning("%s", damage)

    def _read_personal(self, chrom: str, block: int) -> _PersonalBlock:
        contig = self._contig(chrom)
        sites = contig.sites(block)
        records, carried = contig.calls(block).of_person(self._column)
        genotype = np.zeros(len(sites.position), dtype=np.uint16)
        first, second = np.zeros((2, len(genotype)), dtype=np.int8)
        genotype[records] = carried
        one, two = contig.alleles[carried].T
        first[records], second[records] = one, two
        is_snp, is_hom_ref = sites.is_site.copy(), sites.has_alt.copy()
        is_snp[records] &= (one >= MISSING) & (one <= 1) & (two >= MISSING) & (two <= 1)
        is_hom_ref[records] &= (one == 0) & (two == 0)
        text_first = sites.letters_first.copy()
        text_first[records[one < MISSING]] = -1
        return _PersonalBlock(genotype, first, second, is_snp, is_hom_ref, text_first)

    def _columns(self, contig: ContigFile, block: int, rows: slice | np.ndarray) -> RecordColumns:
        sites, personal = contig.sites(block), self._personal(contig.contig, block)
        genotype = personal.genotype[rows]
        low = rows.start if isinstance(rows, slice) else 0

        def record(index: int) -> Record:
            row = low + index if isinstance(rows, slice) else int(rows[index])
            return _record(contig, sites, row, int(genotype[index]))

        return RecordColumns(
            position=sites.position[rows],
            end=sites.end[rows],
            is_snp=personal.is_snp[rows],
            is_hom_ref=personal.is_hom_ref[rows],
            ref=sites.ref[rows],
            alt=sites.alt[rows],
            first=personal.first[rows],
            second=personal.second[rows],
            passes=sites.passes[rows],
            alleles=sites.alleles[rows],
            record=record,
            text=sites.text,
            text_first=personal.text_first[rows],
        )


def _record(contig: ContigFile, sites: Sites, row: int, genotype: int) -> Record:
    """A record of a block, as one has it who carries a genotype of the contig's list."""
    ref, alts, filters = sites.text_of(row).split("\t")
    position, unseen = int(sites.position[row]), int((sites.flags[row] & LONGER) > 0)
    return Record(
        position=position,
        alleles=(ref,) if alts == "." else (ref, *alts.split(",")),
        length=int(sites.end[row]) - position + unseen,
        genotype=contig.genotypes[genotype],
        phased="/" not in contig.written[genotype],
        filters="PASS" if sites.passes[row] else filters,
        gq=None,
        dp=None,
        unseen=unseen,
    )


def open_variants(
    path: str | PathLike[str], sample: str | None, *, needs_quality: bool, reading: Reading | None = None
) -> CohortFile | VariantStore:
    """A file's store where there is one, else the file.

    Args:
        path: of the file, see ``cohort_source``.
        sample: as for :class:`VariantFile`.
        needs_quality: GQ or DP will be asked for, which a store does not hold.
        reading: how genotypes are read that are no plain calls; a store was made by what held then.
    """
    store = store_of(path, [] if sample is None else [sample], needs_quality=needs_quality, reading=reading)
    return store or cohort_source(path, sample, reading=reading)


def store_of(
    path: str | PathLike[str], samples: Sequence[str], *, needs_quality: bool = False, reading: Reading | None = None
) -> VariantStore | None:
    """A file's store, of the first of some people; None where there is none that has them all, which is said.

    Args:
        path, needs_quality, reading: as of :func:`open_variants`.
        samples: who is read; nobody = the only one there is.
    """
    folder = default_store(path)
    if not folder.is_dir():
        return None
    kind = kind_of(path)
    if needs_quality:
        logger.info("%s: its store has no GQ and no DP, the file itself is read", as_given(path))
        return None
    say = logger.warning
    try:
        description = read_description(folder)
        if description["source"] != source_of(Path(path)):
            problem = f"{as_given(path)} has changed since `variantformer ingest`, and its store is not used."
        elif description["read_by"] != read_by(path, reading):
            problem = f"{as_given(path)}: its store was made by another {_READ_BY[kind]}, and is not used."
        elif description.get("is_part") and not (samples and set(samples) <= set(description["samples"])):
            problem, say = f"{as_given(path)}: its store holds other people of it.", logger.info
        else:
            return VariantStore(path, folder, samples[0] if samples else None, reading=reading)
    except EarlierStoreError as error:
        problem, say = f"{error}.", _say_once
    except InputError as error:
        problem = str(error)
    say(f"{problem} The file itself is read.")
    return None


def damage_in(folder: str | Path) -> str | None:
    """The first damage in a store, all of which is read; None where it is whole."""
    try:
        for file in read_description(Path(folder))["files"]:
            ContigFile(Path(folder) / file["file"], file["checksum"]).check()
    except InputError as error:
        return str(error)
    return None


@lru_cache(None)
def _say_once(text: str) -> None:
    logger.warning("%s", text)

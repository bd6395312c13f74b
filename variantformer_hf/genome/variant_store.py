"""Genotypes of a cohort, read once from its VCF and kept as columns that are mapped from disk.

A VCF is text by record, so that one person's records cost reading everybody's. A store is by person: what a record is
stands once, and of each person's calls only those that are not 0/0, as pairs of record and genotype. It holds what
sequences depend on (no GQ, no DP), and is another form of one file: of a file that has changed it is not used. Where a
block of it is damaged, its contig is read anew from the file.
"""

import logging
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from os import PathLike
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from xxhash import xxh3_64_hexdigest

from ..errors import InputError
from .checked_columns import CheckedColumn, DamagedColumnError, n_blocks
from .cohort_rows import Reading
from .cohort_source import CohortFile, call_source, cohort_source, read_by
from .record_columns import MISSING, Record, RecordColumns
from .sample_names import chosen_sample
from .store_layout import (
    CHECKSUMS,
    COLUMNS,
    HOM_REF,
    LONGER,
    PASSES,
    REMEDY,
    SITE,
    StoreLimits,
    default_store,
    read_description,
    source_of,
)
from .variant_file_kind import kind_of
from .variant_ingest import write_contig
from .variants import genotype_of

logger = logging.getLogger(__name__)


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
        self.path, self.folder, self._reading = Path(vcf), Path(folder), reading
        description = read_description(self.folder)
        if description["source"] != source_of(self.path):
            raise InputError("is not a store of this file", file=self.folder, record=str(self.path), remedy=REMEDY)
        self.samples = tuple(description["samples"])
        self.sample = chosen_sample(self.path, self.samples, sample)
        self.contigs: dict[str, int | None] = description["contigs"]
        self.index_is_older = bool(description["index_is_older"])
        self._segments: list[dict[str, Any]] = description["segments"]
        self._limits = StoreLimits(**description.get("limits", {}))
        self._column = self.samples.index(self.sample) if self.sample is not None else 0
        self._genotypes = [genotype_of(text) for text in description["genotypes"]]
        self._texts: list[str] = description["genotypes"]
        # The alleles of a genotype of two, -2 where it is any other.
        pairs = [each if len(each) == 2 else (-2, -2) for each in self._genotypes]
        table = [[MISSING if allele is None else allele for allele in pair] for pair in pairs]
        self._alleles = np.clip(np.array(table, dtype=np.int64).reshape(-1, 2), -2, 100).astype(np.int8)
        self._arrays: dict[str, dict[str, CheckedColumn]] = {}
        self._file: CohortFile | None = None
        self.described: dict[str, Any] | None = description["format"]
        self.damage: list[str] = []

    @property
    def indexed_contigs(self) -> list[str]:
        """Contigs that have records, in the order of the file."""
        return list(dict.fromkeys(segment["contig"] for segment in self._segments))

    def columns(self, chrom: str, start: int, end: int, *, needs_quality: bool = False) -> Iterator[RecordColumns]:
        """As :meth:`VariantFile.columns`.

        Raises:
            ValueError: GQ or DP are asked for.
        """
        if needs_quality:
            raise ValueError("a store holds no GQ and no DP")
        yield from self._found(chrom, start, end)

    def close(self) -> None:
        """Let go of the files."""
        self._arrays = {}
        if self._file is not None:
            self._file.close()

    def _found(self, chrom: str, start: int, end: int) -> Iterable[RecordColumns]:
        """All records asked for, or those of the file: none is given away before all were found to hold."""
        if self._file is None:
            try:
                return list(self._stored(chrom, start, end))
            except DamagedColumnError:
                self._arrays = {}  # what was opened before another process, or another person's reader, mended it
            try:
                return list(self._stored(chrom, start, end))
            except DamagedColumnError as error:
                if self._mend(chrom, error):
                    return list(self._stored(chrom, start, end))
            self._file = cohort_source(self.path, self.sample, reading=self._reading)
        return self._file.columns(chrom, start, end)

    def _stored(self, chrom: str, start: int, end: int) -> Iterator[RecordColumns]:
        for segment in self._segments:
            if segment["contig"] == chrom and start < end:
                arrays = self._opened(segment)
                position = arrays["position"].rows(0, segment["records"])
                low = int(np.searchsorted(position, start - segment["longest"]))
                high = int(np.searchsorted(position, end))
                rows = low + np.flatnonzero((arrays["end"].rows(low, high) > start) & (position[low:high] >= 0))
                if len(rows):
                    yield self._columns(arrays, rows)

    def _mend(self, chrom: str, damage: DamagedColumnError) -> bool:
        """Write the columns of a contig anew from the file; whether they are again what they were."""
        self._say(f"{damage}; the contig {chrom} is read anew from {self.path}")
        of_contig = [segment for segment in self._segments if segment["contig"] == chrom]
        partial = self.folder.with_name(f".{self.folder.name}.{uuid.uuid4().hex}.partial")
        file = call_source(self.path, text_at_once=self._limits.text, reading=self._reading)
        try:
            partial.mkdir()
            codes = {text: code for code, text in enumerate(self._texts)}
            made = write_contig(file, chrom, partial, self._segments.index(of_contig[0]), codes, self._limits)
            if made == of_contig:
                damaged = Path(damage.file or "")
                with suppress(FileNotFoundError):
                    damaged.replace(damaged.with_name(f"{damaged.name}.damaged"))
                for path in partial.iterdir():
                    path.replace(self.folder / path.name)
                self._arrays = {}
                return True
            problem = "the file holds something else now"
        except (InputError, OSError) as error:
            problem = str(error)
        finally:
            file.close()
            shutil.rmtree(partial, ignore_errors=True)
        self._say(f"{self.folder}: cannot be mended ({problem}), {self.path} itself is read. {REMEDY}")
        return False

    def _say(self, damage: str) -> None:
        self.damage.append(damage)
        logger.warning("%s", damage)

    def _columns(self, arrays: dict[str, CheckedColumn], rows: np.ndarray) -> RecordColumns:
        low, high = int(rows[0]), int(rows[-1]) + 1

        def of_rows(name: str) -> np.ndarray:
            return arrays[name].rows(low, high)[rows - low]

        # All that a record may be asked for is looked at here, so that none is met damaged later.
        text_first = arrays["text_first"].rows(low, high + 1)
        text_first, texts = text_first - text_first[0], arrays["text"].rows(int(text_first[0]), int(text_first[-1]))
        first, last = arrays["first"].rows(self._column, self._column + 2).tolist()
        carried = arrays["call_record"].rows(first, last)
        begin, end = np.searchsorted(carried, [low, high]).tolist()
        place = np.searchsorted(rows, carried[begin:end])
        place = np.minimum(place, len(rows) - 1)
        inside = rows[place] == carried[begin:end]
        code = np.full(len(rows), -1, dtype=np.int64)
        code[place[inside]] = arrays["call_code"].rows(first + begin, first + end)[inside]
        alleles = np.zeros((len(rows), 2), dtype=np.int8)
        listed = code >= 0
        alleles[listed] = self._alleles[code[listed]]
        flags = of_rows("flags")
        one, two = alleles[:, 0], alleles[:, 1]
        is_snp = ((flags & SITE) > 0) & (one >= MISSING) & (one <= 1) & (two >= MISSING) & (two <= 1)

        position, end, ref, alt = (of_rows(name) for name in ("position", "end", "ref", "alt"))

        def record(index: int) -> Record:
            first, last = text_first[rows[index] - low : rows[index] - low + 2].tolist()
            text = texts[first:last].tobytes().decode() or f"{chr(ref[index])}\t{chr(alt[index])}\tPASS"
            length = int(end[index]) - int(position[index])
            return self._record(text, int(position[index]), length, int(flags[index]), int(code[index]))

        return RecordColumns(
            position=position.astype(np.int64),
            end=end.astype(np.int64),
            is_snp=is_snp,
            is_hom_ref=((flags & HOM_REF) > 0) & (one == 0) & (two == 0),
            ref=ref,
            alt=alt,
            first=one,
            second=two,
            passes=(flags & PASSES) > 0,
            alleles=of_rows("alleles"),
            record=record,
        )

    def _record(self, text: str, position: int, length: int, flags: int, code: int) -> Record:
        """A record of its REF, ALT and FILTER, tabs between them."""
        ref, alts, filters = text.split("\t")
        written = "0/0" if code < 0 else self._texts[code]
        unseen = int((flags & LONGER) > 0)
        return Record(
            position=position,
            alleles=(ref,) if alts == "." else (ref, *alts.split(",")),
            length=length + unseen,
            genotype=(0, 0) if code < 0 else self._genotypes[code],
            phased="/" not in written,
            filters="PASS" if flags & PASSES else filters,
            gq=None,
            dp=None,
            unseen=unseen,
        )

    def _opened(self, segment: dict[str, Any]) -> dict[str, CheckedColumn]:
        name = segment["name"]
        if name not in self._arrays:
            self._arrays[name] = _open_segment(self.folder, segment)
        return self._arrays[name]


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
    folder = default_store(path)
    if folder.is_dir() and kind_of(path):
        if needs_quality:
            logger.info("%s: its store has no GQ and no DP, the file itself is read", path)
        else:
            try:
                description = read_description(folder)
                if description["source"] != source_of(Path(path)):
                    problem = f"{path} has changed since `variantformer ingest`, and its store is not used."
                elif description["read_by"] != read_by(path, reading):
                    problem = f"{folder}: was made by another --min-probability, and is not used."
                else:
                    return VariantStore(path, folder, sample, reading=reading)
            except InputError as error:
                problem = str(error)
            logger.warning("%s The file itself is read.", problem)
    return cohort_source(path, sample, reading=reading)


def damage_in(folder: str | Path) -> str | None:
    """The first damage in a store, all of which is read; None where it is whole."""
    try:
        for segment in read_description(Path(folder))["segments"]:
            for column in _open_segment(Path(folder), segment).values():
                column.rows(0, len(column))
    except InputError as error:
        return str(error)
    return None


def _open_segment(folder: Path, segment: dict[str, Any]) -> dict[str, CheckedColumn]:
    """The columns of a segment, mapped.

    Raises:
        DamagedColumnError: a file is missing, or of another size.
    """
    path = folder / f"{segment['name']}.{CHECKSUMS}.npy"
    try:
        checksums = np.load(path, allow_pickle=False)
        if xxh3_64_hexdigest(checksums.tobytes()) != segment[CHECKSUMS]:
            raise ValueError("it is not what was written")
    except (OSError, ValueError, EOFError, TokenError) as error:
        raise DamagedColumnError(f"is a damaged file of a store ({error})", file=path) from error
    columns: dict[str, CheckedColumn] = {}
    first = 0
    for name, kind in COLUMNS.items():
        length = segment["lengths"][name]
        last = first + n_blocks(kind, length)
        columns[name] = CheckedColumn(folder / f"{segment['name']}.{name}.npy", kind, length, checksums[first:last])
        first = last
    return columns

"""Reading one sample's records from an indexed VCF or BCF, region by region."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pysam

from ..errors import InputError
from ..remote.mirror import MirroredFile
from .local_files import local_file
from .record_columns import Record, RecordColumns, of_lines
from .region_bytes import RegionBytes, fetch_ends, fetch_header, fetch_index, fetch_region, fetched_stretches
from .sample_names import FIXED_COLUMNS, check_names, chosen_sample
from .span_keys import SpanKeys
from .variant_file_kind import check_is_whole, index_of, is_bcf

if TYPE_CHECKING:
    from .indexed_text import IndexedText

_TAKEN_OTHERWISE = re.compile(r"^[-^]|,")
_CONTIG = re.compile(r"##contig=<(.*)>")
_LINES_AT_ONCE = 16_384
BEHIND_ANY_CONTIG = (1 << 31) - 1
# bcftools packs alleles in a byte and refuses beyond it; what it refuses is refused here too.
MOST_ALLELES = 63


class CallOfSet(NamedTuple):
    """A call of a record whose calls may have a phase set (FORMAT has PS).

    Attributes:
        position: of the record, 0-based.
        alleles: REF, then the ALTs.
        phase_set: as it stands; "" = it has none.
    """

    position: int
    alleles: tuple[str, ...]
    phase_set: str


class VariantFile:
    """An indexed VCF or BCF, of which one sample is read.

    Args:
        path: a bgzipped VCF (with .tbi or .csi) or a BCF (with .csi), told apart by their content.
        sample: name of the sample; None = the only one.
        all_samples: :meth:`lines` are wanted, of all samples; others read the first one then.

    Attributes:
        path: of the file.
        samples: names of all samples.
        sample: the one that is read; None in a file without samples.
        contigs: name -> length from the header; None where the header does not say.
        span_keys: which keys say how far records span.

    Raises:
        InputError: the file cannot be read, or is of another kind; the message names the way to a VCF.
        MissingIndexError: it has no index.
        SampleError: the sample is not there, or none is named where there are several.
    """

    def __init__(self, path: str | PathLike[str], sample: str | None = None, *, all_samples: bool = False) -> None:
        self.path = local_file(path, "VCF or BCF")
        remote = self.path if isinstance(self.path, MirroredFile) else None
        if remote is not None:
            fetch_ends(remote)
        self._is_bcf = is_bcf(self.path)
        if remote is not None:
            fetch_index(remote, is_bcf=self._is_bcf)
        self._index = index_of(self.path, is_bcf=self._is_bcf)
        self._bytes_of = None if remote is None else fetch_header(remote, self._index)
        if not self._is_bcf:
            check_is_whole(self.path)
        try:
            if self._is_bcf:
                self._bcf = pysam.VariantFile(str(self.path), index_filename=str(self._index))
                if self._bcf.index is None:
                    self.close()
                    raise OSError("the index cannot be read")
                header = str(self._bcf.header).splitlines()
            else:
                self._vcf = pysam.TabixFile(str(self.path), index=str(self._index), encoding="utf-8")
                header = list(self._vcf.header)
        except (OSError, ValueError, NotImplementedError) as error:
            if hasattr(self, "_bcf"):
                self.close()
            raise InputError(
                "cannot be read as an indexed VCF or BCF",
                file=self.path,
                remedy="It may be cut short, or its index may belong to another file: fetch it again or index it anew.",
            ) from error
        try:
            self._choose(header, sample, all_samples=all_samples)
        except InputError:
            self.close()
            raise

    def _choose(self, header: Sequence[str], sample: str | None, *, all_samples: bool) -> None:
        """Take from the header what the file holds, and find the sample to read."""
        columns = header[-1].split("\t") if header else []
        if columns[:5] != ["#CHROM", "POS", "ID", "REF", "ALT"]:
            raise InputError(
                "has no #CHROM header line: it is cut short, or no VCF",
                file=self.path,
                remedy="Fetch it again, or give a VCF or BCF.",
            )
        self.samples = tuple(columns[FIXED_COLUMNS:])
        check_names(self.path, self.samples)
        self.span_keys = SpanKeys.declared(header)
        if all_samples:
            self.sample = self.samples[0] if self.samples else None
        else:
            self.sample = chosen_sample(self.path, self.samples, sample)
        self._column = None if self.sample is None else FIXED_COLUMNS + self.samples.index(self.sample)
        self._columns = self.samples  # whose calls a line has
        # htslib takes `-`, `^` and commas in the names of samples that it is to keep for something else.
        is_plain = self.sample is not None and _TAKEN_OTHERWISE.search(self.sample) is None
        if self._is_bcf and self.sample is not None and is_plain and not all_samples:
            self._bcf.subset_samples([self.sample])
            self._column = FIXED_COLUMNS
            self._columns = (self.sample,)
        self.contigs = header_contigs(header)
        indexed = self._bcf.index.keys() if self._is_bcf else self._vcf.contigs
        self._indexed = set(indexed)
        self.contigs.update({name: None for name in indexed if name not in self.contigs})

    @property
    def call_column(self) -> int | None:
        """Number of the sample's column in :meth:`lines`, from 0; None in a file without samples."""
        return self._column

    @property
    def index_is_older(self) -> bool:
        """Whether the file was written after its index, which may then miss records."""
        return self._index.stat().st_mtime + 1 < self.path.stat().st_mtime

    @property
    def indexed_contigs(self) -> list[str]:
        """Contigs that have records, in the order of the header."""
        # The index of a BCF also names contigs of the header without any.
        return [name for name in self.contigs if name in self._indexed and (not self._is_bcf or self.has_records(name))]

    def lines(self, chrom: str) -> Iterator[str]:
        """All records of a contig as text, every sample's calls included."""
        return self._lines(chrom, 0, BEHIND_ANY_CONTIG)

    def lines_within(self, chrom: str, start: int, end: int) -> Iterator[str]:
        """Records that overlap [start, end) of a contig as text, every sample's calls included."""
        return self._lines(chrom, start, end)

    def has_records(self, chrom: str) -> bool:
        """Whether the file holds any record on a contig."""
        return next(self.lines(chrom), None) is not None

    def records(self, chrom: str, start: int, end: int) -> Iterator[Record]:
        """Records that overlap [start, end) of a contig, in file order; those at position 0 of the file are left out.

        Raises:
            InputError: a record cannot be parsed; the message names it.
        """
        for line in self._lines(chrom, start, end):
            record = self.parse(line)
            if record.position >= 0 and record.position < end and record.end > start:
                yield record

    def columns(self, chrom: str, start: int, end: int, *, needs_quality: bool = False) -> Iterator[RecordColumns]:
        """The same records as :meth:`records`, some thousands at a time, as arrays.

        Args:
            chrom, start, end: as there.
            needs_quality: GQ or DP will be asked for.

        Raises:
            InputError: a record cannot be parsed; the message names it.
        """
        n_read = 0
        text = None if needs_quality or self._column is None or chrom not in self._indexed else self._indexed_text
        if text is not None and self._column is not None and start < end:
            from .text_columns import TextColumns

            self._fetch(chrom, start, end)
            fast = TextColumns(text, self._column, len(self._columns), self.parse)
            yield from fast.read(chrom, start, end)
            if fast.is_whole:
                return
            n_read = fast.n_read
        lines = islice(self._lines(chrom, start, end), n_read, None)
        # Lines of a cohort are long, so that it is the size of the text that is bounded.
        at_once = max(64, min(_LINES_AT_ONCE, _LINES_AT_ONCE * 16 // max(16, len(self.samples))))
        while part := list(islice(lines, at_once)):
            columns = of_lines(part, self._column, len(self._columns), self.parse, needs_quality=needs_quality)
            inside = (columns.position >= 0) & (columns.position < end) & (columns.end > start)
            yield columns if inside.all() else columns.select(np.flatnonzero(inside))

    def phase_sets(self, sample: str, chrom: str, start: int, end: int) -> Iterator[CallOfSet]:
        """Calls of a sample that may have a phase set, of records that overlap [start, end) of a contig.

        Args:
            sample: one whose calls are read: any of a file that was opened with ``all_samples``.
            chrom, start, end: by the file's names, 0-based half-open.
        """
        column = FIXED_COLUMNS + self._columns.index(sample)
        for line in self._lines(chrom, start, end):
            keys = line.split("\t", FIXED_COLUMNS)[FIXED_COLUMNS - 1].split(":")
            if "PS" not in keys:
                continue
            fields = line.split("\t", column + 1)
            named = dict(zip(keys, fields[column].split(":"), strict=False)).get("PS", ".")
            alts = () if fields[4] == "." else fields[4].split(",")
            yield CallOfSet(int(fields[1]) - 1, (fields[3], *alts), "" if named == "." else named)

    def close(self) -> None:
        """Close the file."""
        text = self.__dict__.pop("_indexed_text", None)
        if text is not None:
            text.close()
        # htslib says of a damaged BCF, when it is closed, what was said when it was read.
        with suppress(OSError):
            (self._bcf if self._is_bcf else self._vcf).close()

    @cached_property
    def _indexed_text(self) -> "IndexedText | None":
        """The file's text in large pieces, for compiled kernels; None without them, and where it cannot be had so."""
        from ..compiled import HAS_NUMBA

        if self._is_bcf or not HAS_NUMBA:
            return None
        from .indexed_text import IndexedText
        from .text_index import UnusualTextError

        try:
            return IndexedText(self.path, self._index)
        except (OSError, UnusualTextError):
            return None

    def _lines(self, chrom: str, start: int, end: int) -> Iterator[str]:
        # By numbers: without them pysam takes a name such as `1:1` for a region.
        if chrom not in self._indexed or start == end:
            return
        try:
            for first, last in self._fetched(chrom, start, end):
                lines = (
                    map(_text, self._bcf.fetch(chrom, first, last))
                    if self._is_bcf
                    else self._vcf.fetch(chrom, first, last)
                )
                # What begins before a stretch was given with an earlier one.
                yield from lines if first == start else (line for line in lines if _begin(line) >= first)
        except InputError:
            raise
        except (OSError, ValueError) as error:
            self.close()  # else pysam prints, when it lets go of the file, what is said here
            raise InputError(
                "cannot be read on: the file is damaged or cut short",
                file=self.path,
                record=chrom,
                remedy="Fetch it again, and index it anew.",
            ) from error

    def _fetch(self, chrom: str, start: int, end: int) -> None:
        """Have all records of a region here, of a file elsewhere."""
        if self._bytes_of is not None and isinstance(self.path, MirroredFile):
            fetch_region(self.path, self._bytes_of, self._contig_number(self._bytes_of, chrom), start, end)

    def _contig_number(self, where: RegionBytes, chrom: str) -> int:
        return int(self._bcf.get_tid(chrom)) if self._is_bcf else where.names.index(chrom)

    def _fetched(self, chrom: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """[start, end) in stretches that can be read: one, but of a file elsewhere."""
        if self._bytes_of is None or not isinstance(self.path, MirroredFile):
            return iter([(start, end)])
        contig = self._contig_number(self._bytes_of, chrom)
        return fetched_stretches(self.path, self._bytes_of, contig, start, end)

    def parse(self, line: str) -> Record:
        """Decode a line, of all samples only the asked one.

        Raises:
            InputError: it cannot be parsed; the message names it.
        """
        column = self._column
        fields = line.split("\t", FIXED_COLUMNS if column is None else column + 1)
        try:
            position = int(fields[1]) - 1
            ref, alts, filters, info = fields[3], fields[4], fields[6], fields[7]
        except (IndexError, ValueError) as error:
            raise self._malformed(fields, "has too few columns or a position that is no number") from error
        alleles = (ref,) if alts == "." else (ref, *alts.split(","))
        if column is None or not self._has_calls(line):
            length, unseen = self.span_keys.spanned(position, alleles, info, None)
            nothing = None if column is None else ()
            return Record(position, alleles, length, nothing, False, filters, None, None, unseen=unseen)
        keys, values = fields[8].split(":"), fields[column].split(":")
        if len(values) > len(keys):
            raise self._malformed(fields, f"has {len(values)} values for {len(keys)} FORMAT keys")
        given = dict(zip(keys, values, strict=False))
        try:
            genotype = genotype_of(given.get("GT", ""))
        except ValueError as error:
            raise self._malformed(fields, f"has the genotype {given['GT']!r}") from error
        highest = max((allele for allele in genotype if allele is not None), default=0)
        if highest >= MOST_ALLELES:
            raise self._malformed(
                fields, f"has the genotype {given['GT']!r}, and alleles from {MOST_ALLELES} on are not read"
            )
        length, unseen = self.span_keys.spanned(position, alleles, info, given.get("LEN"))
        return Record(
            position,
            alleles,
            length,
            genotype,
            "/" not in given.get("GT", "/"),
            filters,
            _number(given.get("GQ")),
            _number(given.get("DP")),
            unseen=unseen,
        )

    def whole(self, line: str) -> str:
        """The line with one call for each sample: missing ones where it has none, and nothing behind them.

        Raises:
            InputError: it is malformed, has calls of some samples only, or an empty one.
        """
        self.parse(line)
        if self._has_calls(line):
            return "\t".join(line.split("\t")[: FIXED_COLUMNS + len(self.samples)])
        return "\t".join([*line.split("\t")[: FIXED_COLUMNS - 1], *["."] * (1 + len(self.samples))])

    def _has_calls(self, line: str) -> bool:
        """Whether a line has calls at all; as ``bcftools`` reads it, one that has any has all, and none is empty.

        Raises:
            InputError: it has calls of some samples only, or an empty one.
        """
        n_calls = line.count("\t") - FIXED_COLUMNS + 1 - line.endswith("\t")
        if n_calls >= len(self._columns) and not ("\t\t" in line or "\t:" in line):
            return True
        fields = line.split("\t")
        if len(fields) <= FIXED_COLUMNS or fields[FIXED_COLUMNS - 1] == ".":
            return False
        if n_calls < len(self._columns):
            shown = self._columns[max(0, n_calls)]
            raise self._malformed(
                fields, f"ends before the call of the sample {shown!r}, the header names {len(self._columns)} samples"
            )
        calls = fields[FIXED_COLUMNS : FIXED_COLUMNS + len(self._columns)]
        if fields[FIXED_COLUMNS - 1].split(":")[0] == "GT":
            for name, call in zip(self._columns, calls, strict=True):
                if call.partition(":")[0] == "":
                    raise self._malformed(fields, f"has an empty call in the column of the sample {name!r}")
        return True

    def malformed(self, line: str, problem: str) -> InputError:
        """The error that names a record."""
        return self._malformed(line.split("\t", 2), problem)

    def _malformed(self, fields: Sequence[str], problem: str) -> InputError:
        return InputError(
            f"the record {problem}",
            file=self.path,
            record=":".join(fields[:2]),
            remedy="Correct or remove it; `bcftools view` shows what is wrong.",
        )


def header_contigs(header: Sequence[str]) -> dict[str, int | None]:
    """The contigs that the lines of a header declare -> length; None where it is not said."""
    contigs: dict[str, int | None] = {}
    for line in header:
        found = _CONTIG.match(line)
        if found:
            name = re.search(r"(?:^|,)ID=([^,>]+)", found[1])
            length = re.search(r"(?:^|,)length=(\d+)", found[1])
            if name:
                contigs[name[1]] = int(length[1]) if length else None
    return contigs


def _text(record: object) -> str:
    return str(record).rstrip("\n")


def _begin(line: str) -> int:
    return int(line.split("\t", 2)[1]) - 1


def genotype_of(text: str) -> tuple[int | None, ...]:
    """Allele indices of a GT field, None = missing.

    Raises:
        ValueError: the text is no genotype.
    """
    if text in ("", "."):
        return ()
    if text[0] in "/|":
        text = text[1:]
    return tuple(None if allele == "." else _index(allele) for allele in text.replace("|", "/").split("/"))


def _index(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(text)
    return int(text)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return None if math.isnan(number) else number

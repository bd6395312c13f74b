"""Reading one sample's records from an indexed VCF or BCF, region by region."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from os import PathLike
from pathlib import Path

import numpy as np
import pysam

from ..errors import InputError, MissingIndexError, SampleError
from .record_columns import Record, RecordColumns, of_lines

_CONTIG = re.compile(r"##contig=<(.*)>")
_FIXED_COLUMNS = 9
_LINES_AT_ONCE = 16_384
_SVLEN_TYPES = {"<DEL>", "<DUP>", "<CNV>", "<INV>"}
# bcftools packs alleles in a byte and refuses beyond it; what it refuses is refused here too.
MOST_ALLELES = 63
# The empty block that ends every whole file of bgzip; htslib looks for it in a BCF, and not behind a tabix index.
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


class VariantFile:
    """An indexed VCF or BCF, of which one sample is read.

    Args:
        path: .vcf.gz (bgzipped, with .tbi or .csi) or .bcf (with .csi).
        sample: name of the sample; None = the only one.
        all_samples: :meth:`lines` are wanted, of all samples; others read the first one then.

    Attributes:
        path: of the file.
        samples: names of all samples.
        sample: the one that is read; None in a file without samples.
        contigs: name -> length from the header; None where the header does not say.

    Raises:
        InputError: the file cannot be read.
        MissingIndexError: it has no index.
        SampleError: the sample is not there, or none is named where there are several.
    """

    def __init__(self, path: str | PathLike[str], sample: str | None = None, *, all_samples: bool = False) -> None:
        self.path = Path(path)
        self._index = _index_of(self.path)
        if not self._is_bcf:
            _check_is_whole(self.path)
        try:
            if self._is_bcf:
                self._bcf = pysam.VariantFile(str(self.path), index_filename=str(self._index))
                if self._bcf.index is None:
                    raise OSError("the index cannot be read")
                header = str(self._bcf.header).splitlines()
            else:
                self._vcf = pysam.TabixFile(str(self.path), index=str(self._index), encoding="utf-8")
                header = list(self._vcf.header)
        except (OSError, ValueError) as error:
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
        self.samples = tuple(columns[_FIXED_COLUMNS:])
        if all_samples:
            self.sample = self.samples[0] if self.samples else None
        else:
            self.sample = chosen_sample(self.path, self.samples, sample)
        self._column = None if self.sample is None else _FIXED_COLUMNS + self.samples.index(self.sample)
        if self._is_bcf and self.sample is not None and not all_samples:
            self._bcf.subset_samples([self.sample])
            self._column = _FIXED_COLUMNS
        self.contigs = _header_contigs(header)
        indexed = self._bcf.index.keys() if self._is_bcf else self._vcf.contigs
        self._indexed = set(indexed)
        self.contigs.update({name: None for name in indexed if name not in self.contigs})

    @property
    def _is_bcf(self) -> bool:
        return self.path.suffix == ".bcf"

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
        return self._lines(chrom, None, None)

    def lines_within(self, chrom: str, start: int, end: int) -> Iterator[str]:
        """Records that overlap [start, end) of a contig as text, every sample's calls included."""
        return self._lines(chrom, start, end)

    def has_records(self, chrom: str) -> bool:
        """Whether the file holds any record on a contig."""
        return next(self._lines(chrom, None, None), None) is not None

    def records(self, chrom: str, start: int, end: int) -> Iterator[Record]:
        """Records that overlap [start, end) of a contig, in file order; those at position 0 of the file are left out.

        Raises:
            InputError: a record cannot be parsed; the message names it.
        """
        for line in self._lines(chrom, start, end):
            record = self.parse(line)
            if record.position >= 0 and record.position < end and record.position + record.length > start:
                yield record

    def columns(self, chrom: str, start: int, end: int, *, needs_quality: bool = False) -> Iterator[RecordColumns]:
        """The same records as :meth:`records`, some thousands at a time, as arrays.

        Args:
            chrom, start, end: as there.
            needs_quality: GQ or DP will be asked for.

        Raises:
            InputError: a record cannot be parsed; the message names it.
        """
        lines = self._lines(chrom, start, end)
        # Lines of a cohort are long, so that it is the size of the text that is bounded.
        at_once = max(64, min(_LINES_AT_ONCE, _LINES_AT_ONCE * 16 // max(16, len(self.samples))))
        while part := list(islice(lines, at_once)):
            columns = of_lines(part, self._column, self.parse, needs_quality=needs_quality)
            inside = (columns.position >= 0) & (columns.position < end) & (columns.end > start)
            yield columns if inside.all() else columns.select(np.flatnonzero(inside))

    def close(self) -> None:
        """Close the file."""
        # htslib says of a damaged BCF, when it is closed, what was said when it was read.
        with suppress(OSError):
            (self._bcf if self._is_bcf else self._vcf).close()

    def _lines(self, chrom: str, start: int | None, end: int | None) -> Iterator[str]:
        if chrom not in self._indexed or (start is not None and start == end):
            return
        try:
            if self._is_bcf:
                for record in self._bcf.fetch(chrom, start, end):
                    yield str(record).rstrip("\n")
            else:
                yield from self._vcf.fetch(chrom, start, end)
        except (OSError, ValueError) as error:
            raise InputError(
                "cannot be read on: the file is damaged or cut short",
                file=self.path,
                record=chrom,
                remedy="Fetch it again, and index it anew.",
            ) from error

    def parse(self, line: str) -> Record:
        """Decode a line, of all samples only the asked one.

        Raises:
            InputError: it cannot be parsed; the message names it.
        """
        column = self._column
        fields = line.split("\t", _FIXED_COLUMNS if column is None else column + 1)
        try:
            position = int(fields[1]) - 1
            ref, alts, filters, info = fields[3], fields[4], fields[6], fields[7]
            alleles = (ref,) if alts == "." else (ref, *alts.split(","))
            if column is None:
                return Record(
                    position, alleles, _length(position, alleles, info, None), None, False, filters, None, None
                )
            keys, values = fields[8].split(":"), fields[column].split(":")
        except (IndexError, ValueError) as error:
            raise self._malformed(fields, "has too few columns or a position that is no number") from error
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
        return Record(
            position,
            alleles,
            _length(position, alleles, info, given.get("LEN")),
            genotype,
            "/" not in given.get("GT", "/"),
            filters,
            _number(given.get("GQ")),
            _number(given.get("DP")),
        )

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


def _index_of(path: Path) -> Path:
    if not path.is_file():
        raise InputError("no such file", file=path, remedy="Check the path.")
    for suffix in (".csi", ".tbi"):
        index = Path(f"{path}{suffix}")
        if index.is_file():
            return index
    with path.open("rb") as file:
        head = file.read(2)
    if head not in (b"\x1f\x8b", b"##"):
        raise InputError("is neither a VCF nor a BCF", file=path, remedy="Give a VCF (.vcf.gz) or BCF with its index.")
    if head == b"##":
        remedy = f"Compress and index it: bgzip {path} && tabix -p vcf {path}.gz"
        raise MissingIndexError("is not compressed, and has no index", file=path, remedy=remedy)
    command = f"bcftools index {path}" if path.suffix == ".bcf" else f"tabix -p vcf {path}"
    raise MissingIndexError(
        "has no index (.tbi or .csi)",
        file=path,
        remedy=f"Make it: {command} (a file that is not sorted: bcftools sort).",
    )


def _check_is_whole(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(_BGZF_END)))
        if file.read() != _BGZF_END:
            raise InputError(
                "is cut short, or not compressed with bgzip: it lacks bgzip's last block",
                file=path,
                remedy="Fetch it again; a file of plain gzip: gunzip, bgzip and index it.",
            )


def chosen_sample(path: Path, samples: Sequence[str], asked: str | None) -> str | None:
    """The sample to read: the asked one, or the only one; None where there are none.

    Raises:
        SampleError: it is not there, or none is named where there are several.
    """
    shown = ", ".join(samples[:5]) + (", ..." if len(samples) > 5 else "")
    if asked is None:
        if len(samples) > 1:
            raise SampleError(
                f"has {len(samples)} samples ({shown}), and none was named", file=path, remedy="Name one with --sample."
            )
        return samples[0] if samples else None
    if asked not in samples:
        found = f"it has {shown}" if samples else "it has no samples"
        raise SampleError(f"has no sample {asked!r}: {found}", file=path, remedy="Name one of its samples.")
    return asked


def _header_contigs(header: Sequence[str]) -> dict[str, int | None]:
    contigs: dict[str, int | None] = {}
    for line in header:
        found = _CONTIG.match(line)
        if found:
            name = re.search(r"(?:^|,)ID=([^,>]+)", found[1])
            length = re.search(r"(?:^|,)length=(\d+)", found[1])
            if name:
                contigs[name[1]] = int(length[1]) if length else None
    return contigs


def _length(position: int, alleles: Sequence[str], info: str, reference_block: str | None) -> int:
    """Bases that a record spans, as htslib 1.24 has it."""
    length = len(alleles[0])
    if "END=" in info or "SVLEN=" in info:
        given = dict(entry.partition("=")[::2] for entry in info.split(";"))
        end = given.get("END", "")
        if end.isdecimal():
            length = max(length, int(end) - position)
        sizes = given.get("SVLEN", "").split(",")
        for alt, size in zip(alleles[1:], sizes, strict=False):
            if alt.upper() in _SVLEN_TYPES and size.lstrip("-").isdecimal():
                length = max(length, abs(int(size)) + 1)
    if reference_block is not None and reference_block.isdecimal():
        length = max(length, int(reference_block))
    return length


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

"""Reading one sample's records from an indexed VCF or BCF, region by region."""

import math
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path

import numpy as np
import pysam

from ..errors import InputError, MissingIndexError, SampleError
from .consensus import is_reference_block
from .local_files import local_file
from .record_columns import Record, RecordColumns, of_lines

_CONTIG = re.compile(r"##contig=<(.*)>")
_FIXED_COLUMNS = 9
_LINES_AT_ONCE = 16_384
_BEHIND_ANY_CONTIG = (1 << 31) - 1
# ALTs whose SVLEN htslib counts, subtypes (<DEL:ME>) included.
_HAS_LENGTH = re.compile("<(DEL|DUP|CNV|INV)[>:]")
_DEFINITION = re.compile(r"##(INFO|FORMAT)=<(.*)>")
_QUOTED = re.compile(r'"(\\.|[^"\\])*"')
# bcftools packs alleles in a byte and refuses beyond it; what it refuses is refused here too.
MOST_ALLELES = 63
# The empty block that ends every whole file of bgzip; htslib looks for it in a BCF, and not behind a tabix index.
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@dataclass(frozen=True, slots=True)
class SpanKeys:
    """Which keys say how far a record spans, as htslib 1.24 has it: those that the header declares as Integer.

    Attributes:
        end, svlen: of INFO.
        length: LEN of FORMAT.
    """

    end: bool = False
    svlen: bool = False
    length: bool = False

    @classmethod
    def declared(cls, header: Sequence[str]) -> "SpanKeys":
        """From the lines of a header; of a key that is declared twice the first declaration counts."""
        types: dict[tuple[str, str], str] = {}
        for line in header:
            found = _DEFINITION.match(line)
            if found:
                fields = dict(field.partition("=")[::2] for field in _QUOTED.sub("", found[2]).split(","))
                types.setdefault((found[1], fields.get("ID", "")), fields.get("Type", ""))
        keys = (("INFO", "END"), ("INFO", "SVLEN"), ("FORMAT", "LEN"))
        return cls(*(types.get(key) == "Integer" for key in keys))

    def spanned(self, position: int, alleles: Sequence[str], info: str, reference_block: str | None) -> tuple[int, int]:
        """Bases that a record spans, and how many of the last ones no region finds it by (0 or 1).

        It is 1 where SVLEN alone says how long the record is: by the index of a VCF it ends a base earlier, so that
        ``bcftools`` leaves it out of a region that begins with its last base.

        Args:
            position: 0-based.
            alleles: REF, then the ALTs.
            info: the INFO column.
            reference_block: LEN of the sample, or None.
        """
        length, deleted = len(alleles[0]), 0
        if self.end and "END=" in info:
            end = _value(info, "END").partition(",")[0]
            if end.isdecimal():
                length = max(length, int(end) - position)
        if self.svlen and "SVLEN=" in info:
            for alt, size in zip(alleles[1:], _value(info, "SVLEN").split(","), strict=False):
                if _HAS_LENGTH.match(alt) and size.removeprefix("-").isdecimal():
                    deleted = max(deleted, abs(int(size)))
        is_block = self.length and any(is_reference_block(alt) for alt in alleles[1:])
        if is_block and reference_block is not None and reference_block.isdecimal():
            length = max(length, int(reference_block))
        return max(length, deleted + 1 if deleted else 0), int(deleted >= length)


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
        self._is_bcf = _is_bcf(self.path)
        self._index = _index_of(self.path, is_bcf=self._is_bcf)
        if not self._is_bcf:
            _check_is_whole(self.path)
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
        self.samples = tuple(columns[_FIXED_COLUMNS:])
        _check_names(self.path, self.samples)
        self.span_keys = SpanKeys.declared(header)
        if all_samples:
            self.sample = self.samples[0] if self.samples else None
        else:
            self.sample = chosen_sample(self.path, self.samples, sample)
        self._column = None if self.sample is None else _FIXED_COLUMNS + self.samples.index(self.sample)
        self._columns = self.samples  # whose calls a line has
        if self._is_bcf and self.sample is not None and not all_samples:
            self._bcf.subset_samples([self.sample])
            self._column = _FIXED_COLUMNS
            self._columns = (self.sample,)
        self.contigs = _header_contigs(header)
        indexed = self._bcf.index.keys() if self._is_bcf else self._vcf.contigs
        self._indexed = set(indexed)
        self.contigs.update({name: None for name in indexed if name not in self.contigs})

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
        return self._lines(chrom, 0, _BEHIND_ANY_CONTIG)

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
        lines = self._lines(chrom, start, end)
        # Lines of a cohort are long, so that it is the size of the text that is bounded.
        at_once = max(64, min(_LINES_AT_ONCE, _LINES_AT_ONCE * 16 // max(16, len(self.samples))))
        while part := list(islice(lines, at_once)):
            columns = of_lines(part, self._column, len(self._columns), self.parse, needs_quality=needs_quality)
            inside = (columns.position >= 0) & (columns.position < end) & (columns.end > start)
            yield columns if inside.all() else columns.select(np.flatnonzero(inside))

    def close(self) -> None:
        """Close the file."""
        # htslib says of a damaged BCF, when it is closed, what was said when it was read.
        with suppress(OSError):
            (self._bcf if self._is_bcf else self._vcf).close()

    def _lines(self, chrom: str, start: int, end: int) -> Iterator[str]:
        # By numbers: without them pysam takes a name such as `1:1` for a region.
        if chrom not in self._indexed or start == end:
            return
        try:
            if self._is_bcf:
                for record in self._bcf.fetch(chrom, start, end):
                    yield str(record).rstrip("\n")
            else:
                yield from self._vcf.fetch(chrom, start, end)
        except (OSError, ValueError) as error:
            self.close()  # else pysam prints, when it lets go of the file, what is said here
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
            return "\t".join(line.split("\t")[: _FIXED_COLUMNS + len(self.samples)])
        return "\t".join([*line.split("\t")[: _FIXED_COLUMNS - 1], *["."] * (1 + len(self.samples))])

    def _has_calls(self, line: str) -> bool:
        """Whether a line has calls at all; as ``bcftools`` reads it, one that has any has all, and none is empty.

        Raises:
            InputError: it has calls of some samples only, or an empty one.
        """
        n_calls = line.count("\t") - _FIXED_COLUMNS + 1 - line.endswith("\t")
        if n_calls >= len(self._columns) and not ("\t\t" in line or "\t:" in line):
            return True
        fields = line.split("\t")
        if len(fields) <= _FIXED_COLUMNS or fields[_FIXED_COLUMNS - 1] == ".":
            return False
        if n_calls < len(self._columns):
            shown = self._columns[max(0, n_calls)]
            raise self._malformed(
                fields, f"ends before the call of the sample {shown!r}, the header names {len(self._columns)} samples"
            )
        calls = fields[_FIXED_COLUMNS : _FIXED_COLUMNS + len(self._columns)]
        if fields[_FIXED_COLUMNS - 1].split(":")[0] == "GT":
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


def _is_bcf(path: Path) -> bool:
    """Whether a file is a BCF, else a VCF that can be indexed, by its content; anything else is refused by its kind."""
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if head.startswith(b"\x1f\x8b"):
        is_blocked = head[12:14] == b"BC"
        content = _inflated(head)
        if content.startswith(b"BCF\2") and is_blocked:
            return True
        _refuse_foreign(path, content)
        if not is_blocked:
            raise InputError(
                "is compressed with gzip, which cannot be read by region",
                file=path,
                remedy=f"Compress it with bgzip and index it: gunzip -c {path} | bgzip > calls.vcf.gz && "
                "tabix -p vcf calls.vcf.gz",
            )
        return False
    if head.startswith(b"BCF\2"):
        raise InputError(
            "is a BCF that is not compressed, which cannot be read by region",
            file=path,
            remedy=f"Compress and index it: bcftools view -Ob -o calls.bcf {path} && bcftools index calls.bcf",
        )
    _refuse_foreign(path, head)
    remedy = f"Compress and index it: bgzip {path} && tabix -p vcf {path}.gz"
    raise MissingIndexError("is not compressed, and has no index", file=path, remedy=remedy)


def _inflated(head: bytes) -> bytes:
    """What the beginning of a gzip file holds, as far as it can be read."""
    try:
        return zlib.decompressobj(wbits=31).decompress(head)
    except zlib.error:
        return b""


def _refuse_foreign(path: Path, content: bytes) -> None:
    """Stop at what is no text of a VCF, and name the command that makes one."""
    name = str(path.with_suffix(""))
    plink = "plink2 {} --export vcf bgz --out calls && tabix -p vcf calls.vcf.gz"
    if content.startswith(b"\xef\xbb\xbf"):
        raise InputError(
            "begins with a byte order mark, which no reader of VCF knows",
            file=path,
            remedy="Take it away, compress and index the file: sed '1s/^\\xef\\xbb\\xbf//' calls.vcf | "
            "bgzip > calls.vcf.gz && tabix -p vcf calls.vcf.gz",
        )
    if path.suffix in (".pgen", ".pvar", ".psam"):
        raise InputError(
            "is of PLINK 2, which is not read", file=path, remedy=f"Make a VCF: {plink.format(f'--pfile {name}')}"
        )
    if path.suffix in (".bed", ".bim", ".fam") or content.startswith(b"\x6c\x1b"):
        raise InputError(
            "is of PLINK, which is not read",
            file=path,
            remedy=f"Make a VCF: {plink.format(f'--bfile {name} --ref-from-fa force --fa genome.fa')}",
        )
    if path.suffix == ".bgen" or content[16:20] == b"bgen":
        raise InputError(
            "is a BGEN, which is not read",
            file=path,
            remedy=f"Make a VCF: {plink.format(f'--bgen {path} ref-first --sample {name}.sample')}",
        )
    if not content.startswith((b"##fileformat=VCF", b"#CHROM\t", b"##")):
        raise InputError("is neither a VCF nor a BCF", file=path, remedy="Give a VCF (.vcf.gz) or BCF with its index.")


def _index_of(path: Path, *, is_bcf: bool) -> Path:
    for suffix in (".csi", ".tbi"):
        index = Path(f"{path}{suffix}")
        if index.is_file():
            return index
    command = f"bcftools index {path}" if is_bcf else f"tabix -p vcf {path}"
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
                "is cut short: it lacks bgzip's last block", file=path, remedy="Fetch it again, and index it anew."
            )


def _check_names(path: Path, samples: Sequence[str]) -> None:
    """Stop where a name does not say which column is meant."""
    if len(set(samples)) < len(samples):
        twice = next(name for name in samples if samples.count(name) > 1)
        raise SampleError(
            f"has two samples of the name {twice!r}",
            file=path,
            remedy="Name them apart (bcftools reheader -s names.txt), whichever of its samples is wanted.",
        )
    if "" in samples:
        raise SampleError(
            f"names no sample in column {_FIXED_COLUMNS + samples.index('') + 1} of its #CHROM line",
            file=path,
            remedy="Write a name there, or take the tab away if the column is none.",
        )


def chosen_sample(path: Path, samples: Sequence[str], asked: str | None) -> str | None:
    """The sample to read: the asked one, or the only one; None where there are none.

    Raises:
        SampleError: it is not there, or none is named where there are several.
    """
    shown = shown_samples(samples)
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


def shown_samples(samples: Sequence[str]) -> str:
    """The first names of a file for a message; those that end in spaces in quotes."""
    names = [name if name == name.strip() else repr(name) for name in samples[:5]]
    return ", ".join(names) + (", ..." if len(samples) > 5 else "")


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


def _value(info: str, key: str) -> str:
    """The first value of a key of INFO; "" without one."""
    found = re.search(rf"(?:^|;){key}=([^;]*)", info)
    return found[1] if found else ""


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

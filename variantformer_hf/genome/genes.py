"""Genes: the table that a model was trained with or a user brings, look-up by name and by interval."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from ..errors import InputError
from .intervals import SortedIntervals
from .names import MOST_SUGGESTED, Rejected, similar_names
from .table_files import read_parquet, text_lines, write_parquet
from .tss_rows import gene_rows, is_tss_header

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_REQUIRED = ("gene_id", "gene_name", "chromosome", "start", "end", "strand")
_COLUMNS = (*_REQUIRED, "gene_type", "tss")
_GENE_FEATURES = frozenset({"gene", "ncRNA_gene", "pseudogene"})
_ENSEMBL_ID = re.compile(r"ENS[A-Z]*G\d+(\.\d+)?(_PAR_Y)?", re.IGNORECASE)
_VERSION = re.compile(r"\.\d+")
_GTF_ATTRIBUTE = re.compile(r'(\w+) +(?:"([^"]*)"|([^;"\s]+))')
# Some symbols, such as Y_RNA, name hundreds of genes.
_SHOWN_IDS = 5
_REMEDY = f"Give a CSV or TSV with the columns {', '.join(_REQUIRED)}, a GTF or a GFF3."


@dataclass(frozen=True, slots=True)
class Gene:
    """One gene.

    Attributes:
        gene_id: Ensembl id, with its version if the table has one.
        gene_name: symbol; the id where the table names none.
        chrom: contig.
        start, end: the numbers in the table as they stand. The released models were trained with the 1-based start of
            a GTF used as if it were 0-based, so nothing is subtracted from it, here or later.
        strand: ``"+"`` or ``"-"``.
        gene_type: such as ``protein_coding``, or None.
        given_tss: 0-based place of the transcription start site, where the table names it.
    """

    gene_id: str
    gene_name: str
    chrom: str
    start: int
    end: int
    strand: str
    gene_type: str | None = None
    given_tss: int | None = None

    @property
    def tss(self) -> int:
        """0-based place of the transcription start site: the table's own, else that of a 1-based table.

        start - 1 for a '+' gene, end - 1 for a '-' gene; windows around a TSS are laid around this base.
        """
        if self.given_tss is not None:
            return self.given_tss
        return self.end - 1 if self.strand == "-" else max(0, self.start - 1)

    @property
    def distances_from(self) -> int:
        """0-based base that the distances in tables are counted from: the table's own TSS where it names one.

        Else its start as it stands, which the released models took to be 0-based; for a '-' gene end - 1.
        """
        if self.given_tss is not None:
            return self.given_tss
        return self.end - 1 if self.strand == "-" else self.start


class GeneTable:
    """Genes in the order of their file, found by id, by symbol or by interval.

    Args:
        genes: the genes.
        file: where they came from, for messages.
        records: where in the file each of them was, for messages.

    Raises:
        InputError: two genes have the same id.
    """

    def __init__(
        self, genes: Iterable[Gene], *, file: str | Path | None = None, records: Sequence[str] | None = None
    ) -> None:
        self.genes: list[Gene] = list(genes)
        self._file = file
        record_of: dict[str, str] = {}
        for number, gene in enumerate(self.genes):
            record = records[number] if records else f"gene {number + 1}"
            if gene.gene_id in record_of:
                raise InputError(
                    f"the gene id {gene.gene_id} is also that of {record_of[gene.gene_id]}",
                    file=file,
                    record=record,
                    remedy="Remove one of the two, or give each its own id.",
                )
            record_of[gene.gene_id] = record
        self._by_key = _by_key(self.genes)
        self._by_contig = _by_contig(self.genes)

    @classmethod
    def read(cls, path: str | Path) -> "GeneTable":
        """Read a gene table: CSV, TSV, GTF or GFF3, each also compressed (.gz), or Parquet that ``save`` wrote.

        CSV and TSV have the columns gene_id, gene_name, chromosome, start, end, strand and maybe gene_type and tss
        (0-based), in any order; other columns are ignored. Of a GTF or GFF3 the gene features are read, and their
        1-based start is kept as it stands (see ``Gene``). Variformer's CSV of TSSs is read too (``tss_rows``).

        Raises:
            InputError: a column is missing, or a record is no gene; names the file, the record and what is wrong.
        """
        path = Path(path)
        kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
        if kind == "parquet":
            rows = _parquet_rows(path)
        elif kind in ("csv", "tsv"):
            rows = _delimited_rows(path, "," if kind == "csv" else "\t")
        elif kind in ("gtf", "gff", "gff3"):
            rows = _feature_rows(path)
        else:
            raise InputError(
                f"{path.suffix or 'no suffix'} tells no format of genes",
                file=path,
                remedy="Name it .csv, .tsv, .gtf, .gff3 (each also with .gz) or .parquet.",
            )
        found = [(record, _gene_of(row, record, path)) for record, row in rows]
        if not found:
            raise InputError("has no gene", file=path, remedy=_REMEDY)
        records, genes = zip(*found, strict=True)
        return cls(genes, file=path, records=records)

    def save(self, path: str | Path) -> None:
        """Write the table as Parquet; the file appears at its name only when it is whole."""
        write_parquet(self.table, path)

    @property
    def table(self) -> "pa.Table":
        """The genes as an Arrow table: gene_id, gene_name, chromosome, start, end, strand, gene_type.

        And tss, where it is given for any of them.
        """
        import pyarrow as pa

        text, number = pa.string(), pa.int64()
        columns = {
            "gene_id": (text, [gene.gene_id for gene in self.genes]),
            "gene_name": (text, [gene.gene_name for gene in self.genes]),
            "chromosome": (text, [gene.chrom for gene in self.genes]),
            "start": (number, [gene.start for gene in self.genes]),
            "end": (number, [gene.end for gene in self.genes]),
            "strand": (text, [gene.strand for gene in self.genes]),
            "gene_type": (text, [gene.gene_type for gene in self.genes]),
        }
        if any(gene.given_tss is not None for gene in self.genes):
            columns["tss"] = (number, [gene.given_tss for gene in self.genes])
        return pa.table({name: pa.array(values, kind) for name, (kind, values) in columns.items()})

    def to_pandas(self) -> "pd.DataFrame":
        """The genes as a data frame, one row a gene, in the table's order."""
        return self.table.to_pandas()

    def __len__(self) -> int:
        return len(self.genes)

    def __iter__(self) -> Iterator[Gene]:
        return iter(self.genes)

    def get(self, name: str) -> Gene:
        """The gene of an Ensembl id (version optional) or a symbol; case is forgiven.

        An id with another version than the table's names the same gene.

        Raises:
            InputError: no gene, or more than one, has this name; says which may have been meant.
        """
        found = self._find(name)
        if isinstance(found, Gene):
            return found
        hint = f"Did you mean {', '.join(found.suggestions)}?" if found.suggestions else None
        raise InputError(found.reason, file=self._file, record=f"gene {name!r}", remedy=hint)

    def resolve(
        self, names: Iterable[str], *, most_suggested: int = MOST_SUGGESTED
    ) -> tuple[list[Gene], list[Rejected]]:
        """The genes of several names, in the order of the names and each once, and the names that have no gene.

        What may have been meant is said of the first ``most_suggested`` names without a gene.
        """
        genes: dict[str, Gene] = {}
        rejected: list[Rejected] = []
        for name in dict.fromkeys(names):
            found = self._find(name, suggest=len(rejected) < most_suggested)
            if isinstance(found, Gene):
                genes.setdefault(found.gene_id, found)
            else:
                rejected.append(found)
        return list(genes.values()), rejected

    def overlapping(self, chrom: str, start: int, end: int) -> list[Gene]:
        """Genes that share a base with [start, end), by start and end; the table's numbers are taken as 0-based.

        Raises:
            ValueError: ``end`` is before ``start``.
        """
        if chrom not in self._by_contig:
            return []
        genes, intervals = self._by_contig[chrom]
        return [genes[index] for index in intervals.overlapping(start, end)]

    def _find(self, name: str, *, suggest: bool = True) -> Gene | Rejected:
        wanted = name.strip()
        for key in _keys_of_name(wanted):
            found = self._by_key.get(key, [])
            if len(found) == 1:
                return self.genes[found[0]]
            if found:
                ids = tuple(self.genes[index].gene_id for index in found[:_SHOWN_IDS])
                more = ", ..." if len(found) > _SHOWN_IDS else ""
                return Rejected(name, f"names {len(found)} genes: {', '.join(ids)}{more}", ids)
        if _ENSEMBL_ID.fullmatch(wanted):
            # Ids that differ in a digit are other genes, not misspellings.
            return Rejected(name, "no gene of the table has this id")
        suggestions = similar_names(wanted, self._symbols()) if suggest else ()
        return Rejected(name, "no gene of the table has this name", suggestions)

    def _symbols(self) -> Iterator[str]:
        return (gene.gene_name for gene in self.genes)


def stable_id(gene_id: str) -> str:
    """A gene's id without its version."""
    return _VERSION.sub("", gene_id)


def _keys_of_name(name: str) -> Iterator[tuple[str, str]]:
    """What a name may stand for, the most literal reading first."""
    yield "id", name.casefold()
    if _ENSEMBL_ID.fullmatch(name):
        yield "unversioned id", stable_id(name).casefold()
    yield "symbol", name
    yield "symbol, any case", name.casefold()


def _by_key(genes: Sequence[Gene]) -> dict[tuple[str, str], list[int]]:
    index: dict[tuple[str, str], list[int]] = {}
    for number, gene in enumerate(genes):
        keys = {
            ("id", gene.gene_id.casefold()),
            ("symbol", gene.gene_name),
            ("symbol, any case", gene.gene_name.casefold()),
        }
        if _ENSEMBL_ID.fullmatch(gene.gene_id):
            keys.add(("unversioned id", stable_id(gene.gene_id).casefold()))
        for key in keys:
            index.setdefault(key, []).append(number)
    return index


def _by_contig(genes: Sequence[Gene]) -> dict[str, tuple[list[Gene], SortedIntervals]]:
    of_contig: dict[str, list[Gene]] = {}
    for gene in genes:
        of_contig.setdefault(gene.chrom, []).append(gene)
    result = {}
    for chrom, found in of_contig.items():
        found.sort(key=lambda gene: (gene.start, gene.end))
        start = np.array([gene.start for gene in found], dtype=np.int64)
        end = np.array([gene.end for gene in found], dtype=np.int64)
        result[chrom] = found, SortedIntervals(start, end)
    return result


def _gene_of(row: Mapping[str, str | None], record: str, path: Path) -> Gene:
    def value(column: str) -> str:
        return (row.get(column) or "").strip()

    def fail(problem: str, remedy: str = _REMEDY) -> InputError:
        return InputError(problem, file=path, record=record, remedy=remedy)

    gene_id, chrom, strand, start, end = (value(name) for name in ("gene_id", "chromosome", "strand", "start", "end"))
    if not gene_id or not chrom:
        raise fail("has no gene id or no chromosome")
    if strand not in ("+", "-"):
        raise fail(f"gene {gene_id} has strand {strand!r}, which is neither '+' nor '-'")
    if not (start.isdecimal() and end.isdecimal()):
        raise fail(f"gene {gene_id} has start {start!r} and end {end!r}, which are not both whole numbers from 0")
    if int(start) > int(end):
        raise fail(f"gene {gene_id} has start {start} beyond end {end}")
    tss = value("tss")
    if tss and not tss.isdecimal():
        raise fail(
            f"gene {gene_id} has tss {tss!r}, which is no whole number from 0",
            "Give its place from 0 on the contig, or leave it empty.",
        )
    return Gene(
        gene_id,
        value("gene_name") or gene_id,
        chrom,
        int(start),
        int(end),
        strand,
        value("gene_type") or None,
        int(tss) if tss else None,
    )


def _delimited_rows(path: Path, delimiter: str) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    reader = csv.reader(text_lines(path), delimiter=delimiter)
    header = [name.strip() for name in next(reader, [])]
    if is_tss_header(header):
        return gene_rows(_rows_below(header, reader, path), path)
    missing = [column for column in _REQUIRED if column not in header]
    if missing:
        raise InputError(
            f"has no column {', '.join(missing)}; its first line has {', '.join(header)}", file=path, remedy=_REMEDY
        )
    return _rows_below(header, reader, path)


def _rows_below(header: list[str], reader: Any, path: Path) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    try:
        for fields in reader:
            if not fields:
                continue
            record = f"line {reader.line_num}"
            if len(fields) != len(header):
                raise InputError(
                    f"has {len(fields)} columns, the first line has {len(header)}",
                    file=path,
                    record=record,
                    remedy=_REMEDY,
                )
            yield record, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise InputError(str(error), file=path, record=f"line {reader.line_num}", remedy=_REMEDY) from error


def feature_fields(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Records of a GTF or GFF3: where each is, and its nine columns; see :func:`feature_attributes` of the ninth.

    Raises:
        InputError: a line has another number of columns.
    """
    for number, line in enumerate(text_lines(path), start=1):
        if line == "##FASTA":
            return
        if not line or line.startswith("#"):
            continue
        record = f"line {number}"
        fields = line.split("\t")
        if len(fields) != 9:
            raise InputError(
                f"has {len(fields)} tab-separated columns instead of 9", file=path, record=record, remedy=_REMEDY
            )
        yield record, fields


def _feature_rows(path: Path) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    for record, fields in feature_fields(path):
        if fields[2] not in _GENE_FEATURES:
            continue
        attributes = feature_attributes(fields[8])
        yield (
            record,
            {
                "gene_id": attributes.get("gene_id") or attributes.get("ID", "").removeprefix("gene:"),
                "gene_name": attributes.get("gene_name") or attributes.get("Name") or attributes.get("gene"),
                "chromosome": fields[0],
                "start": fields[3],
                "end": fields[4],
                "strand": fields[6],
                "gene_type": attributes.get("gene_type") or attributes.get("gene_biotype") or attributes.get("biotype"),
            },
        )


def feature_attributes(text: str) -> dict[str, str]:
    """The ninth column, as GTF (``gene_id "X"; ...``) or GFF3 (``ID=X;...``) writes it; the first of a key counts."""
    if "=" in text.split('"', 1)[0]:
        parts = (part.partition("=") for part in text.split(";"))
        pairs = [(key.strip(), unquote(value)) for key, _, value in parts]
    else:
        pairs = [(key, quoted or bare) for key, quoted, bare in _GTF_ATTRIBUTE.findall(text)]
    attributes: dict[str, str] = {}
    for key, value in pairs:
        attributes.setdefault(key, value)
    return attributes


def _parquet_rows(path: Path) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    table = read_parquet(path, _REQUIRED)
    columns = [column for column in _COLUMNS if column in table.column_names]
    values = zip(*(table[column].to_pylist() for column in columns), strict=True)
    for number, row in enumerate(values, start=1):
        yield (
            f"row {number}",
            {name: None if value is None else str(value) for name, value in zip(columns, row, strict=True)},
        )

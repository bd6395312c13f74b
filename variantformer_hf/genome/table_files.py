"""Files of tables: text that may be compressed, and Parquet that is never half written."""

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from ..errors import UNREADABLE, InputError, unreadable
from ..files import whole_file
from .local_files import whole

if TYPE_CHECKING:
    import pyarrow as pa

_GZIP_MAGIC = b"\x1f\x8b"
_BCF_MAGIC = b"BCF\x02"
_VCF_START = b"##fileformat=VCF"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# PrediXcan's weights as a table of variants, whose places varID has: chr1_12345_A_G_b38.
_OF_WEIGHTS = (
    "select gene as gene_id, substr(varID, 1, instr(varID, '_') - 1) as chrom, "
    "cast(substr(varID, instr(varID, '_') + 1) as integer) as pos, ref_allele as ref, eff_allele as alt, "
    "weight as effect from weights"
)
# First bytes of files that are tables to their users and no text: what they are, and what to do.
_NO_TEXT = {
    b"PK\x03\x04": ("is a spreadsheet (.xlsx) or another ZIP archive", "Save the sheet as CSV or TSV."),
    b"\xd0\xcf\x11\xe0": ("is a spreadsheet (.xls)", "Save the sheet as CSV or TSV."),
    b"SQLite format 3": (
        "is an SQLite database, such as PredictDB's",
        f'Write its table as text: sqlite3 -header -csv FILE.db "{_OF_WEIGHTS}" > weights.csv.',
    ),
    b"l\x1b\x01": ("is a PLINK .bed, which holds genotypes", "Give the .bim beside it."),
    b"l\x1b\x10": ("is a PLINK .pgen, which holds genotypes", "Give the .pvar beside it."),
    b"BZh": ("is compressed with bzip2", "Unpack it, or pack it with gzip or bgzip."),
    b"\xfd7zXZ": ("is compressed with xz", "Unpack it, or pack it with gzip or bgzip."),
    b"(\xb5/\xfd": ("is compressed with zstd", "Unpack it, or pack it with gzip or bgzip."),
}
# Bytes of a file that are looked at to tell what it is.
_LOOKED_AT = 4096


def read_text_bytes(path: str | Path) -> bytes:
    """Content of a text file, decompressed when it is gzip or bgzip, whatever it is called.

    Raises:
        InputError: the file is missing, cannot be read, or its compressed content is cut off or damaged.
    """
    found = whole(path)
    try:
        content = found.read_bytes()
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from error
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(path) from error


def text_lines(path: str | Path) -> Iterator[str]:
    """Lines of a text file without their ends, decompressed on the way when it is gzip or bgzip.

    Raises:
        InputError: as ``read_text_bytes``, or the file is not UTF-8 text.
    """
    found = whole(path)
    try:
        with found.open("rb") as start:
            compressed = start.read(2) == _GZIP_MAGIC
        with (gzip.open if compressed else open)(found, "rt", encoding="utf-8-sig", newline=None) as file:
            for line in file:
                yield line.rstrip("\n")
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", file=path) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from error


def kind_of_file(path: str | Path) -> Literal["parquet", "vcf", "text"]:
    """What a file of variants or names holds, by its first bytes and not by its name; a BCF is ``vcf``.

    Raises:
        InputError: it is missing, cannot be read, or is none of them: a spreadsheet, a database, genotypes of PLINK.
    """
    found = whole(path)
    try:
        with found.open("rb") as file:
            start = file.read(_LOOKED_AT)
            if start.startswith(_GZIP_MAGIC):
                file.seek(0)
                start = gzip.GzipFile(fileobj=cast(BinaryIO, file)).read(_LOOKED_AT)
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from error
    if start.startswith(b"PAR1"):
        return "parquet"
    if start.startswith((_BCF_MAGIC, _VCF_START)):
        return "vcf"
    for magic, (problem, remedy) in _NO_TEXT.items():
        if start.startswith(magic):
            raise InputError(problem, file=path, remedy=remedy)
    if start.startswith(_UTF16_MARKS):
        raise InputError("is UTF-16 text", file=path, remedy="Save it as UTF-8 (Excel: CSV UTF-8).")
    if b"\0" in start:
        raise InputError("is a binary file, and no table", file=path, remedy="Give text, Parquet, VCF or BCF.")
    return "text"


def delimiters_of(line: str) -> list[str]:
    """What may separate the columns of a line, the likeliest first: a tab, a comma, a semicolon, blanks (``" "``)."""
    return [*(each for each in ("\t", ",", ";") if each in line), " "]


def delimiter_of(line: str) -> str:
    """What most likely separates the columns of a line, as of ``delimiters_of``."""
    return delimiters_of(line)[0]


def fields_of(line: str, delimiter: str, expected: int | None = None) -> list[str]:
    """Fields of a line without the blanks around them; quotes that enclose a field are taken off.

    Args:
        line: the line.
        delimiter: as ``delimiter_of`` says.
        expected: the number of columns; where only the line with its quotes taken as letters has so many, they are.
    """
    if delimiter == " ":
        fields = line.split()
        return [field.strip('"') for field in fields]
    plain = [field.strip() for field in line.split(delimiter)]
    if '"' not in line:
        return plain
    quoted = [field.strip() for field in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
    return plain if len(quoted) != expected and len(plain) == expected else quoted


def read_parquet(path: str | Path, columns: Iterable[str]) -> "pa.Table":
    """A Parquet table that has the named columns, and maybe more.

    Raises:
        InputError: the file is missing, is not Parquet, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = whole(path)
    try:
        table = pq.read_table(found, partitioning=None, page_checksum_verification=True)
    except UNREADABLE as error:
        raise unreadable(path, error) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError("is not a Parquet file, or is cut off or damaged", file=path) from error
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise InputError(
            f"has no column {', '.join(missing)}; it has {', '.join(table.column_names)}",
            file=path,
            remedy="Give a table that this package wrote.",
        )
    return table


def write_parquet(table: "pa.Table", path: str | Path) -> None:
    """Write a table under a temporary name and rename it, so that no reader ever sees half a file."""
    import pyarrow.parquet as pq

    with whole_file(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def _damaged(path: str | Path) -> InputError:
    return InputError("its gzip content is cut off or damaged", file=path, remedy="Copy or download it again.")


def write_parquet_pieces(path: str | Path, tables: Iterable["pa.Table"], *, pieces_a_group: int = 1) -> int:
    """Write tables of one schema one behind the other, under another name until all are there.

    Args:
        path: the file.
        tables: at least one.
        pieces_a_group: tables that are written together.

    Returns:
        The rows written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, held = 0, []
    with whole_file(path) as partial, ExitStack() as stack:
        writer = None
        for table in tables:
            held.append(table)
            rows += len(table)
            writer = writer or stack.enter_context(
                pq.ParquetWriter(partial, table.schema, compression="zstd", write_page_checksum=True)
            )
            if len(held) == pieces_a_group:
                writer.write_table(pa.concat_tables(held))
                held = []
        if writer is not None and held:
            writer.write_table(pa.concat_tables(held))
    return rows

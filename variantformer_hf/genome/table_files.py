"""Files of tables: text that may be compressed, and Parquet that is never half written."""

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_GZIP_MAGIC = b"\x1f\x8b"


def read_text_bytes(path: str | Path) -> bytes:
    """Content of a text file, decompressed when it is gzip or bgzip, whatever it is called.

    Raises:
        InputError: the file is missing, cannot be read, or its compressed content is cut off or damaged.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError("no such file", file=path) from None
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
    try:
        with Path(path).open("rb") as start:
            compressed = start.read(2) == _GZIP_MAGIC
        with (gzip.open if compressed else open)(path, "rt", encoding="utf-8-sig", newline=None) as file:
            for line in file:
                yield line.rstrip("\n")
    except FileNotFoundError:
        raise InputError("no such file", file=path) from None
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", file=path) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path) from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=path) from error


def read_parquet(path: str | Path, columns: Iterable[str]) -> "pa.Table":
    """A Parquet table that has the named columns, and maybe more.

    Raises:
        InputError: the file is missing, is not Parquet, or lacks a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, partitioning=None)
    except FileNotFoundError:
        raise InputError("no such file", file=path) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError("is not a Parquet file, or is cut off", file=path) from error
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

    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        pq.write_table(table, partial, compression="zstd")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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

    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    writer, rows, held = None, 0, []
    try:
        for table in tables:
            held.append(table)
            rows += len(table)
            writer = writer or pq.ParquetWriter(partial, table.schema, compression="zstd")
            if len(held) == pieces_a_group:
                writer.write_table(pa.concat_tables(held))
                held = []
        if writer is not None:
            if held:
                writer.write_table(pa.concat_tables(held))
            writer.close()
            partial.replace(path)
    finally:
        if writer is not None:
            writer.close()
        partial.unlink(missing_ok=True)
    return rows

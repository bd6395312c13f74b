"""Tables of text: matrices of numbers, and named columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...genome.table_files import text_lines
from .source import check_once

if TYPE_CHECKING:
    import pandas as pd


def read_matrix(path: Path) -> "pd.DataFrame":
    """A table of numbers, names in the first column and the header.

    Raises:
        InputError: it is none; a row or a column is there twice.
    """
    import pandas as pd

    lines = text_lines(path)
    header = next(lines, "")
    delimiter = "\t" if "\t" in header else ","
    try:
        table = pd.read_csv(path, sep=delimiter, index_col=0, comment="#")
        table = table.astype(np.float64)
    except (ValueError, pd.errors.ParserError, EOFError, OSError) as error:
        raise InputError("is no table of numbers with names in its first column", file=path) from error
    table.index, table.columns = table.index.astype(str), table.columns.astype(str)
    check_once(table.columns, path)
    if table.index.has_duplicates:
        twice = str(table.index[table.index.duplicated()][0])
        raise InputError("has a row twice", file=path, record=twice, remedy="Keep one of them.")
    return table


def read_text_table(path: Path, columns: Sequence[str]) -> "pd.DataFrame":
    """A table as text, with the named columns.

    Raises:
        InputError: it cannot be read, or lacks one.
    """
    import pandas as pd

    lines = text_lines(path)
    header = next(lines, "")
    delimiter = "\t" if "\t" in header else ","
    try:
        table = pd.read_csv(path, sep=delimiter, dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError, EOFError, OSError) as error:
        raise InputError("cannot be read as a table", file=path) from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InputError(
            f"has no column {', '.join(missing)}; it has {', '.join(map(str, table.columns[:10]))}",
            file=path,
            remedy=f"Give a table with {', '.join(columns)}.",
        )
    return table


def row_numbers(texts: Sequence[str], wanted: int, path: Path, record: str, what: str) -> np.ndarray:
    """(wanted,) float32 of a row of a matrix.

    Raises:
        InputError: the row has more or fewer values, or one is no number.
    """
    if len(texts) != wanted:
        raise InputError(
            f"has {len(texts)} values where the header has {wanted} samples",
            file=path,
            record=record,
            remedy="Download it again.",
        )
    try:
        return np.array(texts, dtype=np.float32)
    except ValueError as error:
        raise InputError(
            f"has a value that is no number ({error})",
            file=path,
            record=record,
            remedy=f"Give {what}; a value that was not measured as NaN.",
        ) from None


def tpm_numbers(column: Any, path: Path, name: str) -> np.ndarray:
    """(rows,) float32 of a column of text; NaN where it says that nothing was measured.

    Raises:
        InputError: a value is no number, or negative.
    """
    values = numbers(column, path, name)
    if (values < 0).any():
        row = int(np.flatnonzero(values < 0)[0])
        raise InputError(f"{name} is negative", file=path, record=f"row {row + 2}", remedy="Give TPM, not logarithms.")
    return values


def numbers(column: Any, path: Path, name: str) -> np.ndarray:
    """The same, whatever their sign.

    Raises:
        InputError: a value is no number.
    """
    import pandas as pd

    text = column.astype(str)
    values = pd.to_numeric(text, errors="coerce").to_numpy(np.float32)
    bad = np.isnan(values) & ~text.str.lower().isin(["", "nan", "na", "none", "<na>"]).to_numpy()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{name} is {text.iloc[row]!r}, no number",
            file=path,
            record=f"row {row + 2}",
            remedy="Give a number, or NA where there is none.",
        )
    return values

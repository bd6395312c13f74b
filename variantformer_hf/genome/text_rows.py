"""Rows of a table of text with a header, each with the line that it stands in."""

from pathlib import Path

from ..errors import InputError
from .table_files import delimiter_of, fields_of, text_lines


def text_rows(path: str | Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header of a table, and its rows: line (from 1) and fields; lines without text are left out.

    Args:
        path: separated by tabs, commas, semicolons or blanks, as the header is; compressed (.gz) or not.

    Raises:
        InputError: no such file, no text, two columns of one name, or a line of another length.
    """
    lines = text_lines(path)
    first = next(lines, "")
    delimiter = delimiter_of(first)
    header = fields_of(first, delimiter)
    if len(set(header)) < len(header):
        raise InputError("has two columns of one name", file=path, record="line 1", remedy="Name them apart.")
    rows = []
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        fields = fields_of(line, delimiter, len(header))
        if len(fields) != len(header):
            problem = f"has {len(fields)} fields, and the first line {len(header)}"
            raise InputError(problem, file=path, record=f"line {number}", remedy="Give each line all columns.")
        rows.append((number, fields))
    return header, rows

"""The sites of a text table, a record a line: .pvar (plain or zstd) and .bim."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from ..errors import InputError
from .record_columns import numbers
from .sites import SiteTable, is_text_of_sites
from .span_keys import SpanKeys

_AT_ONCE = 32 << 20
_TAB, _NEWLINE, _COMMA = b"\t\n,"
_BLANKS = re.compile(rb"[ \t]+")


@dataclass(frozen=True, slots=True)
class TableColumns:
    """Which columns of a table hold what, from 0.

    Attributes:
        n: how many there are.
        chrom, position, ref, alt: their places.
        filters, info: places; None where there is none.
        one_alt: an ALT is one allele, and a comma none of its letters.
    """

    n: int
    chrom: int
    position: int
    ref: int
    alt: int
    filters: int | None = None
    info: int | None = None
    one_alt: bool = False


def read_lines(path: Path) -> Iterator[bytes]:
    """A text in pieces that end with a line's end, unpacked where its name ends in .zst.

    Raises:
        InputError: it is cut short or damaged.
    """
    import pyarrow as pa

    rest = b""
    try:
        with pa.OSFile(str(path)) as file:
            stream = pa.CompressedInputStream(file, "zstd") if path.suffix == ".zst" else file
            while piece := stream.read(_AT_ONCE):
                whole, newline, behind = (rest + piece).rpartition(b"\n")
                rest = behind
                if newline:
                    yield (whole + newline).replace(b"\r\n", b"\n")
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot be read ({error})", file=path, remedy="It may be cut short or damaged: fetch it again."
        ) from error
    if rest:
        raise InputError(
            "ends within a line, as a file that is cut short does",
            file=path,
            remedy=f"Fetch it again; where it is whole, end its last line: echo >> {path.name}",
        )


def header_of(pieces: Iterator[bytes]) -> tuple[list[str], Iterator[bytes]]:
    """The lines that begin with #, and the pieces behind them."""
    header: list[str] = []
    for piece in pieces:
        start = 0
        while piece.startswith(b"#", start):
            end = piece.index(b"\n", start)
            header.append(piece[start:end].decode(errors="replace"))
            start = end + 1
        if start < len(piece):
            return header, chain([piece[start:]], pieces)
    return header, iter(())


def read_sites(path: Path, pieces: Iterator[bytes], columns: TableColumns, header: Sequence[str]) -> SiteTable:
    """What all records of a table are.

    Args:
        path: for messages.
        pieces: of the text behind its header, each ending with a line's end.
        columns: of a line.
        header: lines that declare END and SVLEN of INFO.

    Raises:
        InputError: a line has another number of columns, an empty allele or one that is not ASCII, or a position that
            is no number.
    """
    names: dict[str, int] = {}
    codes, positions, texts, sizes = [], [], [], []
    spans: dict[int, tuple[int, int]] = {}
    span_keys = SpanKeys.declared(header)
    n_rows = 0
    for piece in pieces:
        fields = _Fields.of(path, piece, columns, n_rows)
        codes.append(_contig_codes(fields, names))
        positions.append(fields.position)
        text, size = fields.site_text()
        is_odd = ~is_text_of_sites(text)
        if columns.one_alt:
            is_odd |= text == _COMMA
        if is_odd.any():
            row = int(np.searchsorted(np.cumsum(size), np.argmax(is_odd), side="right"))
            raise _malformed(path, n_rows + row, "has an allele or FILTER of characters that none has")
        texts.append(text)
        sizes.append(size)
        if columns.info is not None and (span_keys.end or span_keys.svlen):
            spans.update(fields.spans(span_keys, n_rows))
        n_rows += len(size)
    empty = np.zeros(0, dtype=np.int32)
    return SiteTable(
        contigs=tuple(names),
        code=np.concatenate([empty, *codes]),
        position=np.concatenate([empty, *positions]),
        text=np.concatenate([empty.astype(np.uint8), *texts]),
        first=np.concatenate([[0], np.cumsum(np.concatenate([empty, *sizes]), dtype=np.int64)]),
        spans=spans,
    )


@dataclass(frozen=True, slots=True)
class _Fields:
    """The columns of some lines: where each begins and ends in ``characters``."""

    characters: np.ndarray
    start: np.ndarray
    end: np.ndarray
    position: np.ndarray
    columns: TableColumns

    @classmethod
    def of(cls, path: Path, piece: bytes, columns: TableColumns, n_before: int) -> "_Fields":
        if b" " in piece.partition(b"\n")[0]:  # tables of old are aligned with blanks
            piece = b"".join(_BLANKS.sub(b"\t", line.strip()) + b"\n" for line in piece.splitlines())
        # What stands in for a FILTER that is not there.
        characters = np.frombuffer(piece + b".\n", dtype=np.uint8)
        ends = np.flatnonzero((characters[:-2] == _TAB) | (characters[:-2] == _NEWLINE))
        line_ends = np.flatnonzero(characters[:-2] == _NEWLINE)
        n_columns = np.diff(np.concatenate([[-1], np.searchsorted(ends, line_ends)]))
        wrong = np.flatnonzero(n_columns != columns.n)
        if len(wrong):
            raise _malformed(path, n_before + int(wrong[0]), f"has {int(n_columns[wrong[0]])} columns")
        end = ends.reshape(-1, columns.n)
        start = np.concatenate([[0], ends[:-1] + 1]).reshape(-1, columns.n)
        number = columns.position
        position, is_number = numbers(characters, start[:, number], end[:, number])
        wrong = np.flatnonzero(~is_number)
        if len(wrong):
            raise _malformed(path, n_before + int(wrong[0]), "has a position that is no number")
        for column in (columns.chrom, columns.ref, columns.alt):
            wrong = np.flatnonzero(start[:, column] == end[:, column])
            if len(wrong):
                raise _malformed(path, n_before + int(wrong[0]), "has an empty contig or allele")
        return cls(characters, start, end, position.astype(np.int32), columns)

    def of_row(self, row: int, column: int) -> str:
        return self.characters[self.start[row, column] : self.end[row, column]].tobytes().decode(errors="replace")

    def site_text(self) -> tuple[np.ndarray, np.ndarray]:
        """REF, ALT and FILTER of all lines with tabs between them, and how long each is."""
        n, columns, behind = len(self.position), self.columns, len(self.characters) - 2
        filters: tuple[np.ndarray, np.ndarray] = np.full(n, behind), np.full(n, behind + 1)
        if columns.filters is not None:
            filters = self.start[:, columns.filters], self.end[:, columns.filters]
        # Each with the character behind it, which becomes a tab.
        begins = np.stack([self.start[:, columns.ref], self.start[:, columns.alt], filters[0]], axis=1).ravel()
        ends = np.stack([self.end[:, columns.ref] + 1, self.end[:, columns.alt] + 1, filters[1]], axis=1).ravel()
        sizes = ends - begins
        first = np.concatenate([[0], np.cumsum(sizes)])
        text = self.characters[np.arange(first[-1]) + np.repeat(begins - first[:-1], sizes)]
        text[first[1::3] - 1] = _TAB
        text[first[2::3] - 1] = _TAB
        return text, sizes.reshape(-1, 3).sum(axis=1)

    def spans(self, keys: SpanKeys, n_before: int) -> dict[int, tuple[int, int]]:
        """Lines whose INFO says how far they span."""
        assert self.columns.info is not None
        found = {}
        characters, info = self.characters, self.columns.info
        is_key = np.zeros(len(self.position), dtype=bool)
        text = characters.tobytes()
        for match in re.finditer(rb"END=|SVLEN=", text):
            row = int(np.searchsorted(self.end[:, -1], match.start()))
            if row < len(is_key):
                is_key[row] = True
        for row in np.flatnonzero(is_key).tolist():
            ref, alts = self.of_row(row, self.columns.ref), self.of_row(row, self.columns.alt)
            length, unseen = keys.spanned(
                int(self.position[row]), [ref, *alts.split(",")], self.of_row(row, info), None
            )
            if length != len(ref):
                found[n_before + row] = length, unseen
        return found


def _contig_codes(fields: _Fields, names: dict[str, int]) -> np.ndarray:
    """Place of each line's contig among the names, which new ones join."""
    start, end = fields.start[:, fields.columns.chrom], fields.end[:, fields.columns.chrom]
    size = end - start
    is_new = np.ones(len(start), dtype=bool)
    is_new[1:] = size[1:] != size[:-1]
    for place in range(int(size.max())):
        letter = fields.characters[np.minimum(start + place, end - 1)]
        is_new[1:] |= letter[1:] != letter[:-1]
    firsts = np.flatnonzero(is_new)
    codes = [names.setdefault(fields.of_row(row, fields.columns.chrom), len(names)) for row in firsts.tolist()]
    return np.repeat(np.array(codes, dtype=np.int32), np.diff(np.append(firsts, len(start))))


def _malformed(path: Path, row: int, problem: str) -> InputError:
    return InputError(
        f"the record {problem}",
        file=path,
        record=f"record {row + 1}",
        remedy="It may be cut short, or damaged: fetch it again.",
    )

"""Many records of one sample as arrays, decoded from a VCF's text by compiled kernels."""

from collections.abc import Callable, Iterator

import numpy as np

from . import line_kernels
from .indexed_text import IndexedText
from .record_columns import MISSING, Record, RecordColumns
from .text_index import UnusualTextError

# Tabs and line ends are a third of a text at most, or it is an unusual one.
_LETTERS_A_MARK = 3
_MARKS_A_LINE = 10
_BAR = ord("|")


class TextColumns:
    """Decodes the records of a region; stops at what is in any way unusual, which another reader has to go on with.

    Args:
        text: of the file.
        column: number of the sample's column from 0.
        n_calls: calls that a line has.
        parse: decodes one line in full, and refuses malformed ones.

    Attributes:
        n_read: lines that were given, of those that htslib finds in the region.
        is_whole: whether these are all.
    """

    def __init__(self, text: IndexedText, column: int, n_calls: int, parse: Callable[[str], Record]) -> None:
        self._text, self._column, self._n_calls, self._parse = text, column, n_calls, parse
        self.n_read, self.is_whole = 0, False

    def read(self, chrom: str, start: int, end: int) -> Iterator[RecordColumns]:
        """Columns of the records that overlap [start, end) of a contig, as ``VariantFile.columns`` gives them.

        Raises:
            InputError: a record cannot be parsed.
        """
        contig = np.frombuffer(chrom.encode(), dtype=np.uint8)
        pieces = self._text.pieces(chrom, start, end)
        while True:
            try:
                piece = next(pieces, None)
            except UnusualTextError:
                return
            if piece is None:
                self.is_whole = True
                return
            columns, is_done, is_unusual = self._decoded(piece, contig, start, end)
            if columns is not None:
                yield columns
            if is_done or is_unusual:
                self.is_whole = is_done
                return

    def _decoded(
        self, piece: bytes, contig: np.ndarray, start: int, end: int
    ) -> tuple[RecordColumns | None, bool, bool]:
        """Columns of a piece; whether the region ends in it; whether a line was met that has to be read otherwise."""
        text = np.frombuffer(piece, dtype=np.uint8)
        words = np.frombuffer(piece, dtype=np.uint64, count=len(piece) // 8)
        marks = np.empty(len(piece) // _LETTERS_A_MARK + 64, dtype=np.int32)
        n_marks = line_kernels.find_marks(words, text, marks)
        if n_marks < 0:
            return None, False, True
        numbers = np.empty((len(line_kernels.NUMBERS), n_marks // _MARKS_A_LINE + 1), dtype=np.int64)
        letters = np.empty((len(line_kernels.LETTERS), numbers.shape[1]), dtype=np.uint8)
        n, is_done, is_unusual = line_kernels.decode(
            text, marks[:n_marks], contig, self._column, self._n_calls, start, end, numbers, letters
        )
        self.n_read += n
        if not n:
            return None, is_done, is_unusual
        return self._columns(text, numbers[:, :n], letters[:, :n], start, end), is_done, is_unusual

    def _columns(
        self, text: np.ndarray, numbers: np.ndarray, letters: np.ndarray, start: int, end: int
    ) -> RecordColumns | None:
        position, record_end, alleles, line_start, line_end, ref_start, ref_end, alt_end, call_start = numbers
        ref, alt, first, second, *flags = letters
        first, second = first.view(np.int8), second.view(np.int8)
        is_plain, is_snp, is_hom_ref, passes = (each.view(bool) for each in flags)
        parse = self._parse

        def line(index: int) -> str:
            return text[line_start[index] : line_end[index]].tobytes().decode("ascii")

        def record(index: int) -> Record:
            if not is_plain[index]:
                return parse(line(index))
            alts = text[ref_end[index] + 1 : alt_end[index]].tobytes().decode("ascii")
            reference = text[ref_start[index] : ref_end[index]].tobytes().decode("ascii")
            return Record(
                int(position[index]),
                (reference,) if alts == "." else (reference, *alts.split(",")),
                len(reference),
                tuple(None if each[index] == MISSING else int(each[index]) for each in (first, second)),
                bool(text[call_start[index] + 1] == _BAR),
                "PASS" if passes[index] else line(index).split("\t", 7)[6],
                None,
                None,
            )

        for index in np.flatnonzero(~is_plain).tolist():
            parsed = parse(line(index))
            position[index], record_end[index] = parsed.position, parsed.end
        columns = RecordColumns(
            position,
            record_end,
            is_snp,
            is_hom_ref,
            ref,
            alt,
            first,
            second,
            passes,
            alleles,
            record,
            text,
            np.where(is_plain, ref_start, -1),
        )
        inside = (position < end) & (record_end > start)
        return columns if inside.all() else columns.select(np.flatnonzero(inside))

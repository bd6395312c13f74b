"""The reference genome: bases of an indexed FASTA."""

import difflib
import logging
import os
from pathlib import Path
from types import TracebackType

import numpy as np
import pysam

from ..addresses import as_given
from ..errors import ContigError, InputError, MissingIndexError
from ..remote.mirror import MirroredFile
from .fasta_bytes import FastaBytes, fetch_head
from .local_files import local_file

logger = logging.getLogger(__name__)

_NEWLINE, _SPACE, _HEADER, _FIRST_LETTER = b"\n >A"
# Bytes that end a line, of a header line with its description, and before a block's content.
_LONGEST_LINE_END, _LONGEST_HEADER, _BGZF_HEADER = 2, 1 << 16, 18


class ReferenceGenome:
    """An indexed FASTA, plain or bgzipped; a missing index is made beside it where the folder is writable.

    Args:
        fasta: path of the FASTA, or its address (``https://``, ``s3://``, ``gs://``) with its index beside it.

    Attributes:
        path: of the FASTA.
        contigs: name -> length, in the file's order.

    Raises:
        InputError: no such file, or not a FASTA (gzip instead of bgzip is named as such).
        MissingIndexError: there is no index and none can be made.
    """

    # Of a kind of genome that has no file too.
    _last_block: tuple[tuple[str, int, int], np.ndarray] | None = None

    def __init__(self, fasta: str | os.PathLike[str]) -> None:
        self.path = local_file(fasta, "FASTA")
        self._bytes_of: FastaBytes | None = None
        if isinstance(self.path, MirroredFile):
            fetch_head(self.path)
            self._bytes_of = FastaBytes(self.path, compressed=_is_compressed_fasta(self.path))
        else:
            _ensure_index(self.path, compressed=_is_compressed_fasta(self.path))
        self._file = _open(self.path)
        self.contigs: dict[str, int] = dict(zip(self._file.references, self._file.lengths, strict=True))
        self._lines = {} if _is_compressed_fasta(self.path) else _line_layout(Path(f"{self.path}.fai"))
        self._bytes: np.ndarray | None = None

    def sequence(self, chrom: str, start: int, end: int) -> str:
        """Bases of [start, end), letter case kept; cut at the contig's end.

        Raises:
            ContigError: no such contig.
            ValueError: ``start`` is negative or beyond ``end``.
            InputError: the file is damaged, or does not hold what its index says.
        """
        length = self.contigs.get(chrom)
        if length is None:
            close = difflib.get_close_matches(chrom, self.contigs, n=3)
            hint = f"Close names: {', '.join(close)}." if close else f"It has {', '.join(list(self.contigs)[:3])}, ..."
            raise ContigError(f"there is no contig {chrom!r}", file=self.path, remedy=hint)
        if start < 0 or end < start:
            raise ValueError(f"[{start}, {end}) is not an interval")
        end = min(end, length)
        if start >= end:
            return ""
        if self._bytes_of is not None:
            self._bytes_of.fetch(chrom, start, end)
        try:
            bases: str = self._file.fetch(chrom, start, end)
        except (OSError, ValueError) as error:
            raise self._unreadable(chrom, start, end) from error
        if len(bases) != end - start or ">" in bases:
            raise self._unreadable(chrom, start, end)
        return bases

    def array(self, chrom: str, start: int, end: int) -> np.ndarray:
        """As :meth:`sequence`, as (end - start,) uint8 characters; a plain FASTA is read through a memory map."""
        layout = self._lines.get(chrom)
        length = self.contigs.get(chrom, 0)
        end = min(end, length)
        if layout is None or not 0 <= start < end:
            return np.frombuffer(self.sequence(chrom, start, end).encode("ascii"), dtype=np.uint8)
        offset, bases, width = layout
        if self._bytes_of is not None:
            self._bytes_of.fetch(chrom, start, end)
        if self._bytes is None:
            self._bytes = np.memmap(self.path, dtype=np.uint8, mode="r").view(np.ndarray)
        first, last = start // bases, -(-end // bases)
        found = self._bytes[offset + first * width : offset + last * width]
        if len(found) < (last - first) * width:  # the file ends within the last line
            found = np.append(found, np.full((last - first) * width - len(found), _NEWLINE, dtype=np.uint8))
        rows = found.reshape(-1, width)
        inside = rows[:, :bases].reshape(-1)[start - first * bases : end - first * bases]
        # Letters are above '@', and so are no line end, no space and no '>' of the next contig.
        if (inside.min() < _FIRST_LETTER and not _is_sequence(inside)) or rows[:-1, bases:].max(initial=0) > _SPACE:
            raise self._unreadable(chrom, start, end)
        return inside

    def block(self, chrom: str, start: int, end: int) -> np.ndarray:
        """As :meth:`array`; the last one is kept, since people are read one after the other in the same places."""
        last = self._last_block
        if last is None or last[0] != (chrom, start, end):
            last = self._last_block = (chrom, start, end), self.array(chrom, start, end)
        return last[1]

    def _unreadable(self, chrom: str, start: int, end: int) -> InputError:
        return InputError(
            "the file does not hold what its index says: it is damaged or cut short, or the index is another file's",
            file=self.path,
            record=f"{chrom}:{start + 1}-{end}",
            remedy=f"Fetch the file again, or remove its index and make it anew: samtools faidx {as_given(self.path)}",
        )

    def close(self) -> None:
        """Close the file; the object cannot be read any more."""
        self._file.close()

    def __enter__(self) -> "ReferenceGenome":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type["ReferenceGenome"], tuple[Path]]:
        return type(self), (self.path,)

    def __repr__(self) -> str:
        return f"ReferenceGenome({str(self.path)!r})"


def _is_sequence(characters: np.ndarray) -> bool:
    """Whether characters that are not all letters (``*``, ``-``) can still be sequence."""
    return bool(characters.min() > _SPACE) and not bool((characters == _HEADER).any())


def _line_layout(index: Path) -> dict[str, tuple[int, int, int]]:
    """Contig -> offset of its first base, bases in a line, bytes in a line."""
    rows = (line.split("\t") for line in index.read_text().splitlines())
    return {name: (int(offset), int(bases), int(width)) for name, _, offset, bases, width, *_ in rows}


def _is_compressed_fasta(path: Path) -> bool:
    """Whether a FASTA is bgzipped, whatever its name; anything but a FASTA is refused."""
    with path.open("rb") as file:
        head = file.read(18)
    if head[:2] == b"\x1f\x8b":
        if head[12:14] != b"BC":
            raise InputError(
                "is compressed with gzip, which cannot be read by region",
                file=path,
                remedy=f"Compress it with bgzip instead: gunzip -c {path} | bgzip > genome.fa.gz",
            )
        return True
    if not head.lstrip().startswith(b">"):
        raise InputError("is not a FASTA: it does not begin with '>'", file=path, remedy="Give a FASTA (.fa, .fa.gz).")
    return False


def _ensure_index(path: Path, *, compressed: bool) -> None:
    """Make the index under a temporary name and rename it, so that runs that start together do not meet half of one."""
    index, block_index = Path(f"{path}.fai"), Path(f"{path}.gzi")
    if index.is_file() and (block_index.is_file() or not compressed):
        if not _index_fits(path, index, compressed=compressed):
            stale = f"{index} {block_index}" if compressed else str(index)
            raise MissingIndexError(
                "does not fit its index: one of the two is damaged or cut short, or the index is another file's",
                file=path,
                remedy=f"Fetch the file again, or make the index anew: rm {stale} && samtools faidx {path}",
            )
        return
    if not os.access(path.parent, os.W_OK):
        raise MissingIndexError(
            "has no index, and its folder is not writable",
            file=path,
            remedy=f"Ask somebody who may write there to run: samtools faidx {path}",
        )
    temporary, temporary_blocks = Path(f"{index}.{os.getpid()}"), Path(f"{block_index}.{os.getpid()}")
    blocks = ["--gzi-idx", str(temporary_blocks)] if compressed else []
    try:
        pysam.faidx("--fai-idx", str(temporary), *blocks, str(path))
        if compressed:
            temporary_blocks.replace(block_index)
        temporary.replace(index)
    except (pysam.SamtoolsError, OSError) as error:
        raise InputError("cannot be indexed: it is not a well-formed FASTA", file=path) from error
    finally:
        temporary.unlink(missing_ok=True)
        temporary_blocks.unlink(missing_ok=True)


def _index_fits(path: Path, index: Path, *, compressed: bool) -> bool:
    """Whether each contig of the index begins below its header line and ends where the next begins."""
    try:
        text = _BgzippedText(path) if compressed else _PlainText(path)
        contigs: list[tuple[int, int, bytes | None]] = []
        for line in index.read_text().removesuffix("\n").split("\n"):
            contig, *numbers = line.split("\t")
            length, first, line_bases, line_width = map(int, numbers)
            full_lines, rest = divmod(length - 1, line_bases) if length else (0, -1)
            if length < 0 or (length and not 0 < line_bases < line_width <= line_bases + _LONGEST_LINE_END):
                return False
            contigs.append((first, first + full_lines * line_width + rest + 1, contig.encode()))
        end, has_bases = 0, False
        for first, last, wanted in [*sorted(contigs), (text.size, text.size, None)]:
            # What lies between two contigs: a line end, and the header; more, where the index has not all contigs.
            between = text.read(end - has_bases, min(first, end + _LONGEST_HEADER))
            behind = between[has_bases:].lstrip(b"\r\n")[:1]
            if first < end or (has_bases and not between[:1].strip()):
                return False
            if wanted is None:
                return bool(contigs) and behind in (b"", b">")
            if first > end + _LONGEST_HEADER:
                between = text.read(first - _LONGEST_HEADER, first)
            header = between[:-1].rpartition(b"\n")[2]
            if behind != b">" or between[-1:] != b"\n" or header[1:].split()[:1] != [wanted]:
                return False
            end, has_bases = last, last > first
    except (OSError, ValueError, ZeroDivisionError):
        pass
    return False


class _PlainText:
    """Bytes of a file by their places."""

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
        self.size = len(self._bytes)

    def read(self, start: int, end: int) -> bytes:
        """Bytes [start, end), cut at the end of the file."""
        return self._bytes[start:end].tobytes()


class _BgzippedText:
    """Bytes of a bgzipped file's content by their places, found through its .gzi.

    Raises:
        ValueError: the .gzi is not that of the file.
    """

    def __init__(self, path: Path) -> None:
        content = Path(f"{path}.gzi").read_bytes()
        numbers = np.frombuffer(content, dtype="<i8")
        file = np.memmap(path, dtype=np.uint8, mode="r").view(np.ndarray)
        if len(numbers) != 1 + 2 * int(numbers[0]):
            raise ValueError("another number of blocks than it says")
        first, place = (np.append(0, numbers[1 + which :: 2]) for which in (0, 1))
        if first.min() < 0 or (np.diff(first) <= 0).any() or first[-1] + _BGZF_HEADER > len(file):
            raise ValueError("blocks out of order")
        # Each block says how long it is, and at its end, how much it holds.
        size = (file[first + 16].astype(np.int64) | file[first + 17].astype(np.int64) << 8) + 1
        ends = first + size
        if (ends[:-1] != first[1:]).any() or ends[-1] > len(file):
            raise ValueError("blocks of another length")
        held = sum(file[ends - 4 + byte].astype(np.int64) << 8 * byte for byte in range(4))
        if (np.diff(place) != held[:-1]).any():
            raise ValueError("blocks that hold something else")
        self.size = int(place[-1] + held[-1])
        self._first, self._place = first, place
        self._file = pysam.BGZFile(str(path), "rb")

    def read(self, start: int, end: int) -> bytes:
        """Bytes [start, end), cut at the end of the content."""
        if not 0 <= start < min(end, self.size):
            return b""
        block = int(np.searchsorted(self._place, start, side="right")) - 1
        self._file.seek(int(self._first[block]) << 16 | start - int(self._place[block]))
        return bytes(self._file.read(end - start))


def _open(path: Path) -> pysam.FastaFile:
    try:
        return pysam.FastaFile(str(path))
    except (OSError, ValueError) as error:
        raise InputError("cannot be opened as an indexed FASTA", file=path) from error

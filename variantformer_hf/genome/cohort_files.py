"""Several files that together hold one cohort's genotypes: a file a chromosome, or a piece of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ..addresses import as_given
from .appended_people import appended_to
from .contigs import bare_name
from .file_patterns import named_files
from .provenance import content_of, fingerprint


@dataclass(frozen=True, slots=True)
class Piece:
    """The records that one file has on a contig.

    Attributes:
        path: of the file.
        first: position of its first record, 0-based.
        end: none of its records reaches beyond.
    """

    path: Path
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class CohortFiles:
    """What several files hold, looked over once (see ``look_over``); they are read by ``VariantFiles``.

    As text it is the first file ``and N more``, for messages.

    Attributes:
        paths: the files, in natural order.
        samples: names of the samples, the same in all files, in the first one's order.
        contigs: name -> length, of all headers; None where none says it.
        headers: contig -> the file whose header gives it.
        pieces: contig -> the files with records on it, along it, none of which begins before another one's last record.
        older_indexes: files that were written after their index.
        formats: what each format that is no VCF does not hold, see ``CohortRows.described``.
    """

    paths: tuple[Path, ...]
    samples: tuple[str, ...]
    contigs: Mapping[str, int | None]
    headers: Mapping[str, Path]
    pieces: Mapping[str, tuple[Piece, ...]]
    older_indexes: tuple[Path, ...]
    formats: tuple[dict[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{as_given(self.paths[0])} and {len(self.paths) - 1} more"

    def file_with(self, chrom: str, position: int) -> "Path | CohortFiles":
        """The file with the records at a position (0-based) of a contig, in any spelling; all where none is known."""
        name = next((name for name in self.pieces if name == chrom), None)
        name = name or next((name for name in self.pieces if bare_name(name) == bare_name(chrom)), None)
        if name is None:
            return self
        pieces = self.pieces[name]
        return next((piece.path for piece in reversed(pieces) if piece.first <= position), pieces[0].path)


# Where a person's records lie: in one file, or in several.
Genotypes = str | PathLike[str] | CohortFiles
# As they are given: names, globs and patterns too, see ``named_files``.
GivenGenotypes = Genotypes | Sequence[str | PathLike[str]]


def file_with(source: Genotypes | None, chrom: str, position: int) -> Genotypes | None:
    """The file to name in a message about a record, at a 0-based position."""
    return source.file_with(chrom, position) if isinstance(source, CohortFiles) else source


def fingerprints(source: Genotypes, whole_file: bool = False) -> dict[str, Any] | list[dict[str, Any]]:
    """Identity of a file as of ``provenance.fingerprint``; of several, or with people who were appended, a list."""
    found = [fingerprint(path, whole_file) for path in _all_paths(source)]
    return found if isinstance(source, CohortFiles) else found[0] if len(found) == 1 else found


def contents_of(source: Genotypes) -> dict[str, Any] | list[dict[str, Any]]:
    """As :func:`fingerprints`, wherever the files lie."""
    found = [content_of(path) for path in _all_paths(source)]
    return found if isinstance(source, CohortFiles) else found[0] if len(found) == 1 else found


def _all_paths(source: Genotypes) -> list[str | PathLike[str]]:
    """The files of a source, and of those who were appended to it."""
    own = source.paths if isinstance(source, CohortFiles) else (source,)
    return [*own, *(path for each in appended_to(Path(own[0])) for path in named_files(each.paths))]

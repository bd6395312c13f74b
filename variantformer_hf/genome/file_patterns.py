"""The files that are meant by a name, a glob or a pattern with ``{contig}``."""

import glob
import os
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from ..errors import InputError
from .local_files import is_address

CONTIG = "{contig}"
# A contig's name as it stands in a file's: chr1, 1, X, NC_000001.11; no words of the file's behind it.
_NAME = r"\w+(?:\.\d+)?"
_INDEXES = (".tbi", ".csi")


def named_files(given: str | PathLike[str] | Sequence[str | PathLike[str]]) -> tuple[Path, ...]:
    """The files that are meant; one by its name is not looked for.

    Args:
        given: one or more of a path, a glob (``cohort.chr*.vcf.gz``; index files are no match), or a pattern in which
            ``{contig}`` stands for a contig's name (``cohort.{contig}.vcf.gz``).

    Returns:
        The files in natural order (chr2 before chr10), however they were given.

    Raises:
        InputError: nothing is given; a glob or pattern matches nothing; a file is given twice.
    """
    several = [given] if isinstance(given, (str, PathLike)) else list(given)
    if not several:
        raise InputError("no file of variants is named", remedy="Give at least one VCF or BCF.")
    found: dict[str, Path] = {}
    for path in (path for each in several for path in _matches(each)):
        same = found.setdefault(os.path.realpath(path), path)
        if same is not path:
            raise InputError(
                "is given twice" if same == path else f"is given twice, once as {same}",
                file=path,
                remedy="Name each file once; a glob or pattern names all that it matches.",
            )
    return tuple(sorted(found.values(), key=_natural))


def _matches(given: str | PathLike[str]) -> list[Path]:
    text = str(given)
    if is_address(text) or os.path.lexists(text) or not (CONTIG in text or glob.has_magic(text)):
        return [Path(given)]
    if CONTIG in text:
        parts = text.split(CONTIG)
        whole = re.compile(
            re.escape(parts[0]) + f"({_NAME})" + r"\1".join(re.escape(part) for part in parts[1:]), re.ASCII
        )
        names = [name for name in _glob("*".join(map(glob.escape, parts))) if whole.fullmatch(name)]
    else:
        names = [name for name in _glob(text) if not name.endswith(_INDEXES)]
    if not names:
        raise InputError("matches no file", file=text, remedy="Check the path; quote it, so that the shell leaves it.")
    return [Path(name) for name in names]


def _glob(pattern: str) -> list[str]:
    return glob.glob(pattern)  # noqa: PTH207 - Path.glob takes no absolute pattern


def _natural(path: Path) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", str(path))]

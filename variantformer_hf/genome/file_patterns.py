"""The files that are meant by a name, a glob or a pattern with ``{contig}``."""

import glob
import os
import re
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

from ..addresses import as_given, is_address, is_web, shown
from ..errors import InputError
from ..remote.mirrored_folder import mirrored_path
from ..remote.object_store import listed
from ..remote.sources import whole_address

CONTIG = "{contig}"
# A contig's name as it stands in a file's: chr1, 1, X, NC_000001.11; no words of the file's behind it.
_NAME = r"\w+(?:\.\d+)?"
_INDEXES = (".tbi", ".csi")


def named_files(given: str | PathLike[str] | Sequence[str | PathLike[str]]) -> tuple[Path, ...]:
    """The files that are meant; one by its name is not looked for.

    Args:
        given: one or more of a path, a glob (``cohort.chr*.vcf.gz``; index files are no match), or a pattern in which
            ``{contig}`` stands for a contig's name (``cohort.{contig}.vcf.gz``); or of an address, which is looked
            for. An object store is asked for what a pattern matches.

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
        real = os.path.realpath(path)
        if real in found:
            same = found[real]
            raise InputError(
                "is given twice" if same == path else f"is given twice, once as {as_given(same)}",
                file=path,
                remedy="Name each file once; a glob or pattern names all that it matches.",
            )
        found[real] = path
    return tuple(sorted(found.values(), key=_natural))


def _matches(given: str | PathLike[str]) -> list[Path]:
    text = str(given)
    if is_address(text):
        return [mirrored_path(address) for address in _addresses(whole_address(text))]
    if os.path.lexists(text) or not _is_pattern(text):
        return [Path(given)]
    return [Path(name) for name in _matching(text, _glob)]


def _is_pattern(text: str) -> bool:
    return CONTIG in text or glob.has_magic(text)


def _addresses(address: str) -> list[str]:
    """The addresses that are meant by one; an object store can be asked for those that a pattern matches."""
    if not is_web(address):
        return _matching(address, listed) if _is_pattern(address) else [address]
    path = address.partition("?")[0]  # what follows is no pattern
    if CONTIG in address or "*" in path:
        raise InputError(
            "is a pattern, and a web server does not say which files it has",
            file=shown(address),
            remedy="Name each file: --vcf for each, a list in Python and YAML.",
        )
    return [address]


def _matching(pattern: str, listing: Callable[[str], list[str]]) -> list[str]:
    """Names that a glob or a pattern with ``{contig}`` matches.

    Raises:
        InputError: there is none.
    """
    if CONTIG in pattern:
        parts = pattern.split(CONTIG)
        whole = re.compile(
            re.escape(parts[0]) + f"({_NAME})" + r"\1".join(re.escape(part) for part in parts[1:]), re.ASCII
        )
        names = [name for name in listing("*".join(map(glob.escape, parts))) if whole.fullmatch(name)]
    else:
        names = [name for name in listing(pattern) if not name.endswith(_INDEXES)]
    if not names:
        raise InputError(
            "matches no file", file=pattern, remedy="Check the path; quote it, so that the shell leaves it."
        )
    return names


def _glob(pattern: str) -> list[str]:
    return glob.glob(pattern)  # noqa: PTH207 - Path.glob takes no absolute pattern


def _natural(path: Path) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", as_given(path))]

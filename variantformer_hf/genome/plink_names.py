"""What PLINK's files call people and contigs."""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ..errors import InputError
from .contigs import bare_name

# PLINK's numbers of human chromosomes beyond 22, and its names of the ends of X that X and Y share.
_CONTIGS = {"23": "X", "24": "Y", "25": "X", "26": "MT", "XY": "X", "PAR1": "X", "PAR2": "X"}
_OF_A_FAM = ["#FID", "IID"]  # and four more, mostly
_BLANKS = re.compile(r"[ \t]+")
_ANY_BLANK = re.compile(r"[^\S\n]")


def plink_contig(name: str) -> str:
    """A contig's name as others have it: X for 23, XY and the pseudo-autosomal PAR1 and PAR2; 1 for 01 (UK Biobank)."""
    bare = bare_name(name)
    called = bare.lstrip("0") or bare if bare.isdecimal() and name.endswith(bare) else bare
    called = _CONTIGS.get(called, called)
    return name if called == bare else f"{name.removesuffix(bare)}{called}"


def read_people(path: Path) -> tuple[str, ...]:
    """The names in a .psam or .fam: the individual's ID; where people share those, the family's and it: ``FID_IID``.

    Raises:
        InputError: the file is not there, empty or malformed.
    """
    try:
        status = path.stat()
    except OSError:
        return tuple(_people(path))  # which says what is wrong
    return _people_as_it_is(path, status.st_mtime_ns, status.st_size)


@lru_cache(4)
def _people_as_it_is(path: Path, modified: int, size: int) -> tuple[str, ...]:
    return tuple(_people(path))


def _people(path: Path) -> list[str]:
    lines = _lines(path)
    header = _OF_A_FAM
    if path.suffix == ".psam":
        while lines and lines[0][0].startswith("##"):
            del lines[0]
        if lines and lines[0][0].startswith("#"):
            header = lines.pop(0)
            if header[0] not in ("#IID", "#FID") or (header[0] == "#FID" and header[1:2] != ["IID"]):
                raise InputError(
                    "has a header that begins with neither #IID nor #FID IID", file=path, remedy="Make it by plink2."
                )
    width = len(header) if header is not _OF_A_FAM else max([2, *map(len, lines[:1])])
    return _named(path, lines, width, 1 if header[0] == "#FID" else 0, 0 if header[0] == "#FID" else None)


def read_sample_file(path: Path) -> list[str]:
    """The names in a .sample file beside a BGEN: ID_2 where there is one, as of :func:`read_people`.

    Raises:
        InputError: as there.
    """
    lines = _lines(path)
    header = lines[0] if lines else []
    if len(lines) < 2 or not header[0].upper().startswith("ID"):
        raise InputError(
            "is no .sample file: its first line does not begin with ID_1 or ID, and a second one gives types",
            file=path,
            remedy="Give the one that came with the BGEN.",
        )
    has_second = len(header) > 1 and header[1].upper() == "ID_2"
    return _named(path, lines[2:], len(header), int(has_second), 0 if has_second else None)


def _lines(path: Path) -> list[list[str]]:
    """The columns of lines that are not blank."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise InputError("is not there", file=path, remedy="Give the whole set of files, with one name.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", file=path, remedy="Fetch it again.") from error
    if text and not text.endswith("\n"):
        raise InputError(
            "ends within a line, as a file that is cut short does",
            file=path,
            remedy=f"Fetch it again; where it is whole, end its last line: echo >> {path.name}",
        )
    # The same in each of three ways, of which the first two take a tenth of the time.
    if not _ANY_BLANK.search(text):
        return [[line] for line in text.split("\n") if line]
    if " " not in text and "\t\t" not in text:
        return [line.strip().split("\t") for line in text.split("\n") if line.strip()]
    return [_BLANKS.split(line.strip()) for line in text.split("\n") if line.strip()]


def _named(path: Path, lines: Sequence[Sequence[str]], width: int, column: int, family: int | None) -> list[str]:
    """The names of some lines that have at least so many columns."""
    for number, fields in enumerate(lines, start=1):
        if len(fields) < width:
            raise InputError(
                f"has a line of {len(fields)} columns, where there are {width}",
                file=path,
                record=f"person {number}",
                remedy="It may be cut short, or damaged: fetch it again.",
            )
    names = [fields[column] for fields in lines]
    if family is not None and len(set(names)) < len(names):
        families = [fields[family] for fields in lines]
        return [name if of == "0" else f"{of}_{name}" for name, of in zip(names, families, strict=True)]
    return names

"""Files that are read by region: on a disk, or elsewhere where that can be; what else is given is told by its kind."""

import os
import shutil
import stat
import tempfile
from functools import cache
from os import PathLike
from pathlib import Path

from ..addresses import is_address
from ..errors import UNREADABLE, InputError, unreadable
from ..remote.sources import whole_address

_STREAMS = ("/dev/", "/proc/")


def local_file(path: str | PathLike[str], kind: str) -> Path:
    """The path of a file that can be read and read again; of one elsewhere that of its mirror.

    Of a mirror the caller fetches what it is about to read, see ``MirroredFile``.

    Args:
        path: as the user gave it, or a mirror's.
        kind: what is wanted, for messages: ``FASTA``, ``VCF or BCF``.

    Raises:
        InputError: it is an address and cannot be read, or a stream, a folder, is not there, or may not be read.
    """
    from ..remote.mirror import mirror_at, mirrored

    text, found = str(path), Path(path)
    mirror = mirror_at(path)
    if mirror is not None or is_address(text):
        return mirror or mirrored(whole_address(text))
    if text == "-" or text.startswith(_STREAMS):
        raise _stream(text, kind)
    try:
        mode = found.stat().st_mode
        if stat.S_ISREG(mode):  # a stream would be waited for
            with found.open("rb"):
                return found
    except UNREADABLE as error:
        raise unreadable(found, error, "Check the path.") from None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=found, remedy="Check the path.") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"is a folder, not a {kind}", file=found, remedy="Name the file in it.")
    raise _stream(text, kind)


def located(path: str | PathLike[str]) -> str | PathLike[str]:
    """A path as it is; of an address the mirror of the file, or of the folder with all of its files.

    Raises:
        InputError: it is an address, and cannot be read.
    """
    from ..remote.mirrored_folder import mirrored_path

    return mirrored_path(whole_address(str(path))) if is_address(str(path)) else path


def known_by_address(path: Path) -> Path:
    """A file beside another one as it is; where that is a mirror, the mirror of this one, which knows its address."""
    from ..remote.mirror import mirror_at

    target = path.readlink() if path.is_symlink() else path
    return mirror_at(os.path.normpath(path.parent / target)) or path


def whole(path: str | PathLike[str]) -> Path:
    """The path of a file that is read from its beginning to its end; of one elsewhere its mirror, all of it fetched;
    of a shell's pipe (``<(cut -f1 people.tsv)``) a copy, for it can be read only once.

    Args:
        path: as the user gave it, or a mirror's.

    Raises:
        InputError: it is an address, and cannot be read; or a pipe with a name.
    """
    from ..remote.mirror import mirror_at, mirrored

    mirror = mirrored(whole_address(str(path))) if is_address(str(path)) else mirror_at(path)
    if mirror is not None:
        mirror.fetch()
        return mirror
    try:
        status = Path(path).stat()
    except (OSError, ValueError):  # said by who opens it
        return Path(path)
    return _copied(str(path), status.st_ino) if stat.S_ISFIFO(status.st_mode) else Path(path)


@cache
def _copied(pipe: str, _number: int) -> Path:
    """A copy of what comes through a pipe of the shell, which goes with this process.

    The pipe's number of the system tells it from another one that has its name later.
    """
    if not pipe.startswith(_STREAMS):  # what comes through it another time is another list
        raise InputError("is a pipe", file=pipe, remedy="Write it to a file.")
    folder = Path(_copies().name)
    copy = folder / str(len(list(folder.iterdir())))
    try:
        with Path(pipe).open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=pipe) from error
    return copy


@cache
def _copies() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="variantformer-")


def _stream(text: str, kind: str) -> InputError:
    return InputError(
        f"is a stream, and a {kind} is read by region, again and again",
        file=text,
        remedy="Write it to a file (compressed with bgzip) and index that.",
    )

"""Output files: checked before anything is computed, written under a temporary name, renamed when they are whole."""

import errno
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError, OutputError
from .folder import as_new_file

# The path that stands for stdout, on which tables are CSV.
STDOUT = Path("-")
# What the system says of a write -> what is wrong, what to do.
_GO_ON = "and start the same command again."
_REASONS = {
    errno.ENOSPC: ("no room is left on the disk", f"Make room, {_GO_ON}"),
    errno.EDQUOT: ("the disk quota is used up", f"Make room, {_GO_ON}"),
    errno.EFBIG: ("is larger than a file may be here", f"Raise the limit (ulimit -f), {_GO_ON}"),
    errno.EIO: ("the disk fails (input/output error)", f"Look at the disk, {_GO_ON}"),
    errno.EROFS: ("the file system is read-only", "Name another place."),
    errno.EACCES: ("no permission to write here", "Name another place, or ask for the permission."),
    errno.EPERM: ("no permission to write here", "Name another place, or ask for the permission."),
    errno.ENOENT: ("no such folder", "Make it first."),
    errno.ENOTDIR: ("is no folder", "Name another place."),
    errno.EEXIST: ("is no folder", "Name another place."),
    errno.EISDIR: ("is a folder", "Name a file."),
    errno.ENAMETOOLONG: ("the name is too long", "Name a shorter one."),
}
# Those that say by themselves that something was written.
OF_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
# How libraries spell the system's number in the text of errors of their own.
_NUMBER = re.compile(r"(?:os error|errno =|\[Errno|\[errno) ?(\d+)")
# Those of numpy and torch that say that less was written than was to be, without a number.
_CUT_SHORT = re.compile(r"requested and \d+ written|PytorchStreamWriter|inline_container")


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, renamed to it when the block ends well and removed when it fails.

    The temporary name ends as ``path`` does, because some writers go by the suffix.

    Raises:
        OutputError: it cannot be written.
    """
    path = Path(path)
    partial = _partial(path)
    with writing(path):
        try:
            yield partial
            as_new_file(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """A block that writes a file or folder: what the system refuses is one error that names it.

    Raises:
        OutputError: no room, no permission, a disk that fails, by whatever library it was written.
    """
    path = Path(path)
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        number = _number(error)
        if not (isinstance(error, OSError) or number) or not _is_of(error, path):
            raise
        raise output_error(path, number, str(error)) from error


def output_error(path: str | Path | None, number: int | None, text: str = "") -> OutputError:
    """The error of an output that cannot be written.

    Args:
        path: which; None = the system does not say.
        number: the system's error number; None = there is only a text.
        text: said where there is no number.
    """
    if number in _REASONS:
        problem, remedy = _REASONS[number]
    else:
        said = " ".join(text.split()) if number is None else os.strerror(number)
        problem, remedy = f"cannot be written ({said})", "Name another place."
    return OutputError(problem, file=None if path is None else os.fspath(path), remedy=remedy)


def check_new(paths: list[Path], *, overwrite: bool) -> None:
    """Refuse paths that cannot be written, and to write over files that exist unless told to, before anything is done.

    Raises:
        InputError: one exists, or is a folder or a device.
        OutputError: its folder is not there, or cannot be written.
    """
    for path in paths:
        check_folder(path.parent)
        with writing(path):
            if path.is_dir():
                raise output_error(path, errno.EISDIR)
            if path.exists() and not path.is_file():
                raise InputError("is a device or a pipe, not a file", file=path, remedy="Name a file.")
            if path.exists() and not overwrite:
                raise InputError("already exists", file=path, remedy="Name another output, or give --overwrite.")
            _try(_partial(path))


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written, by writing a small file there.

    Raises:
        OutputError: it cannot.
    """
    try:
        _try(folder / f".partial-{uuid.uuid4().hex}")
    except OSError as error:
        number = errno.EACCES if error.errno == errno.ENOENT and folder.is_dir() else error.errno
        raise output_error(folder, number, str(error)) from error


def _try(path: Path) -> None:
    """Write a small file, and remove it."""
    try:
        path.write_bytes(b"\n" * 512)
        as_new_file(path)
    finally:
        path.unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    return path.with_name(f".partial-{path.name}")


def _number(error: BaseException) -> int | None:
    """The system's error number behind an error of any library; None = it does not say."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    found = _NUMBER.search(str(error))
    if found is not None and int(found[1]) in _REASONS:
        return int(found[1])
    return errno.ENOSPC if _CUT_SHORT.search(str(error)) else None


def _is_of(error: BaseException, path: Path) -> bool:
    """Whether an error is about a path, and not about another that was read on the way."""
    named = getattr(error, "filename", None)
    if not isinstance(named, str | os.PathLike):
        return True
    found = Path(named)
    return found.is_relative_to(path) or (found.parent == path.parent and path.name in found.name)

"""A command's output: checked before anything is computed, one run's alone, at the end whole or not there."""

import functools
import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

import typer

from ..addresses import is_address
from ..errors import InputError, OutputError
from ..files import STDOUT, check_folder, check_new, output_error, writing
from ..inference.processes import is_first_process
from .options import Address
from .output_lock import OutputLock
from .stopping import Stopped

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
_command: ContextVar[ExitStack] = ContextVar("command")


def closing(command: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """A command whose outputs are let go of when it ends, well or not.

    Where a file is given by its address, the command gets the path of its mirror.
    """

    @functools.wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with ExitStack() as stack:
            token = _command.set(stack)
            try:
                for name, value in kwargs.items():
                    kwargs[name] = _mirrored(value) if isinstance(value, Address) else value
                return command(*args, **kwargs)
            finally:
                _command.reset(token)

    return run


def _mirrored(address: str) -> Path:
    from ..remote.mirror import mirrored

    return mirrored(address)


def say_what_is_kept(kept: Callable[[], str]) -> None:
    """Where this command is stopped or cannot write, its last words say what is kept and how to go on."""

    def at_end(kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, Stopped | OutputError | OSError | MemoryError):
            error.add_note(kept())

    _command.get().push(at_end)


class Output:
    """The output of a command, a file and those beside it; see :func:`claim`.

    Attributes:
        path: where to write it.
        parts: folders from which the same command goes on.
    """

    def __init__(self, path: Path, *, overwrite: bool, parts: Iterable[str] = ()) -> None:
        refuse_address(path)
        self.is_stdout = path == STDOUT
        self._overwrite = overwrite
        self._new: list[Path] = []
        self._lock: OutputLock | None = None
        self._is_done = False
        self.path = self._own_folder() / "stdout.csv" if self.is_stdout else path
        self.parts = [self.beside(name) for name in parts]
        if not self.is_stdout and is_first_process():
            check_folder(self.path.parent)
            self._lock = _locked(self.beside("lock"))
        _command.get().push(self._at_end)
        self.add([self.path])
        with writing(self.path):
            for folder in self.parts:
                if folder.exists():
                    check_folder(folder)

    def beside(self, name: str) -> Path:
        """The path of a file beside the output, named after it."""
        return self.path.with_name(f"{self.path.name}.{name}")

    def add(self, paths: Iterable[Path | None]) -> None:
        """Check further files that will be written, and have them go when the command ends badly.

        Raises:
            InputError: see ``check_new``.
        """
        wanted = [path for path in paths if path is not None]
        for path in wanted:
            refuse_address(path)
        if not is_first_process():
            return
        rest = [path for path in wanted if not self._is_left_behind(path)]
        check_new(rest, overwrite=self._overwrite)
        new = [path for path in wanted if path not in rest or not path.exists()]
        self._new += new
        if self._lock is not None:
            self._lock.will_write(new)

    def deliver(self, paths: Iterable[Path]) -> None:
        """All is written: say where it is, or put the table on stdout."""
        self._is_done = True
        if not self.is_stdout:
            for path in paths:
                typer.echo(str(path))
            return
        for path in paths:
            if path.parent != self.path.parent:
                typer.echo(str(path), err=True)
        typer.echo("what is written beside the table needs a file: name one with --output", err=True)
        typer.echo(self.path.read_text(), nl=False)

    def _own_folder(self) -> Path:
        """A folder for this command's time."""
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise InputError("several processes do not write to stdout", remedy="Name a file.")
        return Path(_command.get().enter_context(tempfile.TemporaryDirectory(prefix="variantformer-")))

    def _is_left_behind(self, path: Path) -> bool:
        """Whether a file was written by the run that was killed before it could remove its lock."""
        return self._lock is not None and path.is_file() and self._lock.is_left_behind(path)

    def _at_end(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        from ..inference.parts import remove_empty

        if error is None or self._is_done or not is_first_process():
            return
        for path in self._new:
            path.unlink(missing_ok=True)
        for folder in self.parts:
            remove_empty(folder)


def claim(
    path: Path, *, beside: Iterable[Path | None] = (), overwrite: bool, parts: Iterable[str] = (), stdout: bool = False
) -> Output:
    """Make a file, and those that are written with it, this command's own until it ends.

    What cannot be written is refused; so is an output that another run writes at the moment. Where the command ends
    badly, files that were not there before go, and its last words say what is kept.

    Args:
        path: the output; ``-`` = stdout, as CSV.
        beside: other files that are written.
        overwrite: files that are there may be replaced.
        parts: what is put behind the name for folders of parts, from which the same command goes on.
        stdout: the output is a table, which can go to stdout.

    Raises:
        InputError: another run writes it, or it exists.
        OutputError: it cannot be written.
    """
    if path == STDOUT and not stdout:
        raise InputError("this output is not written to stdout", remedy="Name a file.")
    output = Output(path, overwrite=overwrite, parts=parts)
    output.add(beside)
    say_what_is_kept(lambda: _kept([] if output.is_stdout else output.parts))
    return output


def claim_folder(
    folder: Path,
    *,
    kept: Callable[[], str],
    is_new: bool = False,
    forget_empty: Callable[[Path], None] = lambda _: None,
) -> None:
    """Make a folder this command's own until it ends.

    Args:
        folder: the folder; made where it is not there, and removed where nothing was written into it.
        kept: what to say is kept where the command ends badly.
        is_new: the folder is made by the command itself, as a whole: its lock lies beside it.
        forget_empty: removes what is worth nothing at the end, in a folder that is still there.

    Raises:
        InputError: another run writes it.
        OutputError: it cannot be written.
    """
    if folder == STDOUT:
        raise InputError("this output is a folder, and not written to stdout", remedy="Name a folder.")
    refuse_address(folder)
    if not is_first_process():
        return
    inner = folder.absolute().parent if is_new else folder
    missing = [each for each in (inner, *inner.parents) if not each.exists()]

    def remove_empty() -> None:
        if folder.is_dir():
            forget_empty(folder)
        for each in missing:
            if not each.is_dir() or any(each.iterdir()):
                return
            each.rmdir()

    _command.get().callback(remove_empty)
    try:
        inner.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(inner, error.errno, str(error)) from error
    _locked(folder.with_name(f"{folder.name}.lock") if is_new else folder / ".lock")
    say_what_is_kept(kept)


def refuse_address(path: Path | None) -> None:
    """Refuse an address where a path of this machine is written; as a path it would be a folder called ``s3:``.

    Raises:
        InputError: it is one.
    """
    if path is not None and is_address(str(path)):
        raise InputError(
            "is an address, and this output is written on this machine",
            file=str(path).replace(":/", "://", 1),
            remedy="Name a path, and copy it; a dataset is written elsewhere: predict -o ADDRESS/.",
        )


def _locked(path: Path) -> OutputLock:
    """Lock until the command ends."""
    lock = OutputLock(path)
    _command.get().callback(lock.release)
    return lock


def _kept(folders: Iterable[Path]) -> str:
    there = [folder for folder in folders if folder.is_dir() and any(folder.rglob("*.parquet"))]
    if not there:
        return "Nothing is kept: the same command begins anew."
    return f"{' and '.join(map(str, there))} keeps what is done: the same command goes on from there."

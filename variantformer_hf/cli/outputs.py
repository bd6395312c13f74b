"""A command's output: checked before anything is computed, one run's alone, at the end whole or not there."""

import functools
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

import typer

from ..addresses import is_address
from ..errors import InputError, OutputError
from ..files import STDOUT, check_folder, check_new, output_error, writing
from ..inference.processes import is_first_process
from .options import Address, OutputAddress
from .output_lock import OutputLock
from .stopping import Stopped

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
# Of parts: what is done, or its notes.
_OF_PARTS = (".parquet", ".arrow")
_command: ContextVar[ExitStack] = ContextVar("command")


def closing(command: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """A command whose outputs are let go of when it ends, well or not.

    Where a file is given by its address, the command gets the path of its mirror; where one is written by its address,
    the path at which it is made.
    """

    @functools.wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with ExitStack() as stack:
            token = _command.set(stack)
            try:
                for name, value in kwargs.items():
                    if isinstance(value, Address):
                        kwargs[name] = _mirrored(value)
                    elif isinstance(value, OutputAddress):
                        kwargs[name] = made_here(value)
                return command(*args, **kwargs)
            finally:
                _command.reset(token)

    return run


def _mirrored(address: str) -> Path:
    from ..remote.mirror import mirrored

    return mirrored(address)


def made_here(address: str) -> Path:
    """Where this command makes a file of an object store; it is put there by ``Output.deliver``.

    Raises:
        InputError: see ``remote.staged.staged``.
    """
    from ..remote.staged import staged

    path = staged(address)
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)

    def remove_empty() -> None:
        with suppress(OSError):  # something is kept there, or another command has a file in it
            path.parent.rmdir()

    _command.get().callback(remove_empty)
    return path


def say_what_is_kept(kept: Callable[[], str]) -> None:
    """Where this command is stopped or cannot write, its last words say what is kept and how to go on."""

    def at_end(kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, Stopped | OutputError | OSError | MemoryError):
            error.add_note(kept())

    _command.get().push(at_end)


class Output:
    """The output of a command, a file and those beside it; see :func:`claim`.

    Attributes:
        path: where to write it, on this machine; a file of an object store is put there when all is written.
        parts: folders from which the same command goes on.
    """

    def __init__(self, path: Path, *, overwrite: bool, parts: Iterable[str] = ()) -> None:
        refuse_address(path)
        self.is_stdout = path == STDOUT
        self._overwrite = overwrite
        self._new: list[Path] = []
        self._elsewhere: dict[Path, str] = {}
        self._to_put: list[Path] = []
        self._lock: OutputLock | None = None
        self._is_done = False
        self.path = self._own_folder() / "stdout.csv" if self.is_stdout else Path(os.fspath(path))
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
        elsewhere = self._checked_elsewhere(wanted)
        ours = [path for path in wanted if path not in elsewhere and self._is_left_behind(path)]
        check_new([path for path in wanted if path not in elsewhere and path not in ours], overwrite=self._overwrite)
        check_new(list(elsewhere), overwrite=True)  # what lies there could not be put by an earlier run
        new = [path for path in wanted if path in ours or not path.exists()]
        self._new += new
        if self._lock is not None:
            self._lock.will_write(new)

    @property
    def kept(self) -> list[Path]:
        """Files that are whole on this machine, and not yet where they belong."""
        return self._to_put

    def deliver(self, paths: Sequence[Path]) -> None:
        """All is written: put it where it belongs, say where it is, or put the table on stdout.

        Args:
            paths: what was written; the first is put last, so that where it is all is.

        Raises:
            OutputError: an object store does not take a file, which is kept on this machine with all others.
        """
        self._is_done = True
        self._put([path for path in reversed(paths) if path in self._elsewhere])
        shown = [self._elsewhere.get(path, str(path)) for path in paths]
        if not self.is_stdout:
            for text in shown:
                typer.echo(text)
            return
        for path, text in zip(paths, shown, strict=True):
            if path.parent != self.path.parent:
                typer.echo(text, err=True)
        typer.echo("what is written beside the table needs a file: name one with --output", err=True)
        typer.echo(self.path.read_text(), nl=False)

    def _checked_elsewhere(self, paths: Iterable[Path]) -> dict[Path, str]:
        """Those of an object store, and their addresses.

        Raises:
            InputError: one is there already.
            OutputError: it cannot be written.
        """
        from ..remote import staged

        found = {path: address for path in paths if (address := staged.address_of(path)) is not None}
        tried = {each.parent for each in self._elsewhere}
        for path, address in found.items():
            if not self._overwrite and staged.is_there(path) and not staged.was_put(path):
                raise InputError("already exists", file=address, remedy="Name another output, or give --overwrite.")
            if path.parent not in tried:
                staged.check_can_put(path)
                tried.add(path.parent)
        self._elsewhere |= found
        return found

    def _put(self, paths: Sequence[Path]) -> None:
        """Put files into their object stores, and remove what lies here."""
        from ..remote import staged

        self._to_put = list(paths)
        for path in paths:
            staged.put(path)
            self._to_put.remove(path)
        for path in self._elsewhere.keys() - set(paths):
            if self._overwrite and staged.is_there(path):  # of the run whose output this one replaces
                staged.forget(path)
        for path in self._elsewhere:
            path.unlink(missing_ok=True)

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
    say_what_is_kept(lambda: _kept([] if output.is_stdout else output.parts, output.kept))
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


def claim_new(output: Path, *, overwrite: bool, kept: Callable[[], str], is_ours: Callable[[str], bool]) -> None:
    """Make a folder that is written as a whole this command's own.

    Args:
        output: the folder.
        overwrite: it may be replaced, if it is there.
        kept: see :func:`claim_folder`.
        is_ours: whether a file of this name shows that such a command wrote it: no other folder is replaced.

    Raises:
        InputError: it is there already, unless it may be replaced; it is another folder.
    """
    claim_folder(output, kept=kept, is_new=True)
    if output.exists() and not overwrite:
        raise InputError("already exists", file=output, remedy="Name another output, or give --overwrite.")
    names = [path.name for path in output.iterdir()] if output.is_dir() else []
    if output.exists() and not (output.is_dir() and (not names or any(map(is_ours, names)))):
        raise InputError("is none of this command's folders", file=output, remedy="Name another output.")


def claim_new_model(output: Path, *, overwrite: bool) -> Path:
    """Make a model's folder, and that of the parts of its run, this command's own; the latter is given.

    Raises:
        InputError: as of :func:`claim_new`.
    """
    parts = parts_of(output)

    def kept() -> str:
        some = parts.is_dir() and any(parts.iterdir())
        return f"{parts} keeps what is done: the same command goes on from there." if some else "Nothing is kept."

    claim_new(output, overwrite=overwrite, kept=kept, is_ours=lambda name: name == "config.json")
    return parts


def parts_of(output: Path) -> Path:
    """Where what is done of a folder is kept until the folder is whole."""
    return output.with_name(f"{output.name}.parts")


def refuse_address(path: Path | None) -> None:
    """Refuse an address where a path of this machine is written; as a path it would be a folder called ``s3:``.

    Raises:
        InputError: it is one.
    """
    if path is not None and is_address(str(path)):
        raise InputError(
            "is an address, and this output is written on this machine",
            file=str(path).replace(":/", "://", 1),
            remedy="Name a path, and copy it; single files and datasets are written elsewhere.",
        )


def _locked(path: Path) -> OutputLock:
    """Lock until the command ends."""
    lock = OutputLock(path)
    _command.get().callback(lock.release)
    return lock


def _kept(folders: Iterable[Path], files: Sequence[Path]) -> str:
    whole = f"Whole on this machine: {', '.join(map(str, files))}. " if files else ""
    there = [folder for folder in folders if any(path.suffix in _OF_PARTS for path in folder.rglob("*"))]
    if not there:
        return whole.rstrip() or "Nothing is kept: the same command begins anew."
    return f"{whole}{' and '.join(map(str, there))} keeps what is done: the same command goes on from there."

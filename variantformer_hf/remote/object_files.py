"""Files of a folder in an object store, each written by one request, which is there whole or not at all."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..addresses import is_web, shown
from ..errors import InputError, OutputError
from .object_store import as_input_error, filesystem_of
from .sources import persistently

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class ObjectFiles:
    """A folder of an object store, as ``NamedFiles``; what is put there is seen by all when the store has all of it.

    Args:
        address: of the folder; it need not be there yet.

    Raises:
        OutputError: nothing is written to addresses of this kind, or a library is missing.
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        if is_web(address):
            raise OutputError(
                "is an address of the web, where nothing is written",
                file=shown(address),
                remedy="Name a folder of this machine, or of an object store: s3://BUCKET/FOLDER/, gs://BUCKET/FOLDER/.",
            )
        try:
            filesystem_of(self._address)
        except InputError as error:
            raise _of_output(error, error.file) from error

    def __str__(self) -> str:
        return self._address

    def put(self, name: str, content: bytes) -> None:
        """See ``NamedFiles``."""
        self._write(name, lambda store, path: store.pipe_file(path, content))

    def put_once(self, name: str, content: bytes) -> bytes:
        """See ``NamedFiles``; a store that does not know the condition (If-None-Match) is asked before."""
        if not self.has(name):
            try:
                self._write(name, lambda store, path: store.pipe_file(path, content, mode="create"))
                return content
            except FileExistsError:
                pass
        return self.read(name)

    def put_file(self, name: str, source: Path) -> None:
        """Put a file of this machine, of any size.

        Raises:
            OutputError: it cannot be written.
        """
        size = source.stat().st_size

        def send(store: "AbstractFileSystem", path: str) -> None:
            store.put_file(str(source), path)
            if store.info(path)["size"] != size:
                raise OSError("not all of it arrived")

        self._write(name, send)

    def try_put(self, name: str) -> None:
        """Write an empty file, and remove it.

        Raises:
            OutputError: it cannot be written.
        """
        self.put(name, b"")
        try:
            self.remove(name)
        except InputError:
            logger.warning("%s/%s is empty and cannot be removed: remove it where that is allowed", self, name)

    def read(self, name: str) -> bytes:
        """See ``NamedFiles``."""
        return bytes(self._ask(lambda store, folder: store.cat_file(f"{folder}/{name}")))

    def has(self, name: str) -> bool:
        """See ``NamedFiles``."""
        try:
            return bool(self._ask(lambda store, folder: store.info(f"{folder}/{name}")["type"] == "file"))
        except FileNotFoundError:
            return False

    def names(self, folder: str = "") -> Iterator[str]:
        """See ``NamedFiles``."""
        within = f"/{folder}" if folder else ""
        try:
            found = self._ask(lambda store, root: store.find(f"{root}{within}"))
        except FileNotFoundError:
            return
        start = len(self._address.partition("://")[2]) + 1
        for path in found:
            name = str(path).lstrip("/")[start:]
            if name:
                yield name

    def remove(self, name: str) -> None:
        """See ``NamedFiles``."""
        try:
            self._ask(lambda store, folder: store.rm_file(f"{folder}/{name}"))
        except FileNotFoundError:
            return

    def remove_partial(self) -> None:
        """See ``NamedFiles``: an object store shows no part of a file."""

    def _write(self, name: str, send: "Callable[[AbstractFileSystem, str], None]") -> None:
        """Have the store take a file.

        Raises:
            OutputError: it does not.
        """
        try:
            self._ask(lambda store, folder: send(store, f"{folder}/{name}"))
        except FileNotFoundError as error:
            raise OutputError(
                "there is no such bucket", file=self._address, remedy="Make it first, or name another."
            ) from error
        except InputError as error:
            raise _of_output(error, f"{self}/{name}") from error

    def _ask(self, what: "Callable[[AbstractFileSystem, str], Result]") -> Result:
        """Ask the store, again where that may help.

        Raises:
            FileNotFoundError, FileExistsError: what is asked for is not there; what is to be made is.
            InputError: it cannot be had.
        """

        def ask() -> Result:
            store, folder = filesystem_of(self._address)
            try:
                return what(store, folder)
            except (FileNotFoundError, FileExistsError):
                raise
            except Exception as error:
                raise as_input_error(self._address, error) from error

        return persistently(self._address, ask)


def _of_output(error: InputError, file: str | None) -> OutputError:
    problem = error.problem.replace("no permission to read it", "no permission to write here")
    remedy = (error.remedy or "").replace("start again: what was read is kept", "start the same command again")
    return OutputError(problem.replace("cannot be read", "cannot be written"), file=file, remedy=remedy)

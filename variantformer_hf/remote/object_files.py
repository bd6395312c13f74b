"""Files of a folder in an object store, each written by one request, which is there whole or not at all."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from ..addresses import is_web, shown
from ..errors import InputError, OutputError
from .object_store import as_input_error, filesystem_of
from .sources import persistently

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

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
            raise _of_output(error) from error

    def __str__(self) -> str:
        return self._address

    def put(self, name: str, content: bytes) -> None:
        """See ``NamedFiles``."""
        try:
            self._ask(lambda store, folder: store.pipe_file(f"{folder}/{name}", content))
        except FileNotFoundError as error:
            raise OutputError(
                "there is no such bucket", file=self._address, remedy="Make it first, or name another."
            ) from error
        except InputError as error:
            raise _of_output(error) from error

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

    def _ask(self, what: "Callable[[AbstractFileSystem, str], Result]") -> Result:
        """Ask the store, again where that may help.

        Raises:
            FileNotFoundError: what is asked for is not there.
            InputError: it cannot be had.
        """

        def ask() -> Result:
            store, folder = filesystem_of(self._address)
            try:
                return what(store, folder)
            except FileNotFoundError:
                raise
            except Exception as error:
                raise as_input_error(self._address, error) from error

        return persistently(self._address, ask)


def _of_output(error: InputError) -> OutputError:
    problem = error.problem.replace("no permission to read it", "no permission to write here")
    return OutputError(problem.replace("cannot be read", "cannot be written"), file=error.file, remedy=error.remedy)

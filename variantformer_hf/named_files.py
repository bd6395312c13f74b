"""A folder of named whole files: all that a run of many units asks of the place where its result lies.

What it writes it writes whole: a file is there with all its bytes, or not at all. Nothing is appended, nothing is
renamed by others, and no file is opened for longer than one call, so that an object store can be such a place: it needs
a class with the methods of :class:`NamedFiles`, and a line in :func:`named_files`.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .addresses import is_address
from .files import writing

_PARTIAL = ".partial"


class NamedFiles(Protocol):
    """Files by name; a name has ``/`` between its folders, whatever the system. It can be pickled.

    As text it is the folder, for messages.
    """

    def put(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all; one of this name is replaced.

        Raises:
            OutputError: it cannot be written.
        """

    def put_once(self, name: str, content: bytes) -> bytes:
        """Write a file that several may write at a time, of which the first stays: what is known of it stays true.

        Returns:
            The bytes of the file that is there now.

        Raises:
            OutputError: it cannot be written.
        """

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            FileNotFoundError: there is none of this name.
        """

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""

    def names(self, folder: str = "") -> Iterator[str]:
        """Names of all files in a folder and those below it, in no order; none where there is no such folder."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""

    def remove_partial(self) -> None:
        """Remove what a run that was killed left of files that it was writing."""


def named_files(place: str | Path) -> NamedFiles:
    """The files of a folder, on a disk or, by its address, in an object store; it need not be there yet.

    Raises:
        InputError: it is an address in a path object, or of a kind that nothing is written to.
    """
    if not is_address(str(place)):
        return LocalFiles(Path(place))
    from .remote.object_files import ObjectFiles
    from .remote.sources import whole_address

    return ObjectFiles(whole_address(str(place)))


class LocalFiles:
    """Files of a local or shared folder, each written under another name and renamed.

    Args:
        folder: made with the first file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def put(self, name: str, content: bytes) -> None:
        """See :class:`NamedFiles`."""
        path = self.folder / name
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}{_PARTIAL}")
        with writing(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                partial.write_bytes(content)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

    def put_once(self, name: str, content: bytes) -> bytes:
        """See :class:`NamedFiles`; a run has its folder for itself, and what lies there is of one that was killed."""
        self.put(name, content)
        return content

    def read(self, name: str) -> bytes:
        """See :class:`NamedFiles`."""
        return (self.folder / name).read_bytes()

    def has(self, name: str) -> bool:
        """See :class:`NamedFiles`."""
        return (self.folder / name).is_file()

    def names(self, folder: str = "") -> Iterator[str]:
        """See :class:`NamedFiles`."""
        for path in (self.folder / folder).rglob("*"):
            if path.is_file() and not path.name.endswith(_PARTIAL):
                yield path.relative_to(self.folder).as_posix()

    def remove(self, name: str) -> None:
        """See :class:`NamedFiles`."""
        (self.folder / name).unlink(missing_ok=True)

    def remove_partial(self) -> None:
        """See :class:`NamedFiles`."""
        for path in self.folder.rglob(f".*{_PARTIAL}"):
            path.unlink(missing_ok=True)

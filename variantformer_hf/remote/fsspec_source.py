"""A file of an object store (s3, gs, ...), read through fsspec; credentials are those that its library finds."""

from datetime import datetime
from typing import Any

from ..addresses import shown, without_index
from ..errors import InputError
from .object_store import as_input_error, filesystem_of
from .sources import PassingError, Stamp, changed, persistently


class FolderError(InputError):
    """What an address names is a folder."""


class FsspecSource:
    """A file of an object store.

    Args:
        address: as fsspec spells it.

    Raises:
        InputError: nothing reads addresses of this kind, or a library is missing.
    """

    def __init__(self, address: str) -> None:
        self._address = without_index(address)
        filesystem_of(self._address)

    def look(self) -> Stamp:
        """See ``RangeSource``."""
        return persistently(self._address, self._look)

    def read(self, start: int, end: int, stamp: Stamp) -> bytes:
        """See ``RangeSource``."""
        return persistently(self._address, lambda: self._read(start, end)) if end > start else b""

    def check(self, stamp: Stamp) -> None:
        """See ``RangeSource``."""
        if self.look() != stamp:
            raise changed(self._address)

    def _look(self) -> Stamp:
        filesystem, path = filesystem_of(self._address)
        try:
            info = filesystem.info(path)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise as_input_error(self._address, error) from error
        if info.get("type") == "directory" or info.get("size") is None:
            raise FolderError("is a folder, not a file", file=shown(self._address), remedy="Name the file in it.")
        return _stamp(info)

    def _read(self, start: int, end: int) -> bytes:
        filesystem, path = filesystem_of(self._address)
        try:
            found = bytes(filesystem.cat_file(path, start=start, end=end))
        except FileNotFoundError as error:
            raise changed(self._address) from error
        except Exception as error:
            raise as_input_error(self._address, error) from error
        if len(found) != end - start:
            raise PassingError("the line broke off")
        return found


def listed_files(address: str) -> dict[str, Stamp]:
    """The files of a folder of an object store and of those in it, by their names from the folder on.

    Raises:
        InputError: it cannot be listed.
    """

    def ask() -> dict[str, Stamp]:
        filesystem, path = filesystem_of(address)
        try:
            found = filesystem.find(path, detail=True)
        except FileNotFoundError:
            return {}
        except Exception as error:
            raise as_input_error(address, error) from error
        named = {str(name).lstrip("/").removeprefix(f"{path}/"): info for name, info in found.items()}
        return {name: _stamp(info) for name, info in named.items() if name and not name.endswith("/")}

    return persistently(address, ask)


def _stamp(info: dict[str, Any]) -> Stamp:
    etag = info.get("ETag") or info.get("etag") or info.get("generation") or info.get("md5Hash") or ""
    modified = info.get("LastModified") or info.get("mtime") or info.get("updated") or info.get("created")
    return Stamp(int(info["size"]), str(etag).strip('"'), _seconds(modified))


def _seconds(value: Any) -> float | None:
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        return float(value.timestamp()) if isinstance(value, datetime) else None
    except (ValueError, OverflowError):
        return None

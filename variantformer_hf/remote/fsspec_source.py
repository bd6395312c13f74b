"""A file of an object store (s3, gs, ...), read through fsspec; credentials are those that its library finds."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..addresses import scheme_of, shown, without_index
from ..errors import InputError
from .sources import (
    CONNECT_SECONDS,
    READ_SECONDS,
    PassingError,
    Stamp,
    changed,
    forbidden,
    missing_library,
    persistently,
)

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# Other spellings of a scheme.
_SCHEMES = {"s3a": "s3", "gcs": "gs"}
READ_SCHEMES = ("s3", "gs", "memory")
_S3_OPTIONS = {
    "config_kwargs": {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"max_attempts": 2, "mode": "standard"},
    },
}
# Words of a library's error -> it may not be read; it may go well another time.
_DENIED = ("AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "403", "401")
_NO_CREDENTIALS = ("NoCredentialsError", "Unable to locate credentials", "DefaultCredentialsError", "Anonymous caller")


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
            filesystem.invalidate_cache()
            info = filesystem.info(path)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise as_input_error(self._address, error) from error
        if info.get("type") == "directory" or info.get("size") is None:
            raise InputError("is a folder, not a file", file=shown(self._address), remedy="Name the file in it.")
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


def filesystem_of(address: str) -> "tuple[AbstractFileSystem, str]":
    """The library of an object store, and a file's or folder's path in it; asked for anew in each process.

    Raises:
        InputError: nothing reads addresses of this kind, or a library is missing.
    """
    scheme = scheme_of(address)
    scheme = _SCHEMES.get(scheme, scheme)
    if scheme not in READ_SCHEMES:
        raise InputError(
            f"addresses of {scheme or 'this kind'}:// are not read",
            file=shown(address),
            remedy="Give https://, s3:// or gs://, or download the file.",
        )
    if not address.partition("://")[2].strip("/"):
        raise InputError("names no bucket", file=shown(address), remedy=f"Give {scheme}://BUCKET/PATH.")
    try:
        import fsspec

        options: dict[str, Any] = _S3_OPTIONS if scheme == "s3" else {}
        filesystem: AbstractFileSystem = fsspec.filesystem(scheme, **options)
    except ImportError as error:
        raise missing_library(address, error) from error
    except Exception as error:
        raise as_input_error(address, error) from error
    return filesystem, address.partition("://")[2]


def listed(pattern: str) -> list[str]:
    """Addresses in an object store that a glob matches, in no order.

    Raises:
        InputError: they cannot be listed.
    """

    def ask() -> list[str]:
        filesystem, path = filesystem_of(pattern)
        try:
            filesystem.invalidate_cache()
            return [f"{scheme_of(pattern)}://{str(name).lstrip('/')}" for name in filesystem.glob(path)]
        except FileNotFoundError:
            return []
        except Exception as error:
            raise as_input_error(pattern, error) from error

    return persistently(pattern, ask)


def as_input_error(address: str, error: BaseException) -> Exception:
    """What a library of an object store says, in one line, or as what may go well another time."""
    chain = [error]
    while chain[-1].__cause__ is not None and len(chain) < 5:
        chain.append(chain[-1].__cause__)
    text = " ".join(f"{type(each).__name__}: {each}" for each in chain)
    if isinstance(error, PermissionError) or any(word in text for word in _DENIED):
        return forbidden(address, " ".join(str(error).split())[:120] or type(error).__name__)
    if any(word in text for word in _NO_CREDENTIALS):
        return forbidden(address, "no credentials were found")
    said = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    if isinstance(error, OSError) or "Timeout" in text or "Connect" in text or "EndpointConnectionError" in text:
        return PassingError(said)
    return InputError(f"cannot be read ({said})", file=shown(address), remedy="Check the address.")


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

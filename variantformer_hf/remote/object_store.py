"""The libraries of object stores (s3, gs, ...), found by fsspec, and what they say in words of ours."""

import re
from typing import TYPE_CHECKING, Any

from ..addresses import scheme_of, shown
from ..errors import InputError
from .sources import CONNECT_SECONDS, READ_SECONDS, PassingError, forbidden, missing_library, persistently

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# Other spellings of a scheme.
_SPELLINGS = {"s3a": "s3", "gcs": "gs"}
_KNOWN = ("s3", "gs")
_S3_OPTIONS = {
    "config_kwargs": {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"max_attempts": 2, "mode": "standard"},
    },
}
# Words of a library's error -> it may not be read; it may go well another time.
_DENIED = re.compile("AccessDenied|Forbidden|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|\\b40[13]\\b")
_ADDRESSES = re.compile(r"\S*/\S*")  # names and ports in them say nothing of what went wrong
_NO_CREDENTIALS = ("NoCredentialsError", "Unable to locate credentials", "DefaultCredentialsError", "Anonymous caller")


def filesystem_of(address: str) -> "tuple[AbstractFileSystem, str]":
    """The library of an object store, and a file's or folder's path in it; asked for anew in each process.

    Raises:
        InputError: nothing reads addresses of this kind, or a library is missing.
    """
    scheme = scheme_of(address)
    scheme = _SPELLINGS.get(scheme, scheme)
    if scheme not in _KNOWN:
        raise InputError(
            f"addresses of {scheme or 'this kind'}:// are not read, nor written",
            file=shown(address),
            remedy="Give https://, s3:// or gs://, or download the file.",
        )
    if not address.partition("://")[2].strip("/"):
        raise InputError("names no bucket", file=shown(address), remedy=f"Give {scheme}://BUCKET/PATH.")
    try:
        import fsspec

        options: dict[str, Any] = _S3_OPTIONS if scheme == "s3" else {}
        # What is there is asked of the store each time: others write into it.
        filesystem: AbstractFileSystem = fsspec.filesystem(scheme, use_listings_cache=False, **options)
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
    text = _ADDRESSES.sub("", " ".join(f"{type(each).__name__}: {each}" for each in chain))
    if isinstance(error, PermissionError) or _DENIED.search(text):
        return forbidden(address, " ".join(str(error).split())[:120] or type(error).__name__)
    if any(word in text for word in _NO_CREDENTIALS):
        return forbidden(address, "no credentials were found")
    said = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    if isinstance(error, OSError) or "Timeout" in text or "Connect" in text or "EndpointConnectionError" in text:
        return PassingError(said)
    return InputError(f"cannot be read ({said})", file=shown(address), remedy="Check the address.")

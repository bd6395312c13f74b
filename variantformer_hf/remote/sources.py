"""A file elsewhere: what it is at the moment, and stretches of its bytes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ..addresses import is_web, is_whole_address, scheme_of, shown
from ..errors import InputError

Result = TypeVar("Result")

# How often something is asked for before it is given up, and how long is waited after the first time; then twice that.
ATTEMPTS = 4
WAIT_SECONDS = 0.5
# Seconds until a connection stands, and between two pieces of an answer.
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a version of a file from others.

    Attributes:
        size: bytes.
        etag: as the server says it, without quotes; of an object store a generation or version where there is no ETag;
            "" = it says none.
        modified: seconds since 1970; None = it does not say.
    """

    size: int
    etag: str
    modified: float | None


class RangeSource(Protocol):
    """A file elsewhere, read by range."""

    def look(self) -> Stamp:
        """What the file is now.

        Raises:
            FileNotFoundError: there is none at this address.
            InputError: it cannot be had; the message names the address without its secrets.
        """

    def read(self, start: int, end: int, stamp: Stamp) -> bytes:
        """Bytes [start, end) of a version of the file; may be called by several threads.

        Raises:
            InputError: it cannot be had, breaks off again and again, or is another version by now.
        """

    def check(self, stamp: Stamp) -> None:
        """Make sure that what was read since the last look was of this version.

        Raises:
            InputError: it is another one by now.
        """


class PassingError(Exception):
    """What may go well when it is asked for again: the line broke, or the server is busy."""


def persistently(address: str, ask: Callable[[], Result]) -> Result:
    """Ask again, a few times and ever later, where that may help.

    Raises:
        InputError: it did not; the last reason is named.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return ask()
        except PassingError as error:
            if attempt == ATTEMPTS:
                raise InputError(
                    f"cannot be read: {error} ({ATTEMPTS} attempts)",
                    file=shown(address),
                    remedy="Check the address and the line, and start again: what was read is kept.",
                ) from error
            time.sleep(WAIT_SECONDS * 2 ** (attempt - 1))
    raise AssertionError


def whole_address(text: str) -> str:
    """An address, for readers; one that a path object took a slash from is refused.

    Raises:
        InputError: it has lost a slash, and whatever else a path leaves out.
    """
    if not is_whole_address(text):
        raise InputError("is an address in a path object", file=text, remedy="Give it as a text (str).")
    return text


def changed(address: str) -> InputError:
    """The error of a file that is another one than at the beginning."""
    return InputError(
        "was changed while it was read", file=shown(address), remedy="Start again, with the file as it is now."
    )


def forbidden(address: str, said: str) -> InputError:
    """The error of a file that may not be read."""
    if is_web(address):
        remedy = "Where the address is signed, it may have run out: ask for a new one; else for the permission."
    else:
        remedy = (
            "Check the credentials that the library finds (environment, ~/.aws, gcloud), or ask for the permission; "
            "a public bucket: FSSPEC_S3_ANON=true or FSSPEC_GS_TOKEN=anon."
        )
    return InputError(f"no permission to read it ({said})", file=shown(address), remedy=remedy)


def missing_library(address: str, error: ImportError) -> InputError:
    """The error of a library that is not installed."""
    return InputError(
        f"addresses of {scheme_of(address)}:// need a library ({error.name or error})",
        file=shown(address),
        remedy="Install it: pip install 'variantformer-hf[remote]'.",
    )

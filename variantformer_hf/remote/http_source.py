"""A file on a web server: https, http, and addresses signed by an object store."""

import os
import re
import threading
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from ..addresses import shown, without_index
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
    import requests

_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)")
_GONE, _FORBIDDEN, _EMPTY = (404, 410), (401, 403, 407), 416
_BUSY = (408, 425, 429, 500, 502, 503, 504)


class _Sessions(threading.local):
    """A session a thread, whose connection stays open; one that a forked process inherited is not used."""

    of_process: tuple[int, Any] | None = None

    def get(self) -> "requests.Session":
        import requests

        if self.of_process is None or self.of_process[0] != os.getpid():
            self.of_process = os.getpid(), requests.Session()
        session: requests.Session = self.of_process[1]
        return session


_sessions = _Sessions()


class HttpSource:
    """A file on a web server that answers requests for ranges.

    Each answer says which version it is of: a file that is replaced meanwhile is noticed by its ETag, its size or its
    time.

    Args:
        address: with its query, where it has one; only the server sees that.

    Raises:
        InputError: a library is missing.
    """

    def __init__(self, address: str) -> None:
        self._address = without_index(address).partition("#")[0]
        try:
            import requests  # noqa: F401 - is it there
        except ImportError as error:
            raise missing_library(address, error) from error

    def look(self) -> Stamp:
        """See ``RangeSource``; asks for the first byte, because signed addresses often are for GET alone."""
        return persistently(self._address, self._look)

    def read(self, start: int, end: int, stamp: Stamp) -> bytes:
        """See ``RangeSource``; an answer that breaks off is gone on with where it broke."""
        found = bytearray()

        def more() -> bytes:
            self._read_on(found, start, end, stamp)
            return bytes(found)

        return persistently(self._address, more) if end > start else b""

    def check(self, stamp: Stamp) -> None:
        """See ``RangeSource``; each answer was checked already."""

    def _look(self) -> Stamp:
        with self._get(0, 1) as answer:
            if answer.status_code == _EMPTY:
                return _stamp(answer, 0)
            self._check_kind(answer)
            asked = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if answer.status_code != 206 or asked is None:
                raise InputError(
                    "its server does not send parts of files (no byte ranges)",
                    file=shown(self._address),
                    remedy="Download it, and its index beside it.",
                )
            return _stamp(answer, int(asked[3]))

    def _read_on(self, found: bytearray, start: int, end: int, stamp: Stamp) -> None:
        import requests

        begin = start + len(found)
        with self._get(begin, end) as answer:
            asked = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if answer.status_code != 206 or asked is None or asked[1] is None:
                raise changed(self._address)
            if _stamp(answer, int(asked[3])) != stamp:
                raise changed(self._address)
            if int(asked[1]) != begin:
                raise PassingError("the server sent another part of the file")
            try:
                for piece in answer.iter_content(1 << 16):
                    found += piece
            except (requests.RequestException, OSError) as error:
                raise PassingError("the line broke off") from error
        if len(found) > end - start:
            del found[:]
            raise PassingError("the server sent more than was asked for")
        if len(found) < end - start:
            raise PassingError("the line broke off")

    def _get(self, start: int, end: int) -> "requests.Response":
        """An answer whose status is one to go on with.

        Raises:
            FileNotFoundError: there is no such file.
            InputError: it may not be read, or the server says something else.
            PassingError: no answer.
        """
        import requests

        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        try:
            answer = _sessions.get().get(
                self._address, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)
            )
        except requests.exceptions.SSLError as error:
            raise InputError(
                "its server cannot be trusted (TLS)", file=shown(self._address), remedy="Check the address."
            ) from error
        except requests.exceptions.Timeout as error:
            raise PassingError("no answer in time") from error
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            raise PassingError(_why_not_connected(error)) from error
        except (requests.exceptions.RequestException, ValueError) as error:
            raise InputError(
                f"cannot be asked for ({type(error).__name__})", file=shown(self._address), remedy="Check the address."
            ) from error
        status = answer.status_code
        if status in (200, 206, _EMPTY):
            return answer
        answer.close()
        if status in _GONE:
            raise FileNotFoundError(shown(self._address))
        if status in _FORBIDDEN:
            raise forbidden(self._address, f"{status} {answer.reason}")
        if status in _BUSY:
            raise PassingError(f"the server answers {status} {answer.reason}")
        raise InputError(
            f"the server answers {status} {answer.reason}", file=shown(self._address), remedy="Check the address."
        )

    def _check_kind(self, answer: "requests.Response") -> None:
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            raise InputError(
                "is a web page (HTML), perhaps one to log in, and not the file",
                file=shown(self._address),
                remedy="Give the address of the file itself, or one that is signed.",
            )


def _stamp(answer: "requests.Response", size: int) -> Stamp:
    try:
        modified = parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp()
    except (KeyError, ValueError, TypeError):
        modified = None
    etag = answer.headers.get("ETag", "").removeprefix("W/").strip('"')
    return Stamp(size, etag, modified)


def _why_not_connected(error: Exception) -> str:
    """What is wrong with the line, in a few words: libraries put addresses, with their secrets, into theirs."""
    text = repr(error)
    if "NameResolution" in text or "getaddrinfo" in text or "Name or service" in text:
        return "there is no such host"
    if "refused" in text:
        return "the connection is refused"
    return "the line broke off" if "aborted" in text or "reset" in text or "Incomplete" in text else "no connection"

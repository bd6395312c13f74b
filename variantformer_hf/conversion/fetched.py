"""What was fetched of the release, and how each file was held to its source: ``fetched.json``."""

import json
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..files import whole_file
from .remote_files import RemoteFile

RECORD = "fetched.json"
_WRITE_EVERY = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that is there, whole.

    Attributes:
        key: path in the release and under the output folder.
        size: bytes.
        etag: what the source calls its content; "" where it says nothing.
        sha256: of what was written.
        verified: how it was held to the source: ``md5``, ``md5 of parts``, ``content`` (a known vocabulary), ``sha256``
            (equal to the local copy that it is from), or ``size``.
    """

    key: str
    size: int
    etag: str
    sha256: str
    verified: str


class FetchRecord:
    """``fetched.json``: what is there, and how it was verified."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._written = time.monotonic()
        content = read_json(path)
        self._files: dict[str, FetchedFile] = {}
        for key, entry in (content or {}).items() if isinstance(content, dict) else ():
            try:
                self._files[key] = FetchedFile(**entry)
            except TypeError:
                continue

    def has(self, remote: RemoteFile, output: Path) -> bool:
        """Whether a file is there, of the size and content that its source has now."""
        known = self._files.get(remote.key)
        path = output / remote.key
        return (
            known is not None
            and (known.size, known.etag) == (remote.size, remote.etag)
            and path.is_file()
            and path.stat().st_size == remote.size
        )

    def get(self, key: str) -> FetchedFile:
        """What is known of a file that is there."""
        return self._files[key]

    def add(self, file: FetchedFile) -> None:
        """Note a file; written from time to time."""
        with self._lock:
            self._files[file.key] = file
            if time.monotonic() - self._written > _WRITE_EVERY:
                self._write()

    def flush(self) -> None:
        """Write what is known."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        content = {key: asdict(each) for key, each in sorted(self._files.items())}
        with whole_file(self._path) as partial:
            partial.write_text(json.dumps(content, indent=1) + "\n")


def read_json(path: Path) -> Any:
    """Content of a file of JSON; None = there is none, or it is damaged."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None

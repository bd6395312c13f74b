"""A run's results on disk while it goes on, so that one that is cut short goes on where it was.

Beside the output lies a folder of part files, each written whole under another name and renamed. A run that finds the
folder of the same run reads what is done and does the rest; several processes write their own parts into it. When all
is done the parts are joined into the output and the folder is removed.

A part's name holds the hash of its content, so that one that a power loss cut short or a disk changed is found: it is
set aside, and what it held is done again.
"""

import hashlib
import io
import json
import logging
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError
from ..files import writing
from ..run_key import run_key
from .run_contents import RUN_FILE
from .unit_embeddings import STORE_FILE

logger = logging.getLogger(__name__)

_RUN = "run.json"
_OF_ANY_RUN = (_RUN, RUN_FILE, STORE_FILE)


class Parts:
    """A folder of Parquet parts of one run, each written whole under another name and renamed.

    Args:
        path: the folder; made with the first part.
        description: all that the run's results depend on; its hash tells the run from others.
        overwrite: remove the parts of another run instead of refusing.

    Raises:
        InputError: the folder holds another run's parts.
    """

    def __init__(self, path: str | Path, description: dict[str, Any], *, overwrite: bool = False) -> None:
        self.path = Path(path)
        key = run_key(description)
        self._content = {"key": key, "run": description}
        self._found: dict[str, list[Path]] | None = None  # by kind, when the folder was listed last
        self._missing: set[str] = set()  # kinds that were asked for since, and are not there
        run = self.path / _RUN
        if not self.path.exists():
            return
        try:
            found = json.loads(run.read_text())["key"] if run.is_file() else None
        except (OSError, ValueError, KeyError, TypeError):
            found = None
        if found != key and any(self.path.iterdir()):
            if not overwrite:
                raise InputError(
                    "holds the unfinished output of another run",
                    file=self.path,
                    remedy="Finish that run with the options it had, or remove the folder, or give --overwrite.",
                )
            self.remove()
        for part in sorted(self.path.glob("*.parquet")):
            if _content(part) is None:
                _set_aside(part)

    def remove(self) -> None:
        """See :func:`remove_parts`."""
        remove_parts(self.path)

    def parts(self, kind: str) -> list[Path]:
        """Files of a kind, by name."""
        return self._listed().get(kind) or self._listed(anew=True).get(kind, [])

    def holds(self, kind: str) -> bool:
        """Whether there is a part of a kind.

        The folder may have very many, which others write too: it is listed before the first question, and again for one
        that was asked before.
        """
        found = kind in self._listed(anew=kind in self._missing)
        if not found:
            self._missing.add(kind)
        return found

    def read_one(self, kind: str) -> pa.Table:
        """The part of a kind; of several, that were written at once and hold the same, the first by name.

        Raises:
            InputError: as for :meth:`read_part`.
        """
        return self.read_part(self.parts(kind)[0])

    def write_part(self, kind: str, table: pa.Table) -> None:
        """Write a part; there may be several of a kind.

        Raises:
            OutputError: it cannot be written.
        """
        with writing(self.path):
            self.path.mkdir(exist_ok=True)
            run = self.path / _RUN
            if not run.exists():
                self._write(run, json.dumps(self._content, indent=2, default=str).encode())
            buffer = io.BytesIO()
            pq.write_table(table, buffer)
            content = buffer.getvalue()
            part = self.path / f"{kind}-{_hash(content)}.parquet"
            self._write(part, content)
        if self._found is not None:
            of_kind = self._found.setdefault(kind, [])
            of_kind[:] = sorted({*of_kind, part})

    def read_part(self, path: Path, columns: list[str] | None = None) -> pa.Table:
        """A part.

        Raises:
            InputError: it was damaged since the run began.
        """
        content = _content(path)
        if content is None:
            _set_aside(path)
            raise InputError(
                "is a damaged part of this run, and was set aside",
                file=path,
                remedy="Start the same command again: what it held is done again.",
            )
        return pq.read_table(pa.BufferReader(content), columns=columns)

    def _listed(self, *, anew: bool = False) -> dict[str, list[Path]]:
        """Files by kind, as of the last listing and of what was written here since."""
        if self._found is None or anew:
            self._found, self._missing = {}, set()
            for path in sorted(self.path.iterdir()) if self.path.exists() else []:
                if path.suffix == ".parquet":
                    self._found.setdefault(path.name.rpartition("-")[0], []).append(path)
        return self._found

    def _write(self, path: Path, content: bytes) -> None:
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
        try:
            partial.write_bytes(content)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


class PartsInMemory:
    """What :class:`Parts` are, of a run that keeps nothing on disk."""

    def __init__(self) -> None:
        self._tables: dict[str, pa.Table] = {}

    def holds(self, kind: str) -> bool:
        """See :class:`Parts`."""
        return kind in self._tables

    def read_one(self, kind: str) -> pa.Table:
        """See :class:`Parts`."""
        return self._tables[kind]

    def write_part(self, kind: str, table: pa.Table) -> None:
        """See :class:`Parts`."""
        self._tables[kind] = table

    def remove(self) -> None:
        """See :class:`Parts`."""
        self._tables.clear()

    def __reduce__(self) -> tuple[object, ...]:
        raise InputError(
            "what other processes do is written into a folder, and none is named", remedy="Give parts=FOLDER."
        )


def open_parts(path: str | Path | None, description: dict[str, Any], *, overwrite: bool) -> Parts | PartsInMemory:
    """The parts of a run: in a folder, see :class:`Parts`, or in memory alone."""
    return PartsInMemory() if path is None else Parts(path, description, overwrite=overwrite)


def remove_parts(folder: Path) -> None:
    """Remove a folder of parts; its name is free at once, so that no later run finds a half of it."""
    old = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(old, ignore_errors=True)
    try:
        folder.rename(old)
    except FileNotFoundError:
        return  # by another process of the run, or there is none
    shutil.rmtree(old, ignore_errors=True)


def remove_empty(folder: Path) -> None:
    """Remove a folder of parts to which no part came, so that it does not stand in the way of another run."""
    with suppress(OSError):  # there is none, or another process of the run has begun a part
        if all(path.name in _OF_ANY_RUN for path in folder.iterdir()):
            for name in _OF_ANY_RUN:
                (folder / name).unlink(missing_ok=True)
            folder.rmdir()


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _content(path: Path) -> bytes | None:
    """A part's bytes; None = they are not those that were written."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if path.stem.endswith(f"-{_hash(content)}") else None


def _set_aside(path: Path) -> None:
    """Take a damaged part out of those that are read."""
    try:
        path.rename(path.with_name(f"{path.name}.damaged"))
    except FileNotFoundError:
        return  # by another process of the run
    logger.warning("%s is damaged and set aside: what it held is done again", path)

"""A contig of a store as a unit of work: a file, written by whichever process, whole or not at all."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import OutputError
from ..files import writing
from ..work import Unit
from .call_blocks import CallSource
from .checked_file import CheckedWriter
from .cohort_rows import CohortRows, Reading
from .cohort_source import call_source
from .contig_writer import ContigWriter
from .store_layout import StoreLimits


@dataclass(frozen=True, slots=True)
class ContigTask:
    """A contig that is to be written; the content of a unit.

    Attributes:
        source: the file.
        contig: by the file's name.
        path: where.
        limits: how much is held in memory.
        reading: how genotypes are read that are no plain calls.
        samples: see :class:`StorePlan`.
    """

    source: Path
    contig: str
    path: Path
    limits: StoreLimits
    reading: Reading
    samples: tuple[str, ...] | None


class IngestJob:
    """What a process needs for contigs of stores: nothing, until it is told of which file."""

    def open(self) -> "IngestWorker":
        """Get ready."""
        return IngestWorker()


class IngestWorker:
    """Writes contigs, each whole or not at all."""

    def __init__(self) -> None:
        self._source: CallSource | None = None

    def do(self, unit: Unit) -> None:
        """Write a contig; one that is there already stays."""
        task: ContigTask = unit.content
        if self._source is None or self._source.path != task.source:
            self.close()
            self._source = call_source(task.source, text_at_once=task.limits.text, reading=task.reading)
        if task.path.exists():
            return
        try:
            write_contig(self._source, task.contig, task.path, task.limits, task.samples)
        except OutputError:
            if task.path.parent.exists():
                raise
            # Another process at the same work was done first, and its folder is the store.

    def close(self) -> None:
        """Close the file."""
        if self._source is not None:
            self._source.close()
            self._source = None


def write_contig(
    source: CallSource, contig: str, path: Path, limits: StoreLimits, samples: Sequence[str] | None = None
) -> None:
    """Write a contig of a store, whole or not at all.

    Args:
        source: the file, opened.
        contig: by the file's name.
        path: where.
        limits: how large a block may be.
        samples: whose calls, in the file's order; None = everybody's.

    Raises:
        InputError: a record is malformed, or is one that a store cannot hold.
        OutputError: it cannot be written.
    """
    with _whole(path) as partial, CheckedWriter(partial) as file:
        names = source.samples if samples is None else samples
        places = {name: place for place, name in enumerate(source.samples)}
        asked = None if samples is None else np.array([places[name] for name in samples], dtype=np.int64)
        writer = ContigWriter(file, source.path, contig, len(names), limits)
        before = _counts(source)
        for block in source.blocks(contig, samples=asked):
            writer.add(block)
        met = {kind: count - before.get(kind, 0) for kind, count in _counts(source).items()}
        writer.finish({kind: count for kind, count in met.items() if count})


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A path of this process alone that becomes ``path`` in the end: another one may write the same."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with writing(path):
        try:
            yield partial
            partial.replace(path)
        finally:
            with suppress(OSError):
                partial.unlink()


def _counts(source: CallSource) -> dict[str, int]:
    """What a file of another format than VCF has met so far that is read otherwise than it stands."""
    return source.counts if isinstance(source, CohortRows) else {}

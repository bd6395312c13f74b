"""Predicting as a job: what a process opens once, and the units that it does then."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import InputError
from ..genome.cohort_files import GivenGenotypes
from ..work.units import Unit
from ..zoo.gene_model import GeneModel
from .predicted import PredictedUnit
from .request import OpenedRequest, PredictionRequest, open_request
from .run import PredictionRun
from .run_folder import RunFolder
from .run_limits import RunLimits


class UnitStore(Protocol):
    """Where units that are done are kept."""

    def is_done(self, unit: Unit) -> bool:
        """Whether a unit is there."""

    def write(self, unit: Unit, done: PredictedUnit) -> None:
        """Keep a unit."""


@dataclass(frozen=True, slots=True)
class OpenedHere:
    """What this process has opened by itself, so that its worker need not; it does not travel.

    Attributes:
        asked: the model, files and names.
        store: where units are kept.
        on_genes: see :class:`PredictionRun`.
    """

    asked: OpenedRequest
    store: UnitStore
    on_genes: Callable[[int], None] | None = None


@dataclass(frozen=True, slots=True)
class PredictionJob:
    """A run of predictions, see ``work.Job``.

    Attributes:
        model: another process is sent what it was loaded from, see ``GeneModel.loaded_from``.
        fasta, vcf, request: as for ``ExpressionPredictor.run``.
        place: the run's folder, which was begun; None = in this process alone.
        limits: how much is held at a time.
        here: None = in another process.
    """

    model: GeneModel
    fasta: str | Path
    vcf: GivenGenotypes | None
    request: PredictionRequest
    place: str | Path | None
    limits: RunLimits
    here: OpenedHere | None = None

    def open(self) -> "PredictionWorker":
        """Open the files.

        Raises:
            InputError: see ``open_request``.
        """
        here = self.here
        if here is None:
            if self.place is None:
                raise InputError("units of other processes are written into a folder", remedy="Give parts=FOLDER.")
            asked = open_request(self.model, self.fasta, self.vcf, self.request)
            here = OpenedHere(asked, RunFolder.at(self.place))
        return PredictionWorker(here, self.request, self.limits)

    def __reduce__(self) -> tuple[object, ...]:
        return PredictionJob, (self.model, self.fasta, self.vcf, self.request, self.place, self.limits)


class PredictionWorker:
    """Does units of a run, see ``work.PreparingWorker``.

    Args:
        opened: the model, files and names, and where units are kept.
        request: what is predicted.
        limits: how much is held at a time.
    """

    def __init__(self, opened: OpenedHere, request: PredictionRequest, limits: RunLimits) -> None:
        asked = opened.asked
        self._store = opened.store
        self._run = PredictionRun(
            asked.opened,
            genes=asked.query.genes,
            people=asked.people,
            outputs=[tissue.id for tissue in asked.query.tissues],
            limits=limits,
            with_embeddings=request.with_embeddings,
            on_genes=opened.on_genes,
        )

    def prepare(self, unit: Unit) -> None:
        """Have a unit's inputs prepared when those before it are."""
        self._run.prepare(unit.content)

    def do(self, unit: Unit, prepared: None) -> None:
        """Predict a unit, and write it."""
        self._store.write(unit, self._run.predict(unit.content))

    def close(self) -> None:
        """Let go of files, and let the model keep what is worth it."""
        self._run.close()

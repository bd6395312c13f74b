"""Runs of one model, unit by unit, in as many processes as the command was started in."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import InputError
from ..genome.cohort_files import GivenGenotypes
from ..genome.reference import ReferenceGenome
from ..work.in_process import InProcess
from ..work.units import Engine, FailedUnit, Unit, check_all_done, run_units
from ..zoo.gene_model import GeneModel
from .finished_run import UnitsInMemory
from .job import OpenedHere, PredictionJob
from .planned_run import PlannedRun
from .processes import processes
from .run_contents import RunContents
from .run_folder import RunFolder
from .run_limits import RunLimits
from .run_plan import shares_of


class UnitRunner:
    """Begins runs of a model, and does their units.

    Args:
        model: the model.
        limits: how much a run holds at a time.

    Attributes:
        group: the processes of the run, joined.
    """

    def __init__(self, model: GeneModel, limits: RunLimits) -> None:
        self._model, self._limits = model, limits
        self.group = processes(on_cpu=model.device.type == "cpu")

    def begun(self, place: str | Path, contents: RunContents, *, overwrite: bool, is_ours: bool = False) -> RunFolder:
        """A run's folder, begun by the first process; see ``RunFolder.begin``.

        Raises:
            InputError: it holds another run's output, or files that no run wrote.
            OutputError: it cannot be written.
        """
        if self.group.rank == 0:
            folder = RunFolder.begin(place, contents, overwrite=overwrite, is_ours=is_ours)
        self.group.wait()
        if self.group.rank > 0:
            folder = RunFolder.at(place)
        return folder

    def do(
        self,
        planned: PlannedRun,
        store: RunFolder | UnitsInMemory,
        units: Sequence[Unit],
        engine: Engine,
        *,
        given: tuple[str | Path | ReferenceGenome, GivenGenotypes | None],
        place: str | Path | None,
        on_gene: Callable[[int, int], None] | None,
    ) -> None:
        """Do this process's units; returns when all processes have done theirs.

        Args:
            planned: the run.
            store: where its units are kept.
            units: all of them.
            engine: where they are done.
            given: FASTA and files of variants, as they were given.
            place: of the folder, for other processes; None = in memory.
            on_gene: called with (done, total) now and then.

        Raises:
            InputError: a unit cannot be done; the others are done, and kept.
            OutputError: nothing can be written any more.
        """
        group = self.group
        mine = shares_of(units, group.count)[group.rank]
        progress = _Progress(
            sum(unit.content.n_pairs for unit in mine if store.is_done(unit)),
            sum(unit.content.n_pairs for unit in mine),
            on_gene,
        )
        fasta, vcf = given
        job = PredictionJob(
            model=self._model,
            fasta=fasta.path if isinstance(fasta, ReferenceGenome) else fasta,
            vcf=vcf,
            request=planned.request,
            place=place,
            limits=self._limits,
            here=OpenedHere(planned.asked, store, progress.add),
        )
        on_unit = None if isinstance(engine, InProcess) else progress.of_units
        check_all_done(run_units(job, mine, is_done=store.is_done, engine=engine, on_unit=on_unit), len(mine))
        group.wait()
        check_all_done(
            [FailedUnit(unit.name, InputError("is not there")) for unit in units if not store.is_done(unit)], len(units)
        )


class _Progress:
    """Tells how many of this process's predictions are done."""

    def __init__(self, done: int, total: int, on_gene: Callable[[int, int], None] | None) -> None:
        self._done, self._total, self._on_gene = done, total, on_gene
        self.add(0)

    def add(self, more: int) -> None:
        """So many more are done, in this process."""
        self._done += more
        if self._on_gene is not None:
            self._on_gene(self._done, self._total)

    def of_units(self, done: int, total: int) -> None:
        """So many units are done, in other processes; they cost about the same."""
        self.add(self._total * done // max(1, total) - self._done)

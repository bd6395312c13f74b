"""Predicting expression: people x genes x tissues in, one table out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..genome.cohort_files import GivenGenotypes
from ..genome.genes import GeneTable
from ..genome.options import GenotypeOptions
from ..genome.reference import ReferenceGenome
from ..work.in_process import InProcess
from ..work.units import Engine
from ..zoo.estimate import RunEstimate
from ..zoo.families import load_gene_model
from ..zoo.gene_model import GeneModel
from ..zoo.outputs import TissueNames
from .dataset import PredictionDataset
from .finished_run import UnitsInMemory, finish_dataset, table_result
from .planned_run import PlannedRun, check_gene_memory, estimate_of
from .prediction import PredictionResult, check_table_memory
from .request import PredictionRequest, open_request
from .run_contents import Layout, check_dtype
from .run_folder import RunFolder
from .run_limits import RunLimits
from .run_plan import Cut
from .unit_runner import UnitRunner

if TYPE_CHECKING:
    import pandas as pd


class ExpressionPredictor:
    """Predicts people's expression with one model of the zoo.

    Args:
        model: the model.
        limits: how much a run holds at a time, and how often it is written; None = :class:`RunLimits` as it is.
    """

    def __init__(self, model: GeneModel, *, limits: RunLimits | None = None) -> None:
        self.model, self.limits = model, limits or RunLimits()

    @classmethod
    def from_pretrained(
        cls, model: str | Path, *, revision: str | None = None, **options: Any
    ) -> "ExpressionPredictor":
        """Load a model folder, or a repository of the Hub, with the tables that travel in it.

        Args:
            model: folder or Hub id.
            revision: branch, tag or commit of a Hub repository.
            **options: of all models: ``device`` (``auto`` = cuda, else mps, else cpu; or a torch device),
                ``precision`` (``auto`` = bfloat16 on cuda, else float32; ``float32``, ``bfloat16``) and
                ``force_companions`` (go on where a file of the folder is another model's); those of one family are
                documented there, e.g. ``store``, ``attention`` and ``compile_layers`` of VariantFormer.

        Raises:
            InputError: there is no such model, or of another kind; a file of it is missing, cannot be read, or is
                another model's (see ``check_companions``); an option that the family does not have.
        """
        return cls(load_gene_model(model, revision=revision, **options))

    @property
    def gene_table(self) -> GeneTable:
        """The genes that the model knows."""
        return self.model.gene_table

    @property
    def tissue_names(self) -> TissueNames:
        """The tissues that it predicts."""
        return self.model.tissue_names

    def predict(
        self,
        fasta: str | Path | ReferenceGenome,
        vcf: GivenGenotypes | None = None,
        **request: Any,
    ) -> "pd.DataFrame":
        """Predict expression: the table of :meth:`run`.

        Args:
            fasta, vcf: as for :meth:`run`.
            **request: ``samples``, ``genes``, ``tissues``, ``skip_invalid``, ``allow_unused`` as for :meth:`run`, and
                fields of :class:`GenotypeOptions`, e.g. ``mode="haplotype1"``, ``pass_only=True``.

        Returns:
            One row per sample, gene and tissue: sample, gene_id, gene_name, tissue, log1p_tpm, tpm, status,
            reason.
        """
        names = ("samples", "genes", "tissues", "skip_invalid", "allow_unused")
        asked = {name: request.pop(name) for name in names if name in request}
        options = GenotypeOptions(**{"mode": self.model.modes[0], **request})
        return self.run(fasta, vcf, **asked, options=options).table

    def run(
        self,
        fasta: str | Path | ReferenceGenome,
        vcf: GivenGenotypes | None = None,
        *,
        on_plan: Callable[[RunEstimate], None] | None = None,
        on_gene: Callable[[int, int], None] | None = None,
        parts: str | Path | None = None,
        overwrite_parts: bool = False,
        engine: Engine | None = None,
        layout: str = "tidy",
        **request: Any,
    ) -> PredictionResult:
        """Predict expression and report what was used.

        Started with torchrun or ``accelerate launch`` each process does its share, and all return the whole.

        Args:
            fasta: the reference genome.
            vcf: the people's variants, indexed: a file, or several, a chromosome each or a piece of one (a list, a
                glob or a pattern with ``{contig}``); None = the reference genome itself, as the sample ``reference``.
            on_plan: called with what the run will take, when nothing stands in its way and before it begins.
            on_gene: called with (done, total) now and then, of this process's genes and people.
            parts: folder for what is done while the run goes on; a run that finds its own unfinished parts there goes
                on with the rest. It stays until :meth:`PredictionResult.remove_parts`. None = memory only.
            overwrite_parts: remove the parts of another run instead of refusing them.
            engine: where units are done, e.g. ``RayEngine("auto")``, which needs ``parts``; None = in this process.
            layout: in which the table will be written (``tidy``, ``wide``, ``h5ad``, ``predixcan``), for its memory.
            **request: fields of :class:`PredictionRequest`, e.g. ``genes=["APOE"]``.

        Raises:
            RejectedQueryError: names that cannot be predicted, unless ``skip_invalid``.
            InputError: anything wrong with the files, or nothing of a person's file was used, unless ``allow_unused``;
                the message names the file, the record and the remedy.
        """
        planned = PlannedRun.of(self.model, fasta, vcf, PredictionRequest(**request))
        asked = planned.asked
        check_table_memory(
            len(asked.people),
            len(asked.query.genes),
            len(asked.query.tissues),
            self.limits.table_memory,
            "Ask for less, or write a dataset, which no memory holds as a whole: -o FOLDER/ (Python: write_dataset).",
            layout,
        )
        runner, engine = UnitRunner(self.model, self.limits), engine or InProcess()
        group = runner.group
        if parts is None and (group.count > 1 or not isinstance(engine, InProcess)):
            raise InputError("several processes need a folder to join their parts in", remedy="Give parts=FOLDER.")
        n_workers = group.count * engine.workers
        estimate = planned.estimate(n_workers) if on_plan is not None or parts is not None else None
        store: RunFolder | UnitsInMemory = UnitsInMemory()
        cut = Cut(self.limits.people, len(asked.query.genes))
        if parts is not None and estimate is not None:
            cut = planned.cut(self.limits, estimate.seconds * n_workers, n_workers)
            store = runner.begun(parts, planned.contents(cut), overwrite=overwrite_parts, is_ours=True)
            cut = store.contents.cut
        if on_plan is not None and estimate is not None:
            on_plan(estimate)
        units = planned.units(cut)
        runner.do(planned, store, units, engine, given=(fasta, vcf), place=parts, on_gene=on_gene)
        result = table_result(planned, store, units, is_writer=group.rank == 0)
        group.wait()
        return result

    def write_dataset(
        self,
        dataset: str | Path,
        fasta: str | Path | ReferenceGenome,
        vcf: GivenGenotypes | None = None,
        *,
        layout: Layout = "parquet",
        dtype: str = "float32",
        overwrite: bool = False,
        on_plan: Callable[[RunEstimate], None] | None = None,
        on_gene: Callable[[int, int], None] | None = None,
        engine: Engine | None = None,
        **request: Any,
    ) -> PredictionDataset:
        """Predict expression into a dataset, a folder of many files: the whole is never in one memory.

        The run is cut into units, some people's genes of a stretch each, which are written as they are done. The same
        call goes on where it was cut short; of a dataset that is finished it makes anew what is damaged or gone.

        Args:
            dataset: the folder; made where it is not there.
            fasta, vcf, on_plan, on_gene: as for :meth:`run`.
            layout: ``parquet`` (rows of the tidy table, in files by contig and batch of people), ``zarr`` (an array
                of sample x gene x tissue) or ``embeddings`` (embeddings and predictions, a file a gene, see
                :class:`EmbeddingStore`).
            dtype: of the values of ``zarr``, and of the embeddings of ``embeddings``: ``float32`` or ``float16``.
            overwrite: remove the dataset of another run instead of refusing it.
            engine: where units are done, e.g. ``RayEngine("auto")``; None = in this process.
            **request: as for :meth:`run`, without ``with_embeddings``.

        Raises:
            RejectedQueryError, InputError: as for :meth:`run`; the folder holds something else.
            OutputError: it cannot be written; what is done is kept.
        """
        asked = PredictionRequest(**request)
        if asked.with_embeddings:
            raise InputError(
                "a dataset has no embeddings beside it", remedy="Make a store of them: layout='embeddings'."
            )
        is_store = layout == "embeddings"
        planned = PlannedRun.of(self.model, fasta, vcf, replace(asked, with_embeddings=is_store))
        check_dtype(layout, dtype)
        runner, engine = UnitRunner(self.model, self.limits), engine or InProcess()
        group = runner.group
        n_workers = group.count * engine.workers
        estimate = planned.estimate(n_workers)
        if is_store:
            check_gene_memory(planned, self.limits.table_memory)
            cut = Cut(len(planned.asked.people), 1)
        else:
            cut = planned.cut(self.limits, estimate.seconds * n_workers, n_workers, by_contig=layout == "parquet")
        folder = runner.begun(dataset, planned.contents(cut, layout, dtype), overwrite=overwrite)
        if on_plan is not None:
            on_plan(estimate)
        units = planned.units(folder.contents.cut)
        runner.do(planned, folder, units, engine, given=(fasta, vcf), place=dataset, on_gene=on_gene)
        if group.rank == 0:
            finish_dataset(planned, folder, units)
        group.wait()
        return PredictionDataset(dataset)

    def plan(
        self,
        fasta: str | Path | ReferenceGenome,
        vcf: GivenGenotypes | None = None,
        **request: Any,
    ) -> RunEstimate:
        """What a run would take, without doing it; arguments and errors as for :meth:`run`."""
        asked = open_request(self.model, fasta, vcf, PredictionRequest(**request))
        asked.people.close()
        return estimate_of(asked, UnitRunner(self.model, self.limits).group.count)

"""Predicting expression: people x genes x tissues in, one table out."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..genome.cohort_files import GivenGenotypes, contents_of
from ..genome.genes import GeneTable
from ..genome.options import GenotypeOptions
from ..genome.provenance import content_of
from ..genome.reference import ReferenceGenome
from ..zoo.estimate import RunEstimate
from ..zoo.families import load_gene_model
from ..zoo.gene_model import GeneModel
from ..zoo.outputs import TissueNames
from ..zoo.statuses import check_used, warn_of_missing_contigs
from .match_report import match_report
from .parts import DoneGene, PartFolder
from .people import check_person_agreement, check_records
from .prediction import GenePrediction, PredictionResult, counted, gene_table, stacked_embeddings, tidy_table
from .processes import Processes, processes
from .request import OpenedRequest, PredictionRequest, open_request
from .run import PredictionRun
from .run_limits import RunLimits
from .run_plan import shares_of, stretches_of

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
        **request: Any,
    ) -> PredictionResult:
        """Predict expression and report what was used.

        Started with torchrun or ``accelerate launch`` each process does its share, and all return the whole.

        Args:
            fasta: the reference genome.
            vcf: the people's variants, indexed: a file, or several, a chromosome each or a piece of one (a list, a
                glob or a pattern with ``{contig}``); None = the reference genome itself, as the sample ``reference``.
            on_plan: called with what the run will take, before it begins.
            on_gene: called with (done, total) now and then, of this process's genes and people.
            parts: folder for what is done while the run goes on; a run that finds its own unfinished parts there goes
                on with the rest. It stays until :meth:`PredictionResult.remove_parts`. None = memory only.
            overwrite_parts: remove the parts of another run instead of refusing them.
            **request: fields of :class:`PredictionRequest`, e.g. ``genes=["APOE"]``.

        Raises:
            RejectedQueryError: names that cannot be predicted, unless ``skip_invalid``.
            InputError: anything wrong with the files, or nothing of a person's file was used, unless ``allow_unused``;
                the message names the file, the record and the remedy.
        """
        wanted = PredictionRequest(**request)
        asked = open_request(self.model, fasta, vcf, wanted)
        source = asked.vcf
        reaches = asked.reaches()
        allow_unused = wanted.allow_unused
        agreement = (
            None if source is None else check_records(asked.reference, source, reaches, allow_unused=allow_unused)
        )
        warn_of_missing_contigs(asked.people[0], [reach.chrom for reach in reaches])
        group = self._processes()
        description = self._run_description(asked, wanted)
        folder = None
        if parts is not None:
            group.wait()  # so that no process takes parts of this run, written early by another, for an older run's
            folder = PartFolder(parts, description, overwrite=overwrite_parts)
        elif group.count > 1:
            raise InputError("several processes need a folder to join their parts in", remedy="Give parts=FOLDER.")
        if on_plan is not None:
            on_plan(self._estimate(asked, group.count))
        people, genes, finder = asked.people, asked.query.genes, asked.opened.finder
        stretches = stretches_of(reaches)
        costs = np.array([asked.opened.cost(finder.find(genes[index])) for each in stretches for index in each.genes])
        run = PredictionRun(
            asked.opened,
            genes=genes,
            stretches=stretches,
            people=people,
            outputs=[tissue.id for tissue in asked.query.tissues],
            share=shares_of(costs, len(people), group.count)[group.rank],
            limits=self.limits,
            parts=folder,
            with_embeddings=wanted.with_embeddings,
            on_gene=on_gene,
        )
        group.wait()
        run.execute()
        group.wait()
        done = run.predictions if folder is None else folder.read(with_embeddings=wanted.with_embeddings)
        tallies = run.tallies if folder is None else [folder.tally(person) for person in range(len(people))]
        group.wait()
        if folder is not None and group.rank == 0 and all(np.isnan(each.values).all() for each in done.values()):
            folder.remove()  # there is no number in it to go on from
        for number, (person, tally) in enumerate(zip(people, tallies, strict=True)):
            person.close()
            if source is not None:
                check_person_agreement(tally, source, person.sample)
            endings = [_ending(done[number, gene]) for gene in range(len(genes))]
            check_used(person.sample, endings, source, allow_unused=allow_unused)
        predictions = [
            GenePrediction.of(done[person, index], people[person].sample, gene)
            for person in range(len(people))
            for index, gene in enumerate(genes)
        ]
        return PredictionResult(
            table=tidy_table(predictions, asked.query.tissues, self.model.unit),
            embeddings=stacked_embeddings(predictions) if wanted.with_embeddings else None,
            genes=gene_table(predictions),
            rejected=tuple(asked.query.rejected),
            report=match_report(
                asked,
                tallies={person.sample: tally for person, tally in zip(people, tallies, strict=True)},
                agreement=agreement,
                statuses=counted(predictions, "status"),
                reasons=counted(predictions, "reason"),
                whole_file_checksums=wanted.whole_file_checksums,
            ),
            is_writer=group.rank == 0,
            parts=folder,
        )

    def plan(
        self,
        fasta: str | Path | ReferenceGenome,
        vcf: GivenGenotypes | None = None,
        **request: Any,
    ) -> RunEstimate:
        """What a run would take, without doing it; arguments and errors as for :meth:`run`."""
        asked = open_request(self.model, fasta, vcf, PredictionRequest(**request))
        for person in asked.people:
            person.close()
        return self._estimate(asked, self._processes().count)

    def _processes(self) -> Processes:
        return processes(on_cpu=self.model.device.type == "cpu")

    def _estimate(self, asked: OpenedRequest, n_processes: int) -> RunEstimate:
        return asked.opened.estimate(
            [asked.opened.finder.find(gene) for gene in asked.query.genes],
            n_people=len(asked.people),
            n_outputs=len(asked.query.tissues),
            with_variants=not asked.people[0].is_reference,
            n_processes=n_processes,
        )

    def _run_description(self, asked: OpenedRequest, request: PredictionRequest) -> dict[str, Any]:
        """All that the predictions of a run depend on."""
        return {
            **self.model.description(),
            "fasta": content_of(asked.reference.path),
            "vcf": None if asked.vcf is None else contents_of(asked.vcf),
            "options": asked.options.as_dict(),
            "samples": [person.sample for person in asked.people],
            "genes": [gene.gene_id for gene in asked.query.genes],
            "tissues": [tissue.name for tissue in asked.query.tissues],
            "embeddings": request.with_embeddings,
        }


def _ending(done: DoneGene) -> tuple[str, str]:
    return done.status, done.reason

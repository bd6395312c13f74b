"""Vectors of people's genes: a run whose units stay on disk, so that they never are all in one memory."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..genome.cohort_files import GivenGenotypes
from ..genome.contigs import identify_assembly
from ..genome.reference import ReferenceGenome
from ..work.in_process import InProcess
from ..work.units import Engine, Unit
from ..zoo.embedding_model import EmbeddingModel
from ..zoo.statuses import STATUSES
from .finished_run import checked_report
from .planned_run import PlannedRun
from .query import RejectedName
from .request import PredictionRequest
from .run_folder import RunFolder
from .run_limits import RunLimits
from .run_plan import Cut
from .sample_counts import counts_by_sample
from .unit_runner import UnitRunner

# Of a unit: so many vectors, unless a run would have more units than its limits say, and at most so many bytes.
_VECTORS, _BYTES = 32, 64 * 2**20
# Of a batch that goes to the network at once.
_BATCH_BYTES = 64 * 2**20
_UNITS_A_WORKER = 4


@dataclass(frozen=True, slots=True)
class VectorRow:
    """Which vector a row is.

    Attributes:
        sample, gene_id, gene_name: whose.
        chrom: by the FASTA.
        start, end: of the window, 0-based half-open; it may reach beyond its contig.
        status, reason: as of predictions; a vector is there of ``ok`` and ``no_variants`` alone.
        records_in_windows, records_applied: the person's records in the window, and those that changed a sequence.
    """

    sample: str
    gene_id: str
    gene_name: str
    chrom: str
    start: int
    end: int
    status: str
    reason: str
    records_in_windows: int
    records_applied: int


@dataclass(frozen=True)
class EmbeddingResult:
    """A finished run: a row a person and gene, people in the order asked for, and of each the genes.

    Attributes:
        model: the embedder with its genes.
        report: the match report and the run's provenance, ready for JSON.
        rejected: names that were asked for and are not there.
        is_writer: whether this process, of several, is the one to write the output.
    """

    model: EmbeddingModel
    report: dict[str, Any]
    rejected: tuple[RejectedName, ...]
    is_writer: bool
    _planned: PlannedRun
    _folder: RunFolder
    _units: Sequence[Unit]

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, width), or (rows, bins, width)."""
        asked = self._planned.asked
        return (len(asked.people) * len(asked.query.genes), *self.model.shape)

    @property
    def statuses(self) -> dict[str, int]:
        """Status -> rows, of those that there are."""
        found: dict[str, int] = self.report["genes"]["status"]
        return {name: found[name] for name in STATUSES if found.get(name)}

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(n,) int64 rows, ascending, and their (n, ...) float32 vectors, a unit at a time; NaN where there is none.

        Raises:
            InputError: a file of a unit is damaged.
        """
        n_genes = len(self._planned.asked.query.genes)
        for unit in self._units:
            found = self._folder.predictions(self._folder.done_notes(unit))
            assert found.embeddings is not None
            rows = (found.people[:, None] * n_genes + found.genes[None, :]).ravel()
            order = np.argsort(rows)
            yield rows[order], found.embeddings.reshape(len(rows), *self.model.shape)[order]

    def rows(self) -> Iterator[VectorRow]:
        """All rows, in order."""
        asked = self._planned.asked
        genes, finder = asked.query.genes, asked.opened.finder
        contigs = [finder.find(gene).window.chrom for gene in genes]
        windows = [self.model.window_of(gene) for gene in genes]
        shape = len(asked.people), len(genes)
        reasons: dict[str, int] = {"": 0}
        status, reason = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint16)
        met, applied = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
        code_of = {name: code for code, name in enumerate(STATUSES)}
        for unit in self._units:
            found = self._folder.done_notes(unit).predictions
            here = np.ix_(found.people, found.genes)
            status[here] = [[code_of[each] for each in row] for row in found.status]
            reason[here] = [[reasons.setdefault(each, len(reasons)) for each in row] for row in found.reason]
            met[here], applied[here] = found.records_in_windows, found.records_applied
        texts = list(reasons)
        for person, sample in enumerate(asked.people.names):
            for place, gene in enumerate(genes):
                yield VectorRow(
                    sample,
                    gene.gene_id,
                    gene.gene_name,
                    contigs[place],
                    *windows[place],
                    STATUSES[status[person, place]],
                    texts[reason[person, place]],
                    int(met[person, place]),
                    int(applied[person, place]),
                )

    def names_of(self, status: str) -> list[str]:
        """Names of the genes of which any person has a status."""
        found: Counter[int] = Counter()
        for unit in self._units:
            notes = self._folder.done_notes(unit).predictions
            found.update(notes.genes[(notes.status == status).any(axis=0)].tolist())
        return [self._planned.asked.query.genes[gene].gene_name for gene in sorted(found)]

    def remove_parts(self) -> None:
        """Remove what was kept on disk during the run, once the output is written."""
        if self.is_writer:
            self._folder.remove()


class EmbeddingRun:
    """Asks an embedder for the vectors of people's genes.

    Args:
        model: the embedder with its genes.
    """

    def __init__(self, model: EmbeddingModel) -> None:
        at_once = max(1, min(RunLimits().genes, _BATCH_BYTES // (4 * model.embedding_width)))
        self.model, self._limits = model, RunLimits(genes=at_once, genes_ahead=2 * at_once)

    def embed(
        self,
        fasta: str | Path | ReferenceGenome,
        vcf: GivenGenotypes | None = None,
        *,
        parts: str | Path,
        overwrite_parts: bool = False,
        on_gene: Callable[[int, int], None] | None = None,
        engine: Engine | None = None,
        **request: Any,
    ) -> EmbeddingResult:
        """Make the vectors, and report what was used.

        Args:
            fasta, vcf, on_gene, engine: as for :meth:`ExpressionPredictor.run`.
            parts: folder for what is done; a run that finds its own unfinished parts there goes on with the rest. It
                stays until :meth:`EmbeddingResult.remove_parts`.
            overwrite_parts: remove the parts of another run instead of refusing them.
            **request: ``samples``, ``genes``, ``skip_invalid``, ``allow_unused``, ``whole_file_checksums`` and
                ``options`` of :class:`PredictionRequest`; the mode of the options is the model's.

        Raises:
            RejectedQueryError, InputError: as for :meth:`ExpressionPredictor.run`.
        """
        asked = PredictionRequest(**request, with_embeddings=True)
        asked = asked.in_mode(self.model.genotype_mode)
        planned = PlannedRun.of(self.model, fasta, vcf, asked)
        runner, engine = UnitRunner(self.model, self._limits), engine or InProcess()
        group = runner.group
        cut = self._cut(planned.n_pairs, len(planned.asked.people), group.count * engine.workers)
        folder = runner.begun(parts, planned.contents(cut), overwrite=overwrite_parts, is_ours=True)
        units = planned.units(folder.contents.cut)
        runner.do(planned, folder, units, engine, given=(fasta, vcf), place=parts, on_gene=on_gene)
        counts = dict(pair for batch in counts_by_sample(units, folder.done_notes) for pair in batch)
        damage = dict.fromkeys(each for unit in units for each in folder.done_notes(unit).damage)
        assembly = identify_assembly(planned.asked.reference.contigs)
        report = checked_report(planned, counts, list(damage))
        report |= {"embedding": self.model.settings(), "assembly": assembly}
        for of_numbers in ("unit", "units", "tissues"):
            del report[of_numbers]
        group.wait()
        return EmbeddingResult(
            self.model, report, tuple(planned.asked.query.rejected), group.rank == 0, planned, folder, units
        )

    def _cut(self, n_pairs: int, n_people: int, n_workers: int) -> Cut:
        """Units that are soon done, and not too many."""
        wanted = max(_VECTORS, n_pairs // self._limits.units)
        if n_workers > 1:
            wanted = min(wanted, n_pairs // (_UNITS_A_WORKER * n_workers))
        in_a_unit = max(1, min(wanted, _BYTES // (4 * self.model.embedding_width)))
        return Cut.of_size(in_a_unit, n_people, people_at_once=self._limits.people)

"""A run of predictions before it begins: its files opened and checked, and how it is cut into units."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..genome.cohort_files import GivenGenotypes, contents_of
from ..genome.doctor import Agreement
from ..genome.interval import Interval
from ..genome.provenance import content_of
from ..genome.reference import ReferenceGenome
from ..work.units import Unit
from ..zoo.estimate import RunEstimate
from ..zoo.gene_model import GeneModel
from ..zoo.statuses import warn_of_missing_contigs
from .people import check_records
from .request import OpenedRequest, PredictionRequest, open_request
from .run_contents import Layout, RunContents
from .run_limits import RunLimits
from .run_plan import Cut, stretches_of, units_of

# Of a gene's embeddings while they are written: as found, as kept, and twice as the bytes of a file.
_BYTES_A_NUMBER = 4 * 4


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run that can begin.

    Attributes:
        asked: the model, files and names.
        request: what was asked for.
        reaches: of each gene.
        agreement: of the VCF's records with the FASTA; None without a VCF.
    """

    asked: OpenedRequest
    request: PredictionRequest
    reaches: Sequence[Interval]
    agreement: Agreement | None

    @classmethod
    def of(
        cls,
        model: GeneModel,
        fasta: str | Path | ReferenceGenome,
        vcf: GivenGenotypes | None,
        request: PredictionRequest,
    ) -> "PlannedRun":
        """Open the files of a run, and check them.

        Raises:
            InputError: see ``open_request`` and ``check_records``.
        """
        asked = open_request(model, fasta, vcf, request)
        reaches = asked.reaches()
        agreement = None
        if asked.vcf is not None:
            agreement = check_records(
                asked.reference,
                asked.vcf,
                reaches,
                min_probability=asked.options.min_probability,
                allow_unused=request.allow_unused,
            )
        warn_of_missing_contigs(asked.people.first, [reach.chrom for reach in reaches])
        return cls(asked, request, reaches, agreement)

    @property
    def tissues(self) -> list[str]:
        """Names of the tissues."""
        return [tissue.name for tissue in self.asked.query.tissues]

    @property
    def n_pairs(self) -> int:
        """People x genes."""
        return len(self.asked.people) * len(self.asked.query.genes)

    def estimate(self, n_processes: int) -> RunEstimate:
        """What the run will take."""
        return estimate_of(self.asked, n_processes)

    def cut(self, limits: RunLimits, seconds: float, n_processes: int, *, by_contig: bool = True) -> Cut:
        """How the run is cut.

        Args:
            limits: of the run.
            seconds: that it takes in one process.
            n_processes: processes that share it.
            by_contig: see :class:`Cut`.
        """
        in_a_unit = limits.genes_in_a_unit(self.n_pairs, seconds, n_processes)
        return Cut.of_size(in_a_unit, len(self.asked.people), people_at_once=limits.people, by_contig=by_contig)

    def units(self, cut: Cut) -> list[Unit]:
        """All units of the run."""
        finder, genes = self.asked.opened.finder, self.asked.query.genes
        costs = [self.asked.opened.cost(finder.find(gene)) for gene in genes]
        return units_of(self.reaches, costs, len(self.asked.people), cut)

    def contents(self, cut: Cut, layout: Layout = "parquet", dtype: str = "float32") -> RunContents:
        """What a folder of this run holds."""
        model = self.asked.opened.model
        return RunContents(
            samples=self.asked.people.names,
            genes=self.asked.query.genes,
            tissues=self.tissues,
            unit=model.unit,
            description=self._description(),
            cut=cut,
            genes_along=[gene for stretch in stretches_of(self.reaches) for gene in stretch.genes],
            layout=layout,
            dtype=dtype,
            embedding_width=model.embedding_width if self.request.with_embeddings else 0,
        )

    def _description(self) -> dict[str, Any]:
        """All that the predictions of the run depend on."""
        asked = self.asked
        return {
            **asked.opened.model.description(),
            "fasta": content_of(asked.reference.path),
            "vcf": None if asked.vcf is None else contents_of(asked.vcf),
            "options": asked.options.as_dict(),
            "samples": list(asked.people.names),
            "genes": [gene.gene_id for gene in asked.query.genes],
            "tissues": self.tissues,
            "embeddings": self.request.with_embeddings,
        }


def estimate_of(asked: OpenedRequest, n_processes: int) -> RunEstimate:
    """What a run will take, shared by so many processes."""
    return asked.opened.estimate(
        [asked.opened.finder.find(gene) for gene in asked.query.genes],
        n_people=len(asked.people),
        n_outputs=len(asked.query.tissues),
        with_variants=not asked.people.first.is_reference,
        n_processes=n_processes,
    )


def check_gene_memory(planned: PlannedRun, limit: int) -> None:
    """Refuse a store of embeddings of which one gene's would take more memory than a run may have.

    Args:
        planned: the run.
        limit: bytes.

    Raises:
        InputError: it says how many bytes that would be.
    """
    n_people, n_tissues = len(planned.asked.people), len(planned.tissues)
    width = planned.asked.opened.model.embedding_width
    needed = n_people * n_tissues * width * _BYTES_A_NUMBER
    if needed > limit:
        raise InputError(
            f"a gene's embeddings of {n_people:,} people x {n_tissues:,} tissues x {width:,} numbers take about "
            f"{needed / 2**30:,.3g} GB of memory (at most: {limit / 2**30:,.3g} GB)",
            remedy="Ask for fewer tissues, or make a store of some of the people.",
        )

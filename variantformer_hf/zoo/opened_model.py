"""A model opened for one reference genome: its genes read and predicted."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..genome.genes import Gene
from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..genome.stretch import PersonalStretch
from .assembly import check_assembly
from .estimate import RunEstimate, estimate_of_one
from .gene_input import GeneInput, GeneOutput, joined
from .gene_reader import GeneReader, stretch_of
from .gene_regions import GeneRegions, covered
from .gene_states import GeneStates
from .memory import run_in_halves
from .statuses import NOT_FINITE, NOT_FITTED, UNSEEN_GENE

if TYPE_CHECKING:
    from .gene_model import GeneModel

logger = logging.getLogger(__name__)


class OpenedModel:
    """A model opened for one reference genome.

    Args:
        model: the model.
        reference: the FASTA.

    Attributes:
        finder: regions of genes.
    """

    def __init__(self, model: "GeneModel", reference: ReferenceGenome) -> None:
        check_assembly(reference, model.assembly)
        self.model, self.reference = model, reference
        self.finder = model.region_finder(reference)
        self._at_once = model.genes_at_once
        self._said_unseen = False

    def reader(self, person: PersonalGenome, stretch: PersonalStretch, regions: Sequence[GeneRegions]) -> "GeneReader":
        """Reads one person's genes in a stretch.

        Args:
            person: the person.
            stretch: the person's records there, at least of all the regions.
            regions: of the genes that will be asked for.
        """
        return GeneReader(person, stretch)

    def reach(self, person: PersonalGenome, regions: GeneRegions) -> tuple[np.ndarray, np.ndarray]:
        """Starts and ends of what a person's gene is read from, (R,) int64 each; plain: its regions.

        Models that read on beyond a region where the person has deletions say how far.

        Args:
            person: the person, read as one sequence.
            regions: of the gene.
        """
        return covered([regions])

    def read(self, person: PersonalGenome, regions: GeneRegions) -> GeneInput:
        """One person's gene by itself.

        Raises:
            InputError: see ``PersonalGenome.sequences``.
        """
        return self.reader(person, stretch_of(person, regions), [regions]).gene(regions)

    def stand_in(self, regions: GeneRegions) -> GeneInput:
        """What a batch has in the place of a gene that a person lacks; plain: the reference's.

        Its numbers are of no use to anyone; the smaller it is, the better.
        """
        return self.read(PersonalGenome(self.reference), regions)

    def predict(self, inputs: Sequence[GeneInput], outputs: Sequence[int]) -> list[GeneOutput]:
        """Predict genes; one that is not there has the status that says so, and NaN.

        Raises:
            InputError: memory does not suffice for one gene in one output.
        """
        able = [each for each in inputs if each.ending is None]
        found = iter(self.predict_able(able, outputs) if able else [])
        return [
            self.checked(next(found), each.regions.gene)
            if each.ending is None
            else GeneOutput.nothing(each.ending, len(outputs))
            for each in inputs
        ]

    def predict_able(self, able: Sequence[GeneInput], outputs: Sequence[int]) -> list[GeneOutput]:
        """Predict genes that are all there, whatever the numbers; plain: a few at a time through the network.

        Raises:
            InputError: memory does not suffice for one gene in one output.
        """
        found: list[GeneOutput] = []
        halvings: list[bool] = []
        while len(found) < len(able):
            part = able[len(found) : len(found) + self._at_once]
            found += run_in_halves(
                self._through_network, part, list(outputs), joined, on_halved=lambda: halvings.append(True)
            )
            if halvings:  # so many were too many, and would be again
                self._at_once = max(1, self._at_once // 2)
                halvings.clear()
        return found

    def checked(self, output: GeneOutput, gene: Gene) -> GeneOutput:
        """A prediction; without numbers, and ``not_finite``, where one is none; ``unseen_gene`` of a gene unseen."""
        if not self.model.unit.is_finite(output.values):
            return replace(output, values=np.full_like(output.values, np.nan), status=NOT_FINITE)
        if not self.model.is_unseen(gene):
            return output
        if not self._said_unseen:
            self._said_unseen = True
            logger.warning(
                "%s was not trained on %s, and maybe on others: its predictions of such genes (status %s) are not "
                "known to tell people apart",
                self.model.identity.name,
                gene.gene_name,
                UNSEEN_GENE,
            )
        return replace(output, status=UNSEEN_GENE)

    def states(
        self, person: PersonalGenome, regions: GeneRegions, outputs: Sequence[int], *, shift: int = 0
    ) -> "GeneStates":
        """A person's gene, to be asked what it would be in edited genomes.

        Args:
            person: the person.
            regions: of the gene.
            outputs: ids of the outputs.
            shift: leave out so many bases at the start of every sequence; for models with phase shifts.
        """
        if shift:
            self.model.require("phase_shifts", "a phase shift")
        return GeneStates(self, person, regions, outputs)

    def cost(self, regions: GeneRegions) -> float:
        """About how long a gene takes, beside others."""
        return 1.0 + len(regions.starts)

    def estimate(
        self,
        regions: Sequence[GeneRegions],
        *,
        n_people: int,
        n_outputs: int,
        with_variants: bool,
        n_processes: int = 1,
    ) -> RunEstimate:
        """What a run will take; from one gene of the reference genome.

        Args:
            regions: of the genes.
            n_people, n_outputs: how many.
            with_variants: the people differ from the reference.
            n_processes: processes that share the run.
        """

        def run_one() -> None:
            inputs = [self.trial_input(regions[0], with_variants=with_variants)]
            if inputs[0].ending is None:
                self._through_network(inputs, list(range(n_outputs)))

        return estimate_of_one(
            self.model.network,
            run_one if regions else lambda: None,
            n_genes=len(regions),
            n_people=n_people,
            n_outputs=n_outputs,
            n_processes=n_processes,
        )

    def trial_input(self, regions: GeneRegions, *, with_variants: bool) -> GeneInput:
        """A gene that takes as long as any; plain: the reference's.

        Args:
            regions: of the gene.
            with_variants: of a person who differs from the reference.
        """
        return self.read(PersonalGenome(self.reference), regions)

    def finish(self) -> None:
        """Called once a run has predicted all: what is worth keeping may be written."""

    def between_stretches(self) -> None:
        """Called where a run goes on to another part of the genome."""

    @property
    def damage(self) -> list[str]:
        """What was found damaged in files that the model keeps, a sentence each."""
        return []

    @torch.inference_mode()
    def _through_network(self, inputs: Sequence[GeneInput], outputs: Sequence[int]) -> list[GeneOutput]:
        ids = np.tile(np.asarray(outputs, dtype=np.int64), (len(inputs), 1))
        batch = {name: tensor.to(self.model.device) for name, tensor in self.model.batch(inputs, ids).items()}
        found = self.model.network(**batch, return_dict=True)
        values = found.logits.float().cpu().numpy()
        vectors = found.get("embeddings")
        vectors = [None] * len(inputs) if vectors is None else vectors.float().cpu().numpy()
        return [GeneOutput(*each) for each in zip(values, vectors, strict=True)]


def checked_where_fitted(output: GeneOutput, checked: Callable[[GeneOutput], GeneOutput]) -> GeneOutput:
    """A prediction of a model whose genes are fitted one by one, checked where it has numbers.

    Args:
        output: NaN where there was nothing to be fitted to: an output that stays so, or, of all, ``not_fitted``.
        checked: the check of numbers, see :meth:`OpenedModel.checked`.
    """
    there = ~np.isnan(output.values)
    if not there.any():
        return GeneOutput.nothing(NOT_FITTED, len(there))
    found = checked(replace(output, values=output.values[there]))
    values = np.full_like(output.values, np.nan)
    values[there] = found.values
    return replace(found, values=values)

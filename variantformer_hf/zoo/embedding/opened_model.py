"""A model of vectors opened for one reference genome."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...errors import InputError
from ...genome.genes import Gene
from ...genome.personal import PersonalGenome
from ...genome.reference import ReferenceGenome
from ...genome.stretch import PersonalStretch
from ..embedding_table import EmbeddingTable
from ..gene_input import GeneInput, GeneOutput
from ..gene_reader import GeneReader
from ..gene_regions import GeneRegions
from ..gene_states import GeneStates
from ..opened_model import OpenedModel, checked_where_fitted
from ..statuses import NO_EMBEDDING, OK, RecordUse
from .vector_input import TableReader, TrunkReader, VectorInput, check_snps
from .vector_source import OPTION

if TYPE_CHECKING:
    from .gene_model import EmbeddingGeneModel

logger = logging.getLogger(__name__)


class EmbeddingOpened(OpenedModel):
    """Reads people as vectors."""

    model: "EmbeddingGeneModel"

    def __init__(self, model: "EmbeddingGeneModel", reference: ReferenceGenome) -> None:
        super().__init__(model, reference)
        self._asked, self._without = 0, 0

    def reader(self, person: PersonalGenome, stretch: PersonalStretch, regions: Sequence[GeneRegions]) -> GeneReader:
        """See :class:`OpenedModel`.

        Raises:
            InputError: vectors come from nowhere; the model was fitted to SNPs alone, and all variants are asked for.
        """
        source, config = self.model.vectors, self.model.config
        if isinstance(source, EmbeddingTable):
            return TableReader(person, stretch, source)
        if source is None:
            raise InputError("has no vectors to read", file=self.model.identity.name, remedy=f"Give {OPTION}.")
        check_snps(person, snps_only=config.embedding_snps_only, model=self.model.identity.name)
        return TrunkReader(person, stretch, source.embedder, config.embedding_window)

    def predict(self, inputs: Sequence[GeneInput], outputs: Sequence[int]) -> list[GeneOutput]:
        """See :class:`OpenedModel`; people's genes without a vector are counted."""
        self._asked += len(inputs)
        self._without += sum(each.ending == NO_EMBEDDING for each in inputs)
        return super().predict(inputs, outputs)

    def checked(self, output: GeneOutput, gene: Gene) -> GeneOutput:
        """A prediction; ``not_fitted`` where there was nothing to be fitted to, see :class:`OpenedModel`."""
        if not self.model.is_of_genes:
            return super().checked(output, gene)
        return checked_where_fitted(output, lambda there: super(EmbeddingOpened, self).checked(there, gene))

    def states(
        self, person: PersonalGenome, regions: GeneRegions, outputs: Sequence[int], *, shift: int = 0
    ) -> GeneStates:
        """A person's gene to be asked about, see :class:`OpenedModel`; an edited one's vector is made anew.

        Raises:
            InputError: vectors come from a file, which has none of an edited genome.
        """
        if isinstance(self.model.vectors, EmbeddingTable):
            raise InputError(
                "has vectors of people as they are, and none of edited genomes",
                file=self.model.vectors.path,
                remedy="Leave it out, and give the network that makes them: --embedding-model PATH.",
            )
        return super().states(person, regions, outputs, shift=shift)

    def stand_in(self, regions: GeneRegions) -> VectorInput:
        """A vector of zeros, see :class:`OpenedModel`."""
        nothing = np.zeros(0, dtype=np.int64)
        vector = np.zeros(self.model.config.embedding_size, dtype=np.float32)
        return VectorInput(regions, RecordUse(OK), nothing, nothing.astype(np.int8), "", vector=vector)

    def trial_input(self, regions: GeneRegions, *, with_variants: bool) -> GeneInput:
        """See :class:`OpenedModel`; of a file a vector of zeros, which costs what any does."""
        if isinstance(self.model.vectors, EmbeddingTable):
            return self.stand_in(regions)
        return super().trial_input(regions, with_variants=with_variants)

    def finish(self) -> None:
        """Say how many people's genes had no vector, see :class:`OpenedModel`."""
        if self._without:
            source = self.model.vectors
            name = source.name if source is not None else "nothing"
            logger.warning(
                "of %d genes of people %d have no vector in %s: they have the status %s and no number",
                self._asked,
                self._without,
                name,
                NO_EMBEDDING,
            )

"""A model of dosages opened for one reference genome."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...genome.genes import Gene
from ...genome.person_dosages import PlacedVariants
from ...genome.personal import PersonalGenome
from ...genome.reference import ReferenceGenome
from ...genome.stretch import PersonalStretch
from ..gene_input import GeneOutput
from ..gene_regions import GeneRegions
from ..opened_model import OpenedModel, checked_where_fitted
from ..statuses import NO_VARIANTS_IN_WINDOW, NOT_FITTED
from .dosage_input import DosageReader, is_alone
from .variants import GeneVariants

if TYPE_CHECKING:
    from .gene_model import DosageGeneModel

logger = logging.getLogger(__name__)


class DosageOpened(OpenedModel):
    """Reads people as dosages."""

    model: "DosageGeneModel"

    def __init__(self, model: "DosageGeneModel", reference: ReferenceGenome) -> None:
        super().__init__(model, reference)
        self._is_alone: dict[str, bool] = {}
        self._last: tuple[int, GeneVariants, PlacedVariants] | None = None

    def reader(self, person: PersonalGenome, stretch: PersonalStretch, regions: Sequence[GeneRegions]) -> DosageReader:
        """Reads dosages, see :class:`OpenedModel`."""
        file = str(person.path)
        if file not in self._is_alone:
            self._is_alone[file] = is_alone(person)
        if regions:
            start, end = min(each.window.start for each in regions), max(each.window.end for each in regions)
            person = person.holding(regions[0].window.chrom, start, end)
        counts = self.model.counts.setdefault(person.sample, Counter())
        return DosageReader(person, stretch, self.variants, is_alone=self._is_alone[file], counts=counts)

    def variants(self, regions: GeneRegions) -> tuple[int, GeneVariants, PlacedVariants]:
        """A gene's number in the model, its variants, and where they may stand in records; the last gene's are kept."""
        number = self.model.number_of[regions.gene.gene_id]
        if self._last is None or self._last[0] != number:
            own = self.model.variants.of(number)
            placed = PlacedVariants(self.reference, regions.window.chrom, own.position, own.ref, own.alt)
            self._last = number, own, placed
        return self._last

    def checked(self, output: GeneOutput, gene: Gene) -> GeneOutput:
        """A prediction; ``no_variants_in_window`` and ``not_fitted`` are known of the fit, see :class:`OpenedModel`."""
        found = checked_where_fitted(output, lambda there: super(DosageOpened, self).checked(there, gene))
        is_mean = int(self.model.network.n_read[self.model.number_of[gene.gene_id]]) == 0
        return replace(found, status=NO_VARIANTS_IN_WINDOW) if is_mean and found.status != NOT_FITTED else found

    def finish(self) -> None:
        """Say how many dosages were not the people's own, see :class:`OpenedModel`."""
        total = sum(self.model.counts.values(), Counter[str]())
        if total["missing"] or total["absent"]:
            logger.warning(
                "of %d dosages %d were missing and %d had no record: each is the mean of the people of the fit",
                *(total[name] for name in ("dosages", "missing", "absent")),
            )

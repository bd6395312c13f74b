"""One person's gene as a model of dosages reads it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...genome.appending import people_in
from ...genome.consensus import OUTCOME_CODE, Outcome
from ...genome.dosages import MISSING
from ...genome.edited import EditedGenome
from ...genome.person_dosages import ABSENT, PlacedVariants, person_dosages
from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch
from ..diploid_dna import reads_edits
from ..gene_input import GeneInput
from ..gene_reader import GeneReader
from ..gene_regions import GeneRegions, covered
from ..statuses import NO_VARIANTS, NOT_SNP, OK, RecordUse, record_use
from .variants import GeneVariants

_APPLIED = OUTCOME_CODE[Outcome.APPLIED]


@dataclass(frozen=True, slots=True)
class DosageInput(GeneInput):
    """A gene as dosages.

    Attributes:
        gene: its number in the model.
        dosage: (V,) float32, copies of ALT of its variants; the mean of the fit where nothing is known of the person.
        missing_dosages, absent_dosages: how many of these are the mean, as the genotype is missing, or there is no
            record of the variant.
        new_snps: records of SNPs that the person carries in the window, and the model does not know.
    """

    gene: int
    dosage: np.ndarray
    missing_dosages: int
    absent_dosages: int
    new_snps: int

    def counted(self) -> dict[str, int]:
        """See :class:`GeneInput`; nothing of a gene of which no variant is read."""
        if not len(self.dosage):
            return {}
        return {
            "dosages": len(self.dosage),
            "dosages_missing": self.missing_dosages,
            "dosages_absent": self.absent_dosages,
            "new_snps": self.new_snps,
        }


class DosageReader(GeneReader):
    """Reads one person's genes in a stretch as dosages.

    A variant whose genotype is missing is the mean of the people of the fit. So is one without a record in a file of
    several people, which would list it if it had been called; a file of one person lists what differs from the
    reference, so that there it is 0.

    Args:
        person: the person.
        stretch: the person's records there.
        variants: of a gene, its number in the model and the variants, also where they may stand in records.
        is_alone: whether the person's file is of no one else.
        counts: the person's ``dosages``, and of those taken as the mean ``missing`` and ``absent``; added to.
    """

    def __init__(
        self,
        person: PersonalGenome,
        stretch: PersonalStretch,
        variants: Callable[[GeneRegions], tuple[int, GeneVariants, PlacedVariants]],
        *,
        is_alone: bool,
        counts: Counter[str],
    ) -> None:
        super().__init__(person, stretch)
        self._variants, self._is_alone, self._counts = variants, is_alone, counts

    def gene(self, regions: GeneRegions) -> DosageInput:
        """A gene as the model reads it, see :class:`GeneReader`."""
        keys, outcomes = self.person.outcomes(self.stretch, *covered([regions]))
        use = record_use(self.person, regions.window.chrom, outcomes)
        number, variants, placed = self._variants(regions)
        missing = "" if placed.has_others or reads_edits(self.person) else NOT_SNP
        found = person_dosages(self.person, placed)
        if placed.has_others and use.status == NO_VARIANTS and (found > 0).any():
            use = RecordUse(OK)  # of an insertion or deletion, which the mode does not make sequence of
        if self._is_alone:
            found = np.where(found == ABSENT, 0, found)
        n_missing, n_absent = int((found == MISSING).sum()), int((found == ABSENT).sum())
        self._counts.update(dosages=len(found), missing=n_missing, absent=n_absent)
        n_new = int((outcomes == _APPLIED).sum()) - len(np.unique(variants.position[(found > 0) & _are_snvs(variants)]))
        dosage = np.where(found < 0, variants.mean, found).astype(np.float32)
        counts = (n_missing, n_absent, max(0, n_new))
        return DosageInput(regions, use, keys, outcomes, missing, number, dosage, *counts)


def _are_snvs(variants: GeneVariants) -> np.ndarray:
    """(V,) bool."""
    return np.array([len(ref) == len(alt) == 1 for ref, alt in zip(variants.ref, variants.alt, strict=True)], bool)


def is_alone(person: PersonalGenome) -> bool:
    """Whether a person's file is of no one else; so is the reference genome, whatever is edited in it."""
    while isinstance(person, EditedGenome):
        person = person.person
    return person.path is None or len(people_in(person.path)) <= 1

"""One person's genes, read as a model reads them."""

from ..genome.intervals import union
from ..genome.personal import PersonalGenome
from ..genome.stretch import PersonalStretch
from .gene_input import GeneInput, SequenceInput
from .gene_regions import GeneRegions, covered, gene_sequences
from .statuses import GENE_DELETED, record_use


class GeneReader:
    """Reads one person's genes in a stretch; plain: their sequences.

    Args:
        person: the person.
        stretch: the person's records there.
    """

    def __init__(self, person: PersonalGenome, stretch: PersonalStretch) -> None:
        self.person, self.stretch = person, stretch

    def gene(self, regions: GeneRegions) -> GeneInput:
        """A gene as the model reads it.

        Raises:
            ReferenceMismatchError: as for ``PersonalGenome.edits``.
        """
        keys, outcomes = self.person.outcomes(self.stretch, *covered([regions]))
        use = record_use(self.person, regions.window.chrom, outcomes)
        sequences = gene_sequences(regions, self.person.sequences)
        missing = "" if sequences.gene_sequence else GENE_DELETED
        return SequenceInput(regions, use, keys, outcomes, missing, sequences)


def stretch_of(person: PersonalGenome, regions: GeneRegions) -> PersonalStretch:
    """A person's records in one gene's regions."""
    starts, ends = covered([regions])
    within = union(starts, ends)
    return person.stretch(regions.window.chrom, int(starts.min()), int(ends.max()), within=within)

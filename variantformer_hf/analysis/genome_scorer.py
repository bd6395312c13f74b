"""One model opened for one reference genome, and its genes in people's genomes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..inference.query import Query, RejectedQueryError, resolve_query
from ..zoo.gene_model import GeneModel
from ..zoo.gene_regions import GeneRegions
from .gene_scorer import VARIANTS_AT_ONCE, GeneScorer


@dataclass(frozen=True, slots=True)
class AskedGene:
    """One gene that is asked about.

    Attributes:
        regions: of the gene.
        outputs: ids of the tissues.
        tissues: their names.
    """

    regions: GeneRegions
    outputs: list[int]
    tissues: list[str]


class GenomeScorer:
    """A model opened for a reference genome: what it learns of the reference is kept while it lives.

    Args:
        model: the model.
        reference: the FASTA.
        variants_at_once: of one gene, whose states are laid out together.

    Raises:
        AssemblyError: the FASTA is of another assembly.
    """

    def __init__(
        self, model: GeneModel, reference: ReferenceGenome, *, variants_at_once: int = VARIANTS_AT_ONCE
    ) -> None:
        self.model, self.opened, self._variants_at_once = model, model.open(reference), variants_at_once

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process opens the model for the same FASTA by itself."""
        return partial(GenomeScorer, variants_at_once=self._variants_at_once), (self.model, self.opened.reference)

    def query(self, genes: Sequence[str], tissues: Sequence[str] | None, *, suggest: bool = True) -> Query:
        """Look up genes and tissues; those that cannot be predicted are in it."""
        return resolve_query(genes, tissues, model=self.model, contig_of=self.opened.finder.contig_of, suggest=suggest)

    def checked_query(self, genes: Sequence[str], tissues: Sequence[str] | None) -> Query:
        """Look up genes and tissues, all of which must be there.

        Raises:
            RejectedQueryError: no such gene or tissue.
        """
        query = self.query(genes, tissues)
        if query.rejected:
            raise RejectedQueryError(query.rejected)
        return query

    def gene(self, name: str, tissues: Sequence[str] | None) -> AskedGene:
        """Regions of one gene, and ids and names of tissues.

        Raises:
            RejectedQueryError: no such gene or tissue.
        """
        query = self.checked_query([name], tissues)
        ids, names = [each.id for each in query.tissues], [each.name for each in query.tissues]
        return AskedGene(self.opened.finder.find(query.genes[0]), ids, names)

    def in_gene(
        self, person: PersonalGenome, regions: GeneRegions, outputs: Sequence[int], *, shift: int = 0
    ) -> GeneScorer:
        """A person's gene, ready to be asked about.

        Args:
            person: the person; of this FASTA.
            regions: of the gene.
            outputs: ids of the tissues.
            shift: leave out so many bases at the start of every sequence.

        Raises:
            InputError: the person's genotypes are read in a mode that the model does not read.
        """
        self.model.check_mode(person.options.mode)
        states = self.opened.states(person, regions, outputs, shift=shift)
        return GeneScorer(states, variants_at_once=self._variants_at_once)

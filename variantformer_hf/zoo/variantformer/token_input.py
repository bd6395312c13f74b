"""One person's gene as VariantFormer's tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch
from ...tokenization import DnaTokenizer
from ..gene_input import GeneInput
from ..gene_reader import GeneReader
from ..gene_regions import GeneRegions
from ..statuses import GENE_DELETED, NO_CRES, record_use
from .gene_tokens import GeneTokens
from .personal_tokens import PersonalTokens
from .reference_tokens import ReferenceTokens


@dataclass(frozen=True, slots=True)
class TokenInput(GeneInput):
    """A gene as its tokens."""

    tokens: GeneTokens


class TokenReader(GeneReader):
    """Reads one person's genes in a stretch: cCREs once for all genes that are near them.

    Args:
        person, stretch: as for :class:`GeneReader`.
        regions: of the genes that will be asked for.
        reference: tokens of the reference.
        tokenizer: the model's.
    """

    def __init__(
        self,
        person: PersonalGenome,
        stretch: PersonalStretch,
        regions: Sequence[GeneRegions],
        reference: ReferenceTokens,
        tokenizer: DnaTokenizer,
    ) -> None:
        super().__init__(person, stretch)
        self._tokens = PersonalTokens(person, stretch, regions, reference, tokenizer)

    def gene(self, regions: GeneRegions) -> TokenInput:
        """A gene's tokens."""
        tokens = self._tokens.gene(regions)
        use = record_use(self.person, regions.window.chrom, tokens.outcomes)
        missing = GENE_DELETED if tokens.window is None else "" if len(tokens.elements) else NO_CRES
        return TokenInput(regions, use, tokens.keys, tokens.outcomes, missing, tokens)

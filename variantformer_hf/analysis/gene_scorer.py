"""One person's gene and many questions about it: variants, and any other states of it."""

from collections.abc import Iterator, Sequence

import numpy as np

from ..genome.edited import observed_genotype
from ..genome.variant import Variant, VariantError, VariantNormalizer
from ..zoo.gene_input import GeneOutput
from ..zoo.gene_states import GeneStates
from ..zoo.statuses import NO_OVERLAP, NOT_FINITE, OK, WITH_NUMBER, ending_of
from .variant_genes import overlap
from .variant_states import ScoredVariant, VariantStates, states_of, with_flag

# Variants whose states are laid out at a time; more take more memory and are not faster.
VARIANTS_AT_ONCE = 32


class GeneScorer:
    """Scores variants in a person's gene.

    Args:
        states: of the gene.
        variants_at_once: whose states are laid out together.

    Attributes:
        states: of the gene.
        use: whether the person's records in it could be used; where not, nothing is predicted: NaN.
    """

    def __init__(self, states: GeneStates, *, variants_at_once: int = VARIANTS_AT_ONCE) -> None:
        self.states, self.use, self.variants_at_once = states, states.use, variants_at_once
        self._normalizer = VariantNormalizer(states.person.reference)

    def base(self) -> GeneOutput:
        """The gene as the person has it."""
        return self.states.predict([self.states.base])[0]

    def status(self, output: GeneOutput) -> str:
        """Status of a state of the gene, as of ``GenePrediction``."""
        return self.use.status if output.status == OK else output.status

    def normalized(self, variant: Variant) -> Variant | None:
        """A variant's one spelling; None where it cannot be used."""
        try:
            return self._normalizer(variant)
        except VariantError:
            return None

    def score(
        self, variants: Sequence[Variant], zygosity: Sequence[str], *, with_embeddings: bool = False
    ) -> Iterator[ScoredVariant]:
        """Score normalised variants one after the other; some tens are computed together.

        Args:
            variants: by the FASTA's contig names.
            zygosity: of the alternative.
            with_embeddings: also find the vectors of what is changed.
        """
        if not self.use.is_known:
            yield from (self._unknown(variant, zygosity) for variant in variants)
            return
        for first in range(0, len(variants), self.variants_at_once):
            part = variants[first : first + self.variants_at_once]
            found = [states_of(self.states, variant, zygosity, self._normalizer) for variant in part]
            outputs = self.states.predict_variants([each.states for each in found], with_embeddings=with_embeddings)
            for variant, each, of_variant in zip(part, found, outputs, strict=True):
                yield self._as_scored(variant, each, of_variant, zygosity)

    def _unknown(self, variant: Variant, zygosity: Sequence[str]) -> ScoredVariant:
        """A variant in a gene whose sequence in the person is not known."""
        observed = observed_genotype(self.states.person, variant, self._normalizer)
        where = overlap(variant, self.states.regions)
        nothing = self._nothing(zygosity)
        flags = ("",) * len(zygosity)
        return ScoredVariant(
            observed, self.use.status, "", where, np.nan, flags, nothing[0], nothing[1:], reason=self.use.reason
        )

    def _nothing(self, zygosity: Sequence[str]) -> np.ndarray:
        return np.full((len(zygosity) + 1, len(self.states.outputs)), np.nan, np.float32)

    def _as_scored(
        self, variant: Variant, found: VariantStates, outputs: Sequence[GeneOutput], zygosity: Sequence[str]
    ) -> ScoredVariant:
        gene = self.states
        where = overlap(variant, gene.regions)
        edge = ["crosses_edge"] if where.crosses_edge else []
        if found.conflict:
            nothing = self._nothing(zygosity)
            flags = (";".join(edge),) * len(zygosity)
            return ScoredVariant(
                found.observed, "conflict", found.conflict, where, np.nan, flags, nothing[0], nothing[1:]
            )
        values = np.stack([each.values for each in outputs])
        status = ending_of(each.status for each in outputs)
        if status == NOT_FINITE:
            values = np.full_like(values, np.nan)
        elif status in WITH_NUMBER and where.label == "none":
            status = NO_OVERLAP
        flags = tuple(";".join([*gene.flags(found.states[0], alt, where.cres), *edge]) for alt in found.states[1:])
        if variant.is_indel and gene.person.options.mode == "iupac":
            flags = tuple(
                flag if name == "hom" else with_flag(flag, "het_equals_hom")
                for flag, name in zip(flags, zygosity, strict=True)
            )
        row = gene.changed_row(found.states)
        return ScoredVariant(found.observed, status, "", where, row, flags, values[0], values[1:], tuple(outputs))

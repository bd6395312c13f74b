"""One person's gene and many questions about it: variants, and any other states of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..genome.edited import observed_genotype
from ..genome.personal import PersonalGenome
from ..genome.variant import Variant, VariantError, VariantNormalizer
from ..zoo.gene_regions import GeneRegions
from ..zoo.statuses import GENE_DELETED, NO_CRES, NOT_FINITE, is_finite, record_use
from ..zoo.variantformer.engine import ExpressionEngine, StreamOutput
from ..zoo.variantformer.gene_states import GeneState, GeneStates, Places
from ..zoo.variantformer.personal_gene import PersonalGene, shifted
from ..zoo.variantformer.reference_tokens import ReferenceTokens
from .variant_genes import overlap
from .variant_states import (
    ScoredVariant,
    VariantStates,
    changed_places,
    first_window_token,
    states_of,
    token_flags,
    with_flag,
)

# Variants whose states are laid out at a time; more take more memory and are not faster.
VARIANTS_AT_ONCE = 32


class GeneScorer:
    """A person's gene, what differs in edited genomes, and the model.

    Args:
        engine: the model at work.
        reference_tokens: of the regions, by row of the cCRE table; others for each shift.
        person: the person.
        regions: of the gene.
        tissue_ids: the tissues.
        shift: leave out so many bases at the start of every sequence.

    Attributes:
        gene: the person's tokens.
        states: predictions of states of it.
        use: whether the person's records in it could be used; where not, nothing is predicted: NaN.
        tissue_ids: the tissues.
    """

    def __init__(
        self,
        engine: ExpressionEngine,
        reference_tokens: ReferenceTokens,
        person: PersonalGenome,
        regions: GeneRegions,
        tissue_ids: Sequence[int],
        *,
        shift: int = 0,
    ) -> None:
        if shift:
            regions = shifted(regions, shift)
        self._processor, self.tissue_ids = engine.processor, list(tissue_ids)
        self._normalizer = VariantNormalizer(person.reference)
        self.gene = PersonalGene(person, regions, reference_tokens, engine.processor.tokenizer)
        base = self.gene.base
        self.use = record_use(self.gene.person, regions.window.chrom, base.outcomes)
        if shift:
            # The engine knows the reference's elements by their rows, and these are other sequences.
            base = replace(base, differs=np.ones(len(base.elements), dtype=bool))
        self.states = GeneStates(
            engine,
            base,
            n_cres=len(regions.starts),
            class_ids=regions.cre_class_ids,
            reverse=regions.gene.strand == "-",
            tissue_ids=tissue_ids,
        )

    def base(self) -> np.ndarray:
        """log1p TPM of the gene as the person has it, (T,) float32; NaN where it cannot be predicted."""
        return self.log1p_tpm([GeneState()])[0]

    def log1p_tpm(self, states: Sequence[GeneState]) -> np.ndarray:
        """log1p TPM of states, (n, T) float32; NaN where one cannot be predicted."""
        return np.stack([self.values(each) for each in self.outputs(states)])

    def outputs(self, states: Sequence[GeneState]) -> list[StreamOutput | None]:
        """Predictions of states; None where one cannot be predicted."""
        return self.states.predict(states) if self.use.is_known else [None] * len(states)

    def values(self, output: StreamOutput | None) -> np.ndarray:
        """log1p TPM of a prediction, (T,) float32; NaN where there is none, or where it is not finite."""
        if output is None or not is_finite(output.log1p_tpm):
            return np.full(len(self.tissue_ids), np.nan, np.float32)
        return output.log1p_tpm

    def status(self, base: np.ndarray) -> str:
        """Status of the gene as the person has it, of which ``base`` is the prediction; as of ``GenePrediction``."""
        if not self.use.is_known:
            return self.use.status
        if not self.states.base_is_whole:
            return GENE_DELETED if self.gene.base.window is None else NO_CRES
        return NOT_FINITE if np.isnan(base).any() else self.use.status

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
            with_embeddings: also find the vectors of the changed element and window.
        """
        gene = self.gene
        if not self.use.is_known:
            yield from (self._unknown(variant, zygosity) for variant in variants)
            return
        for first in range(0, len(variants), VARIANTS_AT_ONCE):
            part = variants[first : first + VARIANTS_AT_ONCE]
            found = [states_of(gene, variant, zygosity, self._normalizer) for variant in part]
            places = [Places()] * len(part)
            if with_embeddings:
                places = [changed_places(gene, each.states, self._processor.token_length) for each in found]
            outputs = iter(
                self.states.predict(
                    [state for each in found for state in each.states],
                    [place for each, place in zip(found, places, strict=True) for _ in each.states],
                )
            )
            for variant, each in zip(part, found, strict=True):
                of_variant = tuple(next(outputs) for _ in each.states)
                yield self._as_scored(variant, each, of_variant, zygosity)

    def _unknown(self, variant: Variant, zygosity: Sequence[str]) -> ScoredVariant:
        """A variant in a gene whose sequence in the person is not known."""
        observed = observed_genotype(self.gene.person, variant, self._normalizer)
        where = overlap(variant, self.gene.regions)
        nothing = np.full((len(zygosity) + 1, len(self.tissue_ids)), np.nan, np.float32)
        flags = ("",) * len(zygosity)
        return ScoredVariant(
            observed, self.use.status, "", where, np.nan, flags, nothing[0], nothing[1:], reason=self.use.reason
        )

    def _as_scored(
        self,
        variant: Variant,
        found: VariantStates,
        outputs: tuple[StreamOutput | None, ...],
        zygosity: Sequence[str],
    ) -> ScoredVariant:
        gene, n_tissues, n_alts = self.gene, len(self.tissue_ids), len(zygosity)
        where = overlap(variant, gene.regions)
        if found.conflict:
            nothing = np.full((n_alts + 1, n_tissues), np.nan, np.float32)
            flags = ("crosses_edge" if where.crosses_edge else "",) * n_alts
            return ScoredVariant(
                found.observed, "conflict", found.conflict, where, np.nan, flags, nothing[0], nothing[1:]
            )
        values = np.stack([self.values(each) for each in outputs])
        status = "ok"
        if any(each is None for each in outputs):
            gone = any(not state.has_window for state in found.states) or gene.base.window is None
            status = GENE_DELETED if gone else NO_CRES
        elif np.isnan(values).any():
            status, values = NOT_FINITE, np.full_like(values, np.nan)
        elif where.label == "none":
            status = "no_overlap"
        flags = tuple(
            ";".join(token_flags(gene, found.states[0], alt, where, self._processor)) for alt in found.states[1:]
        )
        if variant.is_indel and gene.person.options.mode == "iupac":
            flags = tuple(
                flag if name == "hom" else with_flag(flag, "het_equals_hom")
                for flag, name in zip(flags, zygosity, strict=True)
            )
        first = first_window_token(gene, found.states)
        window = np.nan if first is None else float(first // self._processor.token_length)
        return ScoredVariant(found.observed, status, "", where, window, flags, values[0], values[1:], outputs)

"""The states of a gene that one variant makes, and what can be said of them before any prediction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..genome.edited import EditedGenome, observed_genotype
from ..genome.genotype_edits import GenotypeEdit
from ..genome.variant import Variant, VariantNormalizer
from ..modeling import VariantFormerProcessor
from ..zoo.variantformer.engine import StreamOutput
from ..zoo.variantformer.gene_states import GeneState, Places
from ..zoo.variantformer.personal_gene import PersonalGene, first_difference
from .variant_genes import Overlap

FLAGS = ("beyond_seen_tokens", "truncated_element", "token_shift", "het_equals_hom", "crosses_edge", "below_noise")


@dataclass(frozen=True)
class VariantStates:
    """States of one variant: absent, then as each zygosity says; or why there are none."""

    observed: str
    conflict: str
    states: tuple[GeneState, ...]


@dataclass(frozen=True)
class ScoredVariant:
    """One variant in one gene and background, in T tissues and Z zygosities.

    Attributes:
        status: ``ok``, ``no_overlap``; or without numbers ``conflict``, ``gene_deleted``, ``no_cres``, ``not_in_vcf``,
            ``all_skipped`` or ``not_finite`` (see ``RecordUse`` and docs/outputs.md).
        conflict: the record it collides with.
        flags: (Z,) names, joined by ``;``.
        ref, alt: (T,) and (Z, T) float32 log1p TPM.
        outputs: ref and Z alts, for embeddings.
        reason: why none of the person's records in the gene was used; "" where one was or there is none.
    """

    observed: str
    status: str
    conflict: str
    overlap: Overlap
    gene_window: float
    flags: tuple[str, ...]
    ref: np.ndarray
    alt: np.ndarray
    outputs: tuple[StreamOutput | None, ...] = ()
    reason: str = ""


def states_of(
    gene: PersonalGene, variant: Variant, zygosity: Sequence[str], normalizer: VariantNormalizer
) -> VariantStates:
    """States of a variant in a person's gene: on no haplotype, then as asked."""
    observed = observed_genotype(gene.person, variant, normalizer)
    if variant.chrom != gene.regions.window.chrom:
        return VariantStates(observed, "", (GeneState(),) * (len(zygosity) + 1))
    genomes = [EditedGenome(gene.person, [GenotypeEdit(variant, name)], on_conflict="keep")
               for name in ("absent", *zygosity)]  # fmt: skip
    conflict = next(filter(None, map(gene.conflict, genomes)), None)
    if conflict is not None:
        return VariantStates(observed, conflict, ())
    without = gene.state(genomes[0]) if observed != "0/0" else GeneState()
    return VariantStates(observed, "", (without, *map(gene.state, genomes[1:])))


def changed_places(gene: PersonalGene, states: Sequence[GeneState], token_length: int) -> Places:
    """The first element, and the row of the window, that a variant changes."""
    if not states:
        return Places()
    changed = [index for index in states[-1].elements if not _same_element(gene, states[0], states[-1], index)]
    first = first_window_token(gene, states)
    return Places(changed[0] if changed else -1, -1 if first is None else first // token_length)


def _same_element(gene: PersonalGene, ref: GeneState, alt: GeneState, index: int) -> bool:
    base = gene.element(index)
    before, after = ref.elements.get(index, base), alt.elements.get(index, base)
    if before is None or after is None:
        return before is after
    return np.array_equal(before, after)


def _window_of(gene: PersonalGene, state: GeneState) -> np.ndarray | None:
    if not state.has_window:
        return None
    return gene.base.window if state.window is None else state.window


def first_window_token(gene: PersonalGene, states: Sequence[GeneState]) -> int | None:
    """The first token of the window in which any alternative differs from the state without the variant."""
    before = _window_of(gene, states[0])
    found = [first_difference(before, _window_of(gene, each)) for each in states[1:]]
    return min((each for each in found if each is not None), default=None)


def token_flags(
    gene: PersonalGene, ref: GeneState, alt: GeneState, where: Overlap, processor: VariantFormerProcessor
) -> list[str]:
    flags = []
    before, after = _window_of(gene, ref), _window_of(gene, alt)
    first = first_difference(before, after)
    seen = processor.token_length * processor.max_gene_windows
    if first is not None and first >= seen:
        flags.append("beyond_seen_tokens")
    elif first is not None and before is not None and after is not None and len(before) != len(after):
        flags.append("token_shift")
    for index in where.cres.tolist():
        base = gene.element(index)
        for tokens in (ref.elements.get(index, base), alt.elements.get(index, base)):
            if tokens is not None and len(tokens) > processor.token_length and "truncated_element" not in flags:
                flags.append("truncated_element")
    if where.crosses_edge:
        flags.append("crosses_edge")
    return flags


def with_flag(flags: str, flag: str) -> str:
    return f"{flags};{flag}" if flags else flag

"""The states of a gene that one variant makes, and what was found of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..genome.edited import EditedGenome, observed_genotype
from ..genome.genotype_edits import GenotypeEdit
from ..genome.variant import Variant, VariantNormalizer
from ..zoo.gene_input import GeneOutput
from ..zoo.gene_states import GeneStates
from .variant_genes import Overlap

FLAGS = ("beyond_seen_tokens", "truncated_element", "token_shift", "het_equals_hom", "crosses_edge", "below_noise")


@dataclass(frozen=True)
class VariantStates:
    """States of one variant: absent, then as each zygosity says; or why there are none."""

    observed: str
    conflict: str
    states: tuple[Any, ...]


@dataclass(frozen=True)
class ScoredVariant:
    """One variant in one gene and background, in T tissues and Z zygosities.

    Attributes:
        status: ``ok``, ``no_overlap``; or without numbers ``conflict``, ``gene_deleted``, ``no_cres``, ``not_in_vcf``,
            ``all_skipped`` or ``not_finite`` (see ``RecordUse`` and docs/outputs.md).
        conflict: the record it collides with.
        flags: (Z,) names, joined by ``;``.
        ref, alt: (T,) and (Z, T) float32 in the model's unit.
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
    outputs: tuple[GeneOutput, ...] = ()
    reason: str = ""


def states_of(
    gene: GeneStates, variant: Variant, zygosity: Sequence[str], normalizer: VariantNormalizer
) -> VariantStates:
    """States of a variant in a person's gene: on no haplotype, then as asked."""
    observed = observed_genotype(gene.person, variant, normalizer)
    if variant.chrom != gene.regions.window.chrom:
        return VariantStates(observed, "", (gene.base,) * (len(zygosity) + 1))
    genomes = [
        EditedGenome(gene.person, [GenotypeEdit(variant, name)], on_conflict="keep") for name in ("absent", *zygosity)
    ]
    conflict = next(filter(None, map(gene.conflict, genomes)), None)
    if conflict is not None:
        return VariantStates(observed, conflict, ())
    without = gene.of(genomes[0]) if observed != "0/0" else gene.base
    return VariantStates(observed, "", (without, *map(gene.of, genomes[1:])))


def with_flag(flags: str, flag: str) -> str:
    return f"{flags};{flag}" if flags else flag

"""Motifs in the haplotypes of a cohort."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..genome.interval import reverse_complement
from .cohort_variants import CohortVariant, variants_within
from .motifs import MotifWorld, Region


def motif_counts(
    world: MotifWorld, by_contig: Mapping[str, Sequence[CohortVariant]], motifs: list[str], donors: int
) -> np.ndarray:
    """(genes, donors, motifs) motifs that a gene's regions have, mean of the two haplotypes."""
    counts = np.zeros((len(world.genes), donors, len(motifs)))
    for region in world.regions:
        if region.gene is not None:
            strand = world.genes[region.gene][3]
            per_motif = region_counts(region, world, by_contig, motifs, donors, strand)
            counts[region.gene] += per_motif
    return counts


def region_counts(
    region: Region,
    world: MotifWorld,
    by_contig: Mapping[str, Sequence[CohortVariant]],
    motifs: list[str],
    donors: int,
    strand: str,
) -> np.ndarray:
    """(donors, motifs) motifs in one region, mean of the two haplotypes; each distinct haplotype is read once."""
    inside = variants_within(by_contig.get(region.contig, ()), region.start, region.end)
    text = world.contigs[region.contig]
    carried = np.stack([v.carriers for v in inside], axis=-1) if inside else np.zeros((donors, 2, 0), dtype=bool)
    known: dict[bytes, np.ndarray] = {}
    result = np.zeros((donors, len(motifs)))
    for donor in range(donors):
        for haplotype in range(2):
            key = carried[donor, haplotype].tobytes()
            if key not in known:
                sequence = _haplotype(
                    text, region, [v for v, has in zip(inside, carried[donor, haplotype], strict=True) if has]
                )
                if strand == "-":
                    sequence = reverse_complement(sequence)
                known[key] = np.array([sequence.count(motif) for motif in motifs], dtype=float)
            result[donor] += known[key] / 2
    return result


def _haplotype(text: str, region: Region, variants: Sequence[CohortVariant]) -> str:
    pieces, cursor = [], region.start
    for variant in variants:
        if variant.position < cursor:
            continue
        pieces += [text[cursor : variant.position], variant.alt]
        cursor = variant.position + len(variant.ref)
    return "".join([*pieces, text[cursor : region.end]])

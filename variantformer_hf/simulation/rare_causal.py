"""Rare variants that break genes' motifs: what no dosage of a small cohort can teach, and a sequence model may know."""

from typing import Any

import numpy as np

from .cohort_variants import CohortVariant
from .motifs import MOTIF_LENGTH, MotifWorld

# Haplotypes that have one, of all.
_FREQUENCY = 0.005
# Bases between one and any other variant.
_APART = 8


def with_rare_causal(
    rng: np.random.Generator,
    world: MotifWorld,
    variants: list[CohortVariant],
    causal: list[dict[str, Any]],
    share: float,
) -> tuple[list[CohortVariant], list[dict[str, Any]]]:
    """The same variants, and younger ones that break motifs of genes which nothing else breaks.

    Args:
        rng: of these alone.
        world: genome, genes and their motifs.
        variants, causal: see ``simulate_variants``.
        share: of the whole motifs of genes, that are broken. Each is broken on one haplotype in 200, of random people:
            a binomial number of them, but one at the least.

    Returns:
        Variants, sorted, and causal ones.
    """
    donors = len(variants[0].carriers)
    found, named = list(variants), list(causal)
    taken = {contig: np.zeros(len(text), dtype=bool) for contig, text in world.contigs.items()}
    for each in variants:
        taken[each.contig][max(0, each.position - _APART) : each.position + len(each.ref) + _APART] = True
    for region in world.regions:
        if region.gene is None:
            continue
        for motif, at in region.motifs:
            if taken[region.contig][at : at + MOTIF_LENGTH].any() or rng.random() >= share:
                continue
            place = at + int(rng.integers(2, MOTIF_LENGTH - 2))
            ref = world.contigs[region.contig][place]
            alt = str(rng.choice([base for base in "ACGT" if base != ref]))
            carriers = np.zeros((donors, 2), dtype=bool)
            count = max(1, int(rng.binomial(2 * donors, _FREQUENCY)))
            carriers.flat[rng.choice(2 * donors, count, replace=False)] = True
            found.append(CohortVariant(region.contig, place, ref, alt, carriers))
            named.append(
                {
                    "contig": region.contig,
                    "position": place + 1,
                    "gene": region.gene,
                    "motif": motif,
                    "change": -1.0,
                    "in_element": region.is_cre,
                    "ref": ref,
                    "alt": alt,
                    "frequency": float(carriers.mean()),
                }
            )
            taken[region.contig][at - _APART : at + MOTIF_LENGTH + _APART] = True
    order = {contig: number for number, contig in enumerate(world.contigs)}
    found.sort(key=lambda each: (order[each.contig], each.position))
    return found, named

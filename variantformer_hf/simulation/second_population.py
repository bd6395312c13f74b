"""A second population: its founders descend from a few of the first one's, and have mutations of their own.

So frequencies are others (between two hotspots each founder has one of 12 ancestors: F_ST is about 1/12), linkage is
another one, and some variants are private, those that break genes' motifs among them.
"""

from typing import Any

import numpy as np

from .cohort_variants import HOTSPOT_STEP, RECENT, VARIANT_STEP, CohortVariant, recent_carriers
from .genealogy import FOUNDERS, Genealogy, Mosaic
from .motifs import MOTIF_LENGTH, MotifWorld

_ANCESTORS = 12
# Private mutations for each that any population has, and of how many motifs of genes that nothing breaks one does.
_PRIVATE, _PRIVATE_CAUSAL = 0.5, 0.3
# Bases between a private variant and any other.
_APART = 8


def with_second_population(
    rng: np.random.Generator,
    world: MotifWorld,
    variants: list[CohortVariant],
    causal: list[dict[str, Any]],
    donors: int,
) -> tuple[list[CohortVariant], list[dict[str, Any]]]:
    """The same variants, carriers of the second population behind those of the first, and private ones.

    Args:
        rng: of the second population alone.
        world: genome, genes and their motifs.
        variants, causal: of the first population, see ``simulate_variants``.
        donors: of the second population.

    Returns:
        Variants, sorted, and causal ones, with ``frequency_of_second``.
    """
    n_first = len(variants[0].carriers)
    found: list[CohortVariant] = []
    named = {(each["contig"], each["position"] - 1): dict(each) for each in causal}
    for contig, text in world.contigs.items():
        mosaic = Mosaic(rng, len(text), donors)
        blocks = range(1 + len(text) // HOTSPOT_STEP)
        ancestors = [rng.choice(rng.permutation(FOUNDERS)[:_ANCESTORS], FOUNDERS) for _ in blocks]
        genealogies = [Genealogy(rng, FOUNDERS) for _ in blocks]
        mine = [each for each in variants if each.contig == contig]
        for each in mine:
            carriers = np.zeros((donors, 2), dtype=bool)
            if each.founders is not None:
                founders = each.founders[ancestors[each.position // HOTSPOT_STEP]]
                carriers = mosaic.carriers(each.position, founders)
            found.append(_behind(each, carriers))
        for place, motif in _private_places(rng, world, contig, mine):
            is_recent = motif is None and rng.random() < RECENT
            founders = genealogies[place // HOTSPOT_STEP].mutation(rng, motif is not None)
            carriers = recent_carriers(rng, donors) if is_recent else mosaic.carriers(place, founders)
            alt = str(rng.choice([base for base in "ACGT" if base != text[place]]))
            if not carriers.any() or carriers.all():
                continue
            of_first = CohortVariant(contig, place, text[place], alt, np.zeros((n_first, 2), dtype=bool))
            found.append(_behind(of_first, carriers))
            if motif is not None:
                named[contig, place] = {**motif, "ref": text[place], "alt": alt, "frequency": 0.0}
    order = {contig: place for place, contig in enumerate(world.contigs)}
    found.sort(key=lambda each: (order[each.contig], each.position))
    for each in found:
        if (each.contig, each.position) in named:
            of_second = each.carriers[n_first:]
            named[each.contig, each.position]["frequency_of_second"] = float(of_second.mean())
    return found, list(named.values())


def _behind(variant: CohortVariant, carriers: np.ndarray) -> CohortVariant:
    everyone = np.concatenate([variant.carriers, carriers])
    return CohortVariant(variant.contig, variant.position, variant.ref, variant.alt, everyone)


def _private_places(
    rng: np.random.Generator, world: MotifWorld, contig: str, variants: list[CohortVariant]
) -> list[tuple[int, dict[str, Any] | None]]:
    """Places away from all other variants and from motifs; or in a gene's motif, with what is said of it."""
    length = len(world.contigs[contig])
    taken = np.zeros(length, dtype=bool)
    taken[:20] = taken[-40:] = True
    for each in variants:
        taken[max(0, each.position - _APART) : each.position + len(each.ref) + _APART] = True
    places: list[tuple[int, dict[str, Any] | None]] = []
    for region in world.regions:
        if region.contig != contig:
            continue
        for motif, at in region.motifs:
            is_whole = not taken[at : at + MOTIF_LENGTH].any()
            if is_whole and region.gene is not None and rng.random() < _PRIVATE_CAUSAL:
                place = at + int(rng.integers(2, MOTIF_LENGTH - 2))
                entry = {"contig": contig, "position": place + 1, "gene": region.gene, "motif": motif, "change": -1.0}
                places.append((place, {**entry, "in_element": region.is_cre}))
            taken[at - _APART : at + MOTIF_LENGTH + _APART] = True
    for place in rng.integers(0, length, int(_PRIVATE * length // VARIANT_STEP)).tolist():
        if not taken[place]:
            places.append((place, None))
            taken[max(0, place - _APART) : place + _APART] = True
    return places

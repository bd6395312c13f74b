"""Variants of a made cohort: linked as a population's are, most of them rare, some in motifs."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import numpy as np

from .genealogy import FOUNDERS, Genealogy, Mosaic
from .motifs import MOTIF_LENGTH, MotifWorld, letters_of

# Founders have one genealogy from one hotspot of recombination to the next: variants there are linked.
HOTSPOT_STEP = 4_000
# Mutations younger than the founders' copies: one to three haplotypes have them.
RECENT = 0.4
VARIANT_STEP = 150
LONGEST_REF = 5


@dataclass(frozen=True, slots=True)
class CohortVariant:
    """A variant, and who has it.

    Attributes:
        contig, position, ref, alt: 0-based position.
        carriers: (donors, 2) bool, of each haplotype.
        founders: (founders,) bool, from whom the carriers have it; None = it is younger than they.
    """

    contig: str
    position: int
    ref: str
    alt: str
    carriers: np.ndarray
    founders: np.ndarray | None = None


def variants_within(variants: Sequence[CohortVariant], start: int, end: int) -> list[CohortVariant]:
    """Those of one contig, sorted, whose REF reaches into start to end, 0-based half-open."""
    first, last = (bisect_left(variants, place, key=attrgetter("position")) for place in (start - LONGEST_REF, end))
    return [each for each in variants[first:last] if each.position + len(each.ref) > start]


def simulate_variants(
    rng: np.random.Generator, world: MotifWorld, motifs: list[str], donors: int
) -> tuple[list[CohortVariant], list[dict[str, Any]]]:
    """Variants of all donors, sorted; those that break a motif of a gene, named."""
    variants: list[CohortVariant] = []
    causal: list[dict[str, Any]] = []
    of_contig: dict[str, set[int]] = {}
    for region in world.regions:
        for motif, at in region.motifs:
            # Genes' motifs are broken by common variants, some; others' seldom, for the encoder to see.
            if rng.random() < (0.6 if region.gene is not None else 0.3):
                place = at + int(rng.integers(2, MOTIF_LENGTH - 2))
                of_contig.setdefault(region.contig, set()).add(place)
                if region.gene is not None:
                    causal.append(
                        {
                            "contig": region.contig,
                            "position": place + 1,
                            "gene": region.gene,
                            "motif": motif,
                            "change": -1.0,
                            "in_element": region.is_cre,
                        }
                    )
    named = {(each["contig"], each["position"] - 1): each for each in causal}
    for contig, text in world.contigs.items():
        mosaic = Mosaic(rng, len(text), donors)
        genealogies = [Genealogy(rng, FOUNDERS) for _ in range(1 + len(text) // HOTSPOT_STEP)]
        places = set(of_contig.get(contig, set()))
        near = {place + shift for place in places for shift in range(-12, 13)}
        protected = {
            at + shift
            for region in world.regions
            if region.contig == contig
            for _, at in region.motifs
            for shift in range(-2, MOTIF_LENGTH + 2)
        }
        count = len(text) // VARIANT_STEP
        for place in rng.integers(20, len(text) - 40, count).tolist():
            if place not in near and place not in protected:
                places.add(place)
        last = -10
        for place in sorted(places):
            key = (contig, place)
            if place - last < 8 and key not in named:
                continue
            common = place in of_contig.get(contig, set())
            founders = None
            if not common and rng.random() < RECENT:
                carriers = recent_carriers(rng, donors)
            else:
                founders = genealogies[place // HOTSPOT_STEP].mutation(rng, common)
                carriers = mosaic.carriers(place, founders)
            if not carriers.any() or carriers.all():
                continue
            ref = text[place]
            alt = str(rng.choice([base for base in "ACGT" if base != ref]))
            if not common and rng.random() < 0.12:
                if rng.random() < 0.5:
                    alt = ref + letters_of(rng.integers(0, 4, int(rng.integers(1, 5))))
                else:
                    ref = text[place : place + int(rng.integers(2, LONGEST_REF + 1))]
                    alt = ref[0]
            variants.append(CohortVariant(contig, place, ref, alt, carriers, founders))
            last = place + len(ref) - 1
            if key in named:
                named[key] |= {"ref": ref, "alt": alt, "frequency": float(carriers.mean())}
    kept = [each for each in causal if "ref" in each]
    return variants, kept


def recent_carriers(rng: np.random.Generator, donors: int) -> np.ndarray:
    """(donors, 2) who has a recent mutation: one to three haplotypes."""
    carriers = np.zeros((donors, 2), dtype=bool)
    carriers.flat[rng.integers(0, 2 * donors, int(rng.integers(1, 4)))] = True
    return carriers

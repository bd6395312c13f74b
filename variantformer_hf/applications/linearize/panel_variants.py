"""The variants of a panel that can change what a model reads of a gene."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from ...analysis.variant_genes import overlap
from ...genome.panel_haplotypes import PanelHaplotypes
from ...genome.variant import Variant, VariantError, VariantNormalizer
from ...zoo.gene_regions import GeneRegions

NOT_CARRIED, RARE, OUTSIDE, TWICE = "not_carried", "rare", "outside", "twice"


@dataclass(frozen=True, slots=True, eq=False)
class PanelVariants:
    """Variants of a gene by position, REF and ALT, each in its one spelling.

    Attributes:
        variants: V variants.
        record, allele: (V,) int64, which record of the panel each is of, and which of its ALTs, from 1.
        frequency: (V,) of ALT among known alleles of people.
        left_out: why ALTs of the panel's records are not among them -> how many.
    """

    variants: tuple[Variant, ...]
    record: np.ndarray
    allele: np.ndarray
    frequency: np.ndarray
    left_out: dict[str, int]

    def dosage(self, alleles: np.ndarray) -> np.ndarray:
        """(n, V) int8, copies of each that people with (n, 2, R) alleles carry."""
        return np.asarray((alleles[:, :, self.record] == self.allele).sum(axis=1), dtype=np.int8)

    def chosen(self, which: np.ndarray, reasons: Counter[str]) -> "PanelVariants":
        """Some of them, (V,) bool; why the others are not is counted."""
        rows = np.flatnonzero(which)
        return PanelVariants(
            tuple(self.variants[row] for row in rows.tolist()),
            self.record[rows],
            self.allele[rows],
            self.frequency[rows],
            dict(sorted((Counter(self.left_out) + reasons).items())),
        )


def panel_variants(
    panel: PanelHaplotypes, regions: GeneRegions, normalizer: VariantNormalizer, min_maf: float
) -> PanelVariants:
    """Variants in a gene's window or cCREs whose rarer allele is frequent enough, and that somebody carries.

    Args:
        panel: of the gene's reach. Frequencies are of its people whose calls are all diploid, phased or not.
        regions: of the gene.
        normalizer: of the FASTA.
        min_maf: least frequency of the rarer allele; 0 = all that are carried.
    """
    left_out: Counter[str] = Counter()
    calls = panel.calls[panel.not_diploid == 0]
    n_known = (calls >= 0).sum(axis=(0, 1))
    found: dict[Variant, tuple[int, int, float]] = {}
    for number in range(1, max((len(each) for each in panel.alleles), default=1)):
        copies = (calls == number).sum(axis=(0, 1))
        for row, alleles in enumerate(panel.alleles):
            if number >= len(alleles):
                continue
            frequency = copies[row] / max(1, n_known[row])
            reason = NOT_CARRIED if not copies[row] else RARE if min(frequency, 1 - frequency) < min_maf else ""
            variant = None
            if not reason:
                variant, reason = _placed(
                    Variant(panel.chrom, int(panel.position[row]) + 1, alleles[0], alleles[number]), regions, normalizer
                )
            if variant is None:
                left_out[reason] += 1
            elif variant in found:
                left_out[TWICE] += 1
            else:
                found[variant] = row, number, frequency
    order = sorted(found, key=lambda each: (each.start, each.ref, each.alt))
    rows = np.array([found[each] for each in order], dtype=float).reshape(-1, 3)
    return PanelVariants(
        tuple(order),
        rows[:, 0].astype(np.int64),
        rows[:, 1].astype(np.int64),
        rows[:, 2],
        dict(sorted(left_out.items())),
    )


def _placed(variant: Variant, regions: GeneRegions, normalizer: VariantNormalizer) -> tuple[Variant | None, str]:
    """A variant's one spelling, or why it is none of the gene's."""
    try:
        normal = normalizer(variant)
    except VariantError as error:
        return None, error.kind
    return (None, OUTSIDE) if overlap(normal, regions).label == "none" else (normal, "")

"""Which genes a variant can touch, and where: their windows and cCREs."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..genome.genes import Gene, GeneTable
from ..genome.variant import Variant
from ..zoo.gene_regions import GeneRegions, RegionFinder


@dataclass(frozen=True, slots=True)
class Overlap:
    """Where a variant lies in a gene's regions.

    Attributes:
        cres: indices of the cCREs, widened by their flanks, that hold a base of its REF.
        in_window: whether the gene's window does.
        crosses_edge: whether any of these holds only a part of it.
    """

    cres: np.ndarray
    in_window: bool
    crosses_edge: bool

    @property
    def label(self) -> str:
        """``cre``, ``gene``, ``both`` or ``none``."""
        if len(self.cres):
            return "both" if self.in_window else "cre"
        return "gene" if self.in_window else "none"


def overlap(variant: Variant, regions: GeneRegions) -> Overlap:
    """Where a normalised variant, by the FASTA's contig names, lies in a gene's regions."""
    window, start, end = regions.window, variant.start, variant.end
    if variant.chrom != window.chrom:
        return Overlap(np.zeros(0, dtype=np.int64), False, False)
    cres = np.flatnonzero((regions.starts < end) & (regions.ends > start))
    in_window = window.start < end and window.end > start
    outside = (regions.starts[cres] > start) | (regions.ends[cres] < end)
    crosses = bool(outside.any()) or (in_window and (window.start > start or window.end < end))
    return Overlap(cres, in_window, crosses)


def tss_distance(variant: Variant, gene: Gene) -> int:
    """Bases from ``Gene.distances_from`` to the first base that the variant changes, positive downstream."""
    distance = variant.changed[0] - gene.distances_from
    return -distance if gene.strand == "-" else distance


class GeneFinder:
    """Genes whose regions hold a variant.

    Args:
        genes: the model's genes.
        finder: of their regions.
    """

    def __init__(self, genes: GeneTable, finder: RegionFinder) -> None:
        self._genes, self._finder = genes, finder
        self._gene_contigs: dict[str, list[str]] = {}
        for of_genes, of_fasta in finder.contig_of.items():
            self._gene_contigs.setdefault(of_fasta, []).append(of_genes)
        self._regions: dict[str, GeneRegions] = {}

    def regions(self, gene: Gene) -> GeneRegions:
        """Regions of a gene; those that were asked for are kept."""
        if gene.gene_id not in self._regions:
            self._regions[gene.gene_id] = self._finder.find(gene)
        return self._regions[gene.gene_id]

    def overlapping(self, variant: Variant, among: Iterable[Gene] | None = None) -> list[Gene]:
        """Genes in whose window, or in one of whose widened cCREs, a normalised variant lies.

        Args:
            variant: the variant.
            among: the genes to choose from; None = all of the table.
        """
        if among is None:
            far = self._finder.furthest
            among = [
                gene
                for contig in self._gene_contigs.get(variant.chrom, [])
                for gene in self._genes.overlapping(contig, max(0, variant.start - far), variant.end + far)
            ]
        return [gene for gene in among if overlap(variant, self.regions(gene)).label != "none"]

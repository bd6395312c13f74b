"""Where EPInformer looks for a gene: around its TSS, and around the middle of each of its elements."""

import logging

import numpy as np

from ...genome.genes import Gene, GeneTable
from ...genome.interval import Interval
from ...genome.reference import ReferenceGenome
from ..gene_regions import GeneRegions, RegionFinder
from .element_table import ElementTable

logger = logging.getLogger(__name__)


class ElementRegionFinder(RegionFinder):
    """Finds the promoter and the elements of genes in one FASTA, each as many bases.

    Of a gene's regions ``window`` is the promoter, as far as its contig has it, and the elements stand for cCREs:
    ``cre_rows`` are their rows in the element table. An element that its contig has not all bases of is not read, and
    counted in a warning.

    Args:
        genes: the genes that will be asked for.
        reference: the FASTA.
        elements: of the genes.
        length: bases of a promoter and of an element.

    Raises:
        ContigError: see :class:`RegionFinder`.
    """

    def __init__(self, genes: GeneTable, reference: ReferenceGenome, elements: ElementTable, length: int) -> None:
        def promoter(gene: Gene, contig_length: int) -> tuple[int, int]:
            start = gene.tss - length // 2
            return max(0, start), min(contig_length, start + length)

        super().__init__(genes, reference, promoter)
        self._elements, self._length = elements, length
        off = sum(len(self._all_rows(gene)) - len(self._rows(gene)) for gene in genes if gene.chrom in self.contig_of)
        if off:
            logger.warning(
                "%s: %d elements are not read: %d bases around their middle leave the contig",
                reference.path,
                off,
                length,
            )
        reaches = [self._reach(gene) for gene in genes if gene.chrom in self.contig_of]
        of_genes = [gene for gene in genes if gene.chrom in self.contig_of]
        self._furthest = max(
            (max(gene.start - low, high - gene.end) for gene, (low, high) in zip(of_genes, reaches, strict=True)),
            default=0,
        )

    @property
    def furthest(self) -> int:
        """See :class:`RegionFinder`."""
        return max(0, self._furthest)

    def reach(self, gene: Gene) -> Interval:
        """See :class:`RegionFinder`."""
        return Interval(self._contig(gene)[0], *self._reach(gene))

    def find(self, gene: Gene) -> GeneRegions:
        """The promoter and the elements of a gene, see :class:`RegionFinder`."""
        contig, length = self._contig(gene)
        rows = self._rows(gene)
        starts = self._starts(rows)
        none = np.full(len(rows), -1, dtype=np.int64)
        return GeneRegions(
            gene, Interval(contig, *self._window(gene, length)), starts, starts + self._length, none, rows
        )

    def _reach(self, gene: Gene) -> tuple[int, int]:
        low, high = self._window(gene, self._contig(gene)[1])
        starts = self._starts(self._rows(gene))
        if len(starts):
            low, high = min(low, int(starts.min())), max(high, int(starts.max()) + self._length)
        return low, high

    def _all_rows(self, gene: Gene) -> np.ndarray:
        return self._elements.of(gene)

    def _rows(self, gene: Gene) -> np.ndarray:
        """Rows of the elements that the contig has all bases of."""
        rows = self._all_rows(gene)
        starts = self._starts(rows)
        return rows[(starts >= 0) & (starts + self._length <= self._contig(gene)[1])]

    def _starts(self, rows: np.ndarray) -> np.ndarray:
        middle = (self._elements.start[rows] + self._elements.end[rows]) // 2
        return middle - self._length // 2

"""Where VariantFormer looks for a gene: promoter and body, and the cCREs around."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from ...genome.cres import CreTable
from ...genome.genes import Gene, GeneTable
from ...genome.reference import ReferenceGenome
from ..gene_regions import RegionFinder


class Geometry(Protocol):
    """Lengths in bases that a model was trained with; a VariantFormerProcessor has them."""

    cre_flank: int
    cre_radius: int
    gene_upstream: int
    max_gene_length: int


def gene_window(gene: Gene, geometry: Geometry, contig_length: int) -> tuple[int, int]:
    """Start and end of a gene's window, strand-aware: ``gene_upstream`` bases before the TSS, then the gene's body.

    The gene's start and end enter as they stand in the table, as in the released pipeline. A '+' window is cut at
    ``max_gene_length`` in all, a '-' window at ``max_gene_length`` of gene body.
    """
    if gene.strand == "-":
        start, end = max(gene.start, gene.end - geometry.max_gene_length), gene.end + geometry.gene_upstream
    else:
        start = max(0, gene.start - geometry.gene_upstream)
        end = min(gene.end, start + geometry.max_gene_length)
    return start, min(end, contig_length)


def region_finder(genes: GeneTable, cres: CreTable, geometry: Geometry, reference: ReferenceGenome) -> RegionFinder:
    """Finds a gene's window and its cCREs, see there.

    Args:
        genes: the genes that will be asked for.
        cres: the cCRE table.
        geometry: lengths of the model.
        reference: the FASTA.
    """
    window: Callable[[Gene, int], tuple[int, int]] = partial(_window, geometry)
    return RegionFinder(
        genes, reference, window, cres=cres, cre_radius=geometry.cre_radius, cre_flank=geometry.cre_flank
    )


def _window(geometry: Geometry, gene: Gene, contig_length: int) -> tuple[int, int]:
    return gene_window(gene, geometry, contig_length)

"""Which stretches of the genome a gene's prediction looks at, and one person's sequences there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..errors import ContigError
from ..genome.cres import CreTable
from ..genome.genes import Gene
from ..genome.interval import Interval, reverse_complement


class Geometry(Protocol):
    """Lengths in bases that a model was trained with; a VariantFormerProcessor has them."""

    cre_flank: int
    cre_radius: int
    gene_upstream: int
    max_gene_length: int


@dataclass(frozen=True, slots=True)
class GeneRegions:
    """The regions of one gene, 0-based half-open on the forward strand, in the order in which the model lists them.

    Attributes:
        gene: the gene.
        window: the gene's window: promoter and up to ``max_gene_length`` bases of the body.
        cres: its cCREs, each widened by the flank; for a '-' gene from right to left.
        cre_class_ids: (len(cres),) class id of each.
    """

    gene: Gene
    window: Interval
    cres: tuple[Interval, ...]
    cre_class_ids: np.ndarray

    @property
    def intervals(self) -> list[Interval]:
        """All regions: the cCREs, then the window."""
        return [*self.cres, self.window]

    @property
    def span(self) -> Interval:
        """The stretch from the leftmost to the rightmost base of any region."""
        return Interval(
            self.window.chrom,
            min(interval.start for interval in self.intervals),
            max(interval.end for interval in self.intervals),
        )


@dataclass(frozen=True, slots=True)
class GeneSequences:
    """One person's sequences of one gene, in the gene's orientation; an element that the person lacks is ""."""

    cre_sequences: list[str]
    cre_class_ids: np.ndarray
    gene_sequence: str


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


def gene_regions(
    gene: Gene, cres: CreTable, geometry: Geometry, *, fasta_contig: str, cre_contig: str | None, contig_length: int
) -> GeneRegions:
    """Regions of a gene: every cCRE that overlaps the gene widened by ``cre_radius``, and the gene's window.

    Args:
        gene: the gene.
        cres: the cCRE table.
        geometry: lengths of the model.
        fasta_contig: the gene's contig by its name in the FASTA, which the regions carry.
        cre_contig: the same contig by its name in the cCRE table; None where the table does not have it.
        contig_length: bases in the contig; regions end there.

    Raises:
        ContigError: the gene or one of the cCREs lies beyond the contig's end.
    """
    if gene.start >= contig_length:
        raise ContigError(
            f"has only {contig_length} bases, and {gene.gene_id} starts at {gene.start}",
            record=fasta_contig,
            remedy="The FASTA and the model's genes are of different assemblies: use the FASTA the model was made for.",
        )
    window = Interval(fasta_contig, *gene_window(gene, geometry, contig_length))
    if cre_contig is None:
        return GeneRegions(gene, window, (), np.empty(0, dtype=np.int8))
    found = cres.overlapping(cre_contig, max(0, gene.start - geometry.cre_radius), gene.end + geometry.cre_radius)
    if len(found.end) and int(found.end.max()) > contig_length:
        raise ContigError(
            f"has only {contig_length} bases, and a cCRE ends at {int(found.end.max())}",
            record=fasta_contig,
            remedy="The FASTA and the model's cCREs are of different assemblies: use the FASTA the model was made for.",
        )
    starts = np.maximum(found.start - geometry.cre_flank, 0).tolist()
    ends = np.minimum(found.end + geometry.cre_flank, contig_length).tolist()
    intervals = tuple(Interval(fasta_contig, start, end) for start, end in zip(starts, ends, strict=True))
    if gene.strand == "-":
        return GeneRegions(gene, window, intervals[::-1], found.class_id[::-1])
    return GeneRegions(gene, window, intervals, found.class_id)


def gene_sequences(
    regions: GeneRegions, personal_sequences: Callable[[Sequence[Interval]], list[str]]
) -> GeneSequences:
    """One person's sequences of a gene's regions, reverse-complemented for a '-' gene.

    Args:
        regions: the regions.
        personal_sequences: intervals -> the person's forward-strand sequences, e.g. ``PersonalGenome.sequences``.
    """
    sequences = personal_sequences(regions.intervals)
    if regions.gene.strand == "-":
        sequences = [reverse_complement(sequence) for sequence in sequences]
    return GeneSequences(sequences[:-1], regions.cre_class_ids, sequences[-1])

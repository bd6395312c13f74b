"""Which stretches of the genome a gene's prediction looks at, and one person's sequences there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..errors import ContigError
from ..genome.contigs import map_contigs
from ..genome.cres import CreSlice, CreTable
from ..genome.genes import Gene, GeneTable
from ..genome.interval import Interval, reverse_complement
from ..genome.reference import ReferenceGenome

_BEYOND_ANY_CONTIG = 2**40


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
        starts, ends: (N,) int64, its cCREs, each widened by the flank; for a '-' gene from right to left.
        cre_class_ids: (N,) class id of each.
        cre_rows: (N,) int64, row of each in the cCRE table.
    """

    gene: Gene
    window: Interval
    starts: np.ndarray
    ends: np.ndarray
    cre_class_ids: np.ndarray
    cre_rows: np.ndarray

    @property
    def cres(self) -> list[Interval]:
        """The cCREs as intervals."""
        chrom = self.window.chrom
        return [
            Interval(chrom, start, end) for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        ]

    @property
    def intervals(self) -> list[Interval]:
        """All regions: the cCREs, then the window."""
        return [*self.cres, self.window]


def covered(regions: Sequence[GeneRegions]) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of all regions of some genes, (R,) int64 each."""
    starts = [np.append(each.starts, each.window.start) for each in regions]
    ends = [np.append(each.ends, each.window.end) for each in regions]
    return np.concatenate([np.zeros(0, np.int64), *starts]), np.concatenate([np.zeros(0, np.int64), *ends])


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


class RegionFinder:
    """Finds the regions of genes in one FASTA, whatever its style of contig names.

    Args:
        genes: the genes that will be asked for.
        cres: the cCRE table.
        geometry: lengths of the model.
        reference: the FASTA.

    Attributes:
        contig_of: contig of the gene table -> contig of the FASTA, for those the FASTA has.

    Raises:
        ContigError: a gene, its TSS or a cCRE lies beyond the end of its contig.
    """

    def __init__(self, genes: GeneTable, cres: CreTable, geometry: Geometry, reference: ReferenceGenome) -> None:
        self._cres = cres
        self._geometry = geometry
        self._reference = reference
        chroms = {gene.chrom for gene in genes}
        self.contig_of = map_contigs(
            chroms, reference.contigs, wanted_file="the model's gene table", available_file=reference.path
        )
        self._cre_contig_of = map_contigs(
            chroms, cres.contigs, wanted_file="the model's gene table", available_file="the model's cCRE table"
        )
        self._check_lengths(genes)

    def reach(self, gene: Gene) -> Interval:
        """The stretch in which a gene's elements, all of each, and its window lie."""
        contig, length = self._contig(gene)
        radius, flank = self._geometry.cre_radius, self._geometry.cre_flank
        start, end = gene_window(gene, self._geometry, length)
        start, end = min(start, gene.start - radius), max(end, gene.end + radius)
        found = self._overlapping(gene)
        if len(found):
            start, end = min(start, int(found.start.min()) - flank), max(end, int(found.end.max()) + flank)
        return Interval(contig, max(0, start), min(end, length))

    def find(self, gene: Gene) -> GeneRegions:
        """Regions of a gene: its window, and every cCRE that overlaps the gene widened by ``cre_radius``.

        Raises:
            ContigError: the FASTA lacks the gene's contig.
        """
        contig, length = self._contig(gene)
        flank = self._geometry.cre_flank
        found = self._overlapping(gene)
        step = -1 if gene.strand == "-" else 1
        return GeneRegions(
            gene=gene,
            window=Interval(contig, *gene_window(gene, self._geometry, length)),
            starts=np.maximum(found.start - flank, 0)[::step],
            ends=np.minimum(found.end + flank, length)[::step],
            cre_class_ids=found.class_id[::step],
            cre_rows=found.rows[::step],
        )

    def _overlapping(self, gene: Gene) -> CreSlice:
        radius = self._geometry.cre_radius
        cre_contig = self._cre_contig_of.get(gene.chrom, gene.chrom)
        return self._cres.overlapping(cre_contig, max(0, gene.start - radius), gene.end + radius)

    def _contig(self, gene: Gene) -> tuple[str, int]:
        if gene.chrom not in self.contig_of:
            raise ContigError(
                f"has no contig {gene.chrom}",
                file=self._reference.path,
                record=gene.gene_id,
                remedy="Leave out the gene, or use a FASTA with all autosomes.",
            )
        contig = self.contig_of[gene.chrom]
        return contig, self._reference.contigs[contig]

    def _check_lengths(self, genes: GeneTable) -> None:
        """Refuse tables that reach beyond the FASTA's contigs, before anything is computed on them."""
        for gene in genes:
            if gene.chrom in self.contig_of:
                contig, length = self._contig(gene)
                if gene.end > length:
                    raise self._other_assembly(contig, length, f"{gene.gene_id} ends at {gene.end}")
                tss = gene.given_tss
                if tss is not None and not 0 <= tss < length:
                    raise self._other_assembly(contig, length, f"{gene.gene_id} has its TSS at {tss} (from 0)")
        for chrom, cre_contig in self._cre_contig_of.items():
            if chrom in self.contig_of:
                contig = self.contig_of[chrom]
                length = self._reference.contigs[contig]
                beyond = self._cres.overlapping(cre_contig, length, _BEYOND_ANY_CONTIG)
                if len(beyond.end):
                    raise self._other_assembly(contig, length, f"a cCRE ends at {int(beyond.end.max())}")

    def _other_assembly(self, contig: str, length: int, what: str) -> ContigError:
        return ContigError(
            f"{contig} has {length} bases, and {what} in the model's table",
            file=self._reference.path,
            remedy="They are of different assemblies: use the FASTA that the model was made for.",
        )


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

"""Which stretches of the genome a gene's prediction looks at, and one person's sequences there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import ContigError
from ..genome.contigs import map_contigs
from ..genome.cres import CreSlice, CreTable
from ..genome.genes import Gene, GeneTable
from ..genome.interval import Interval, reverse_complement
from ..genome.reference import ReferenceGenome

_BEYOND_ANY_CONTIG = 2**40
# cCREs of the registry are at most 350 bases long; other tables may have longer ones.
_LONGEST_CRE = 100_000


@dataclass(frozen=True, slots=True)
class GeneRegions:
    """The regions of one gene, 0-based half-open on the forward strand, in the order in which the model lists them.

    Attributes:
        gene: the gene.
        window: the gene's window, e.g. its promoter and body, or a stretch around its TSS.
        starts, ends: (N,) int64, its cCREs, each widened by the flank; for a '-' gene from right to left. N = 0 for a
            model without.
        cre_class_ids: (N,) class id of each; -1 = it has none.
        cre_rows: (N,) int64, row of each in the cCRE table, or in that of the model's elements.
        cre_starts, cre_ends: (N,) int64, of the cCREs themselves; None = they are widened by nothing.
    """

    gene: Gene
    window: Interval
    starts: np.ndarray
    ends: np.ndarray
    cre_class_ids: np.ndarray
    cre_rows: np.ndarray
    cre_starts: np.ndarray | None = None
    cre_ends: np.ndarray | None = None

    @property
    def cres(self) -> list[Interval]:
        """The cCREs as intervals."""
        chrom = self.window.chrom
        return [
            Interval(chrom, start, end) for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        ]

    def cres_without_flanks(self) -> tuple[np.ndarray, np.ndarray]:
        """Starts and ends of the cCREs themselves, (N,) int64 each."""
        starts = self.starts if self.cre_starts is None else self.cre_starts
        return starts, self.ends if self.cre_ends is None else self.cre_ends

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
    """One person's sequences of one gene, in the gene's orientation; a cCRE that the person lacks is ""."""

    cre_sequences: list[str]
    cre_class_ids: np.ndarray
    gene_sequence: str


class RegionFinder:
    """Finds the regions of genes in one FASTA, whatever its style of contig names.

    Args:
        genes: the genes that will be asked for.
        reference: the FASTA.
        window: (gene, length of its contig) -> start and end of its window.
        cres: the cCRE table; None = the model reads none.
        cre_radius: a cCRE is a gene's when it overlaps the gene widened by so many bases.
        cre_flank: bases that a cCRE is widened by on both sides.

    Attributes:
        contig_of: contig of the gene table -> contig of the FASTA, for those the FASTA has.

    Raises:
        ContigError: a gene, its TSS or a cCRE lies beyond the end of its contig.
    """

    def __init__(
        self,
        genes: GeneTable,
        reference: ReferenceGenome,
        window: Callable[[Gene, int], tuple[int, int]],
        *,
        cres: CreTable | None = None,
        cre_radius: int = 0,
        cre_flank: int = 0,
    ) -> None:
        self._genes, self._reference, self._window = genes, reference, window
        self._cres, self._radius, self._flank = cres, cre_radius, cre_flank
        chroms = {gene.chrom for gene in genes}
        self.contig_of = map_contigs(
            chroms, reference.contigs, wanted_file="the model's gene table", available_file=reference.path
        )
        self._cre_contig_of: dict[str, str] = {}
        if cres is not None:
            self._cre_contig_of = map_contigs(
                chroms, cres.contigs, wanted_file="the model's gene table", available_file="the model's cCRE table"
            )
        self._check_lengths(genes)

    @cached_property
    def furthest(self) -> int:
        """Bases between a gene and the far end of any of its regions, at the most."""
        furthest = 0
        for gene in self._genes:
            if gene.chrom in self.contig_of:
                start, end = self._window(gene, self._contig(gene)[1])
                furthest = max(furthest, gene.start - start, end - gene.end)
        of_cres = 0 if self._cres is None else self._radius + self._flank + _LONGEST_CRE
        return furthest + of_cres

    def reach(self, gene: Gene) -> Interval:
        """The stretch in which a gene's cCREs, all of each, and its window lie."""
        contig, length = self._contig(gene)
        start, end = self._window(gene, length)
        if self._cres is not None:
            start, end = min(start, gene.start - self._radius), max(end, gene.end + self._radius)
            found = self._overlapping(gene, self._cres)
            if len(found):
                start = min(start, int(found.start.min()) - self._flank)
                end = max(end, int(found.end.max()) + self._flank)
        return Interval(contig, max(0, start), min(end, length))

    def find(self, gene: Gene) -> GeneRegions:
        """Regions of a gene: its window, and every cCRE that overlaps the gene widened by ``cre_radius``.

        Raises:
            ContigError: the FASTA lacks the gene's contig.
        """
        contig, length = self._contig(gene)
        window = Interval(contig, *self._window(gene, length))
        if self._cres is None:
            none = np.zeros(0, dtype=np.int64)
            return GeneRegions(gene, window, none, none, none, none)
        found = self._overlapping(gene, self._cres)
        step = -1 if gene.strand == "-" else 1
        return GeneRegions(
            gene=gene,
            window=window,
            starts=np.maximum(found.start - self._flank, 0)[::step],
            ends=np.minimum(found.end + self._flank, length)[::step],
            cre_class_ids=found.class_id[::step],
            cre_rows=found.rows[::step],
            cre_starts=found.start[::step],
            cre_ends=found.end[::step],
        )

    def _overlapping(self, gene: Gene, cres: CreTable) -> CreSlice:
        cre_contig = self._cre_contig_of.get(gene.chrom, gene.chrom)
        return cres.overlapping(cre_contig, max(0, gene.start - self._radius), gene.end + self._radius)

    def _contig(self, gene: Gene) -> tuple[str, int]:
        if gene.chrom not in self.contig_of:
            raise ContigError(
                f"has no contig {gene.chrom}",
                file=self._reference.path,
                record=gene.gene_id,
                remedy="Leave out the gene, or use a FASTA with all chromosomes.",
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
            if chrom in self.contig_of and self._cres is not None:
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


def finder_around_tss(genes: GeneTable, reference: ReferenceGenome, length: int) -> RegionFinder:
    """Windows of so many bases around the TSS of genes, which is at ``length // 2``, as far as contigs have it."""

    def on_contig(gene: Gene, contig_length: int) -> tuple[int, int]:
        start = gene.tss - length // 2
        return max(0, start), min(contig_length, start + length)

    return RegionFinder(genes, reference, on_contig)

"""What is to be scored: rows, tissues and zygosities."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..genome.genes import Gene
from ..genome.genotype_edits import GENOTYPES
from ..genome.names import MOST_SUGGESTED
from ..genome.variant import Variant
from ..genome.variant_table import RejectedVariant, VariantRow, VariantTable
from ..inference.query import Query
from ..zoo.assembly import chromosomes_text, why_not_made_for
from ..zoo.outputs import Tissue
from ..zoo.units import Unit
from .genome_scorer import GenomeScorer

logger = logging.getLogger(__name__)

ZYGOSITIES = ("het", "hom", "haplotype1", "haplotype2")


@dataclass(frozen=True)
class AskedRow:
    """A row, and the genes and tissues that it names; none = those of the call."""

    row: VariantRow
    genes: tuple[Gene, ...]
    tissues: tuple[Tissue, ...]

    @property
    def variant(self) -> Variant:
        return self.row.variant


@dataclass(frozen=True)
class EffectRequest:
    """What is scored, whatever the gene and the background.

    Attributes:
        rows: the variants.
        query: genes and tissues of the call.
        zygosity: of the alternative.
        embeddings: names of those that are wanted; none = no embeddings.
        phase_shifts: how many.
        unit: of the model.
    """

    rows: Sequence[AskedRow]
    query: Query
    zygosity: tuple[str, ...]
    embeddings: tuple[str, ...]
    phase_shifts: int
    unit: Unit

    @property
    def tissue_ids(self) -> list[int]:
        return [tissue.id for tissue in self.query.tissues]

    @property
    def tissue_names(self) -> list[str]:
        return [tissue.name for tissue in self.query.tissues]

    def tissues_of(self, row: AskedRow) -> np.ndarray:
        """Places among the tissues of those that a row asks for."""
        if not row.tissues:
            return np.arange(len(self.query.tissues))
        return np.array([self.tissue_ids.index(tissue.id) for tissue in row.tissues], dtype=int)


def listed_names(row: VariantRow, name: str) -> list[str]:
    """Names in a row's column, separated by commas or semicolons."""
    text = row.annotations.get(name, "").replace(";", ",")
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def checked_zygosity(zygosity: Sequence[str]) -> tuple[str, ...]:
    names = (zygosity,) if isinstance(zygosity, str) else tuple(dict.fromkeys(zygosity))
    unknown = [name for name in names if name not in ZYGOSITIES]
    if unknown or not names:
        raise InputError(
            f"there is no zygosity {', '.join(unknown) or 'at all'}", remedy=f"Choose of {', '.join(ZYGOSITIES)}."
        )
    assert set(ZYGOSITIES) <= set(GENOTYPES)
    return names


def asked_rows(table: VariantTable, scorer: GenomeScorer) -> tuple[list[AskedRow], list[RejectedVariant]]:
    """Rows that can be scored, and all that are rejected."""
    of_genes = scorer.opened.finder.contig_of
    contigs = {of_genes[chrom] for chrom in of_genes if why_not_made_for(chrom, scorer.model.chromosomes) is None}
    rows: list[AskedRow] = []
    rejected = list(table.rejected)
    for row in table.rows:
        suggest = len(rejected) < MOST_SUGGESTED
        query = scorer.query(listed_names(row, "gene_id"), listed_names(row, "tissue"), suggest=suggest)
        if row.variant.chrom not in contigs:
            chromosomes = scorer.model.chromosomes
            trained = "" if chromosomes is None else f"; it was trained on {chromosomes_text(chromosomes)}"
            reason = f"the model has no gene on {row.variant.chrom}{trained}"
            kind = "no_gene_on_contig"
        elif query.rejected:
            reason, kind = "; ".join(str(each) for each in query.rejected), "gene_or_tissue"
        else:
            rows.append(AskedRow(row, tuple(query.genes), tuple(query.tissues)))
            continue
        rejected.append(RejectedVariant(row.row, str(row.given), reason, kind))
    rejected.sort(key=lambda each: each.row)
    if rejected:
        counts = table.with_rejected(rejected).counts()
        told = ", ".join(f"{name} {count}" for name, count in counts["rejected"].items())
        logger.warning(
            "%d of %d rows are not scored: %d repeated%s",
            len(rejected),
            counts["read"],
            counts["repeated"],
            f", {told}" if told else "",
        )
    return rows, rejected

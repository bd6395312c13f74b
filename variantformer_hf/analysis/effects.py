"""Effects of variants: the same genome with and without them, everything else alike."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, check_number
from ..genome.genes import Gene
from ..genome.options import GenotypeOptions
from ..genome.personal import PersonalGenome
from ..genome.provenance import content_of
from ..genome.reference import ReferenceGenome
from ..genome.variant import Variant, VariantNormalizer
from ..genome.variant_table import RejectedVariant, VariantTable, first_reason, read_variants
from ..inference.parts import Parts, PartsInMemory, open_parts
from ..inference.query import Query, RejectedQueryError
from ..work import InProcess, check_all_done, run_units, unit_of
from ..work.units import Engine
from ..zoo.families import load_gene_model
from ..zoo.gene_model import GeneModel
from ..zoo.statuses import check_used, warn_of_missing_contigs
from .backgrounds import Background
from .effect_job import EffectJob
from .effect_request import AskedRow, EffectRequest, asked_rows, checked_zygosity
from .effect_table import blocks_without_gene, embedding_names, gene_block, joined_table
from .gene_scorer import VARIANTS_AT_ONCE
from .genome_scorer import GenomeScorer
from .variant_genes import GeneFinder

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EffectResult:
    """Scored variants.

    Attributes:
        table: one row per variant as given, gene, background, zygosity and tissue; columns in docs/effects.md.
        rejected: variants that were not scored.
        embeddings: name (of ``EMBEDDINGS``) -> (rows of ``table``, width) float32; empty when not asked for.
        report: counts, for JSON.
        parts: what was kept on disk during the run, or None.
    """

    table: "pd.DataFrame"
    rejected: tuple[RejectedVariant, ...]
    embeddings: Mapping[str, np.ndarray] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    parts: Parts | PartsInMemory | None = None

    def remove_parts(self) -> None:
        """Remove what was kept on disk during the run, once the output is written."""
        if self.parts is not None:
            self.parts.remove()


class VariantScorer:
    """Scores variants with one model.

    Args:
        model: the model; in float32 unless its rounding is wanted.
        variants_at_once: of one gene, that are computed together; more take more memory, and change nothing.
    """

    def __init__(self, model: GeneModel, *, variants_at_once: int = VARIANTS_AT_ONCE) -> None:
        self.model, self.variants_at_once = model, variants_at_once
        self._last: tuple[dict[str, Any], GenomeScorer] | None = None

    @classmethod
    def from_pretrained(cls, model: str | Path, *, precision: str = "float32", **options: Any) -> "VariantScorer":
        """Load a model folder, or a repository of the Hub.

        Args:
            model: folder or Hub id.
            precision: ``float32``, as effects need it; others round most effects away.
            **options: as for ``ExpressionPredictor.from_pretrained``.
        """
        return cls(load_gene_model(model, precision=precision, **options))

    def open(self, reference: ReferenceGenome) -> GenomeScorer:
        """The model for the genomes of one FASTA; the last one is kept, with what it knows of the reference."""
        content = content_of(reference.path)
        if self._last is None or self._last[0] != content:
            opened = GenomeScorer(self.model, reference, variants_at_once=self.variants_at_once)
            self._last = content, opened
        return self._last[1]

    def score(
        self,
        variants: str | Path | VariantTable | Iterable["Variant | str"],
        genome: "PersonalGenome | ReferenceGenome | Sequence[Background]",
        genes: str | Sequence[str] = "overlapping",
        tissues: Sequence[str] | None = None,
        zygosity: Sequence[str] = ("het", "hom"),
        **options: Any,
    ) -> "pd.DataFrame":
        """Score variants: the table of :meth:`run`, whose arguments these are.

        Variants that cannot be scored are logged, and counted in :meth:`run`'s result.
        """
        return self.run(variants, genome, genes=genes, tissues=tissues, zygosity=zygosity, **options).table

    def run(
        self,
        variants: str | Path | VariantTable | Iterable["Variant | str"],
        genome: "PersonalGenome | ReferenceGenome | Sequence[Background]",
        **options: Any,
    ) -> EffectResult:
        """Score variants, see :func:`score_variants`.

        Args:
            variants, options: as there.
            genome: in whose genome; several backgrounds are scored one after the other.
        """
        found = backgrounds_of(genome, self.model.modes[0])
        return score_variants(self.open(found[0].genome.reference), variants, found, **options)


def score_variants(
    scorer: GenomeScorer,
    variants: str | Path | VariantTable | Iterable["Variant | str"],
    backgrounds: Sequence[Background],
    *,
    genes: str | Sequence[str] = "overlapping",
    tissues: Sequence[str] | None = None,
    zygosity: Sequence[str] = ("het", "hom"),
    with_embeddings: bool = False,
    phase_shifts: int = 0,
    allow_unused: bool = False,
    on_gene: Callable[[int, int], None] | None = None,
    parts: str | Path | None = None,
    overwrite_parts: bool = False,
    engine: Engine | None = None,
) -> EffectResult:
    """Score variants in people's genomes.

    Args:
        scorer: the model, opened for the FASTA.
        backgrounds: the genomes, of this FASTA; they are scored one after the other.
        variants: a file, see ``read_variants``, or variants.
        genes: ``overlapping``: those in whose window, or in one of whose cCREs (50 bases wider on both sides) a
            variant lies; or names. A row's own column ``gene_id`` goes before it.
        tissues: released names, GTEx names or ontology ids; None = all of the model. A row's own column ``tissue``
            goes before it.
        zygosity: of the alternative: ``het``, ``hom``, ``haplotype1``, ``haplotype2``.
        with_embeddings: also return embeddings of the gene, the changed cCRE and the changed window.
        phase_shifts: how many times to score again with the first 1, 2, ... bases of every sequence left out, for
            the column ``effect_sd_phase``.
        allow_unused: go on where nothing of a background's file was used in any gene, instead of stopping.
        on_gene: called with (done, total) genes.
        parts: folder for genes that are done while the run goes on; the same run started again goes on with the
            rest. It stays until :meth:`EffectResult.remove_parts`. None = memory only.
        overwrite_parts: remove the parts of another run instead of refusing them.
        engine: where genes are scored, a gene a unit; None = one after the other in this process.

    Raises:
        RejectedQueryError: genes or tissues that the model does not have.
        InputError: no variant can be scored; nothing of a file was used, unless ``allow_unused``; genes could not be
            scored, while the others were, and are kept; see ``PersonalGenome`` for the files.
    """
    zygosity = checked_zygosity(zygosity)
    check_number("the number of phase shifts", phase_shifts, 0)
    model, finder = scorer.model, scorer.opened.finder
    if phase_shifts:
        model.require("phase_shifts", "--phase-shifts")
    if with_embeddings:
        model.require("embeddings", "--embeddings")
    if not isinstance(variants, VariantTable):
        variants = read_variants(variants, VariantNormalizer(scorer.opened.reference))
    rows, rejected = asked_rows(variants, scorer)
    if not rows:
        raise InputError("no variant can be scored", file=variants.path, remedy=first_reason(rejected))
    query = _query(rows, genes, tissues, scorer)
    names = embedding_names(model.abilities) if with_embeddings else ()
    work = EffectRequest(rows, query, zygosity, names, phase_shifts, model.unit)
    gene_finder = GeneFinder(model.gene_table, finder)
    pairs = _pairs(work, None if genes == "overlapping" else query.genes, gene_finder)
    for background in backgrounds:
        warn_of_missing_contigs(background.genome, [finder.contig_of[gene.chrom] for gene in pairs])
    folder = open_parts(parts, _description(scorer, work, pairs, backgrounds), overwrite=overwrite_parts)
    units = [
        unit_of("gene", (number, gene, members), [gene.gene_id, members], cost=len(members))
        for number, (gene, members) in enumerate(pairs.items())
    ]
    job = EffectJob(scorer, work, tuple(backgrounds), folder)
    engine = engine or InProcess()
    failed = run_units(job, units, is_done=lambda unit: folder.holds(unit.name), engine=engine, on_unit=on_gene)
    check_all_done(failed, len(units))
    blocks = [folder.read_one(unit.name) for unit in units]
    without = list(blocks_without_gene(work, pairs, backgrounds))
    table, embeddings = joined_table([*blocks, gene_block(without, work)], work)
    check_backgrounds_used(table, backgrounds, allow_unused=allow_unused)
    report = {"unit": model.unit.name, **_report(table, variants.with_rejected(rejected))}
    return EffectResult(table, tuple(rejected), embeddings, report, folder)


def _description(
    scorer: GenomeScorer, work: EffectRequest, pairs: Mapping[Gene, Sequence[int]], backgrounds: Sequence[Background]
) -> dict[str, Any]:
    """All that the scores of a run depend on."""
    return {
        **scorer.model.description(),
        "fasta": content_of(scorer.opened.reference.path),
        "backgrounds": [each.description() for each in backgrounds],
        "variants": [
            [str(row.row.given), str(row.variant), row.row.turned, dict(row.row.annotations)] for row in work.rows
        ],
        "pairs": [[gene.gene_id, list(members)] for gene, members in pairs.items()],
        "tissues": work.tissue_names,
        "zygosity": list(work.zygosity),
        "embeddings": list(work.embeddings),
        "phase_shifts": work.phase_shifts,
    }


def _query(
    rows: Sequence[AskedRow], genes: str | Sequence[str], tissues: Sequence[str] | None, scorer: GenomeScorer
) -> Query:
    """Genes and tissues that are asked for in the call; tissues also those that rows ask for.

    Raises:
        RejectedQueryError: any that the model does not have.
    """
    if isinstance(genes, str) and genes != "overlapping":
        genes = [genes]
    named = [] if genes == "overlapping" else list(genes)
    of_rows = [tissue.name for row in rows for tissue in row.tissues]
    if tissues is not None or all(row.tissues for row in rows):
        tissues = [*(tissues or []), *of_rows]
    query = scorer.query(list(dict.fromkeys(named)), tissues)
    if query.rejected:
        raise RejectedQueryError(query.rejected)
    return query


def _pairs(work: EffectRequest, genes: Sequence[Gene] | None, finder: GeneFinder) -> dict[Gene, list[int]]:
    """Genes along the genome, and the rows to score in each."""
    members: dict[Gene, list[int]] = {}
    found: dict[Variant, list[Gene]] = {}
    for index, row in enumerate(work.rows):
        of_row = row.genes or genes
        if of_row is None:
            if row.variant not in found:
                found[row.variant] = finder.overlapping(row.variant)
            of_row = found[row.variant]
        for gene in of_row:
            members.setdefault(gene, []).append(index)
    return dict(sorted(members.items(), key=lambda item: (item[0].chrom, item[0].start, item[0].gene_id)))


def check_backgrounds_used(
    table: "pd.DataFrame", backgrounds: Sequence[Background], *, allow_unused: bool = False
) -> None:
    """Hold the genes of a table of effects to ``check_used``, background by background.

    Raises:
        InputError: nothing of a background's file was used in any gene, unless ``allow_unused``.
    """
    genes = table[table["gene_id"].notna()].drop_duplicates(["gene_id", "background"])
    for background in backgrounds:
        here = genes[genes["background"] == background.name]
        endings = zip(here["status"], here["reason"].fillna(""), strict=True)
        check_used(background.sample, endings, background.genome.path, allow_unused=allow_unused)


def add_second_model(table: "pd.DataFrame", second: "pd.DataFrame") -> "pd.DataFrame":
    """The table with ``effect_second_model``, another checkpoint's, and ``effect_sd_models`` between the two."""
    keys = ["chrom", "pos", "ref", "alt", "gene_id", "tissue", "background", "zygosity"]
    other = second.drop_duplicates(keys)[[*keys, "effect"]].rename(columns={"effect": "effect_second_model"})
    merged = table.merge(other, on=keys, how="left", validate="many_to_one")
    both = merged[["effect", "effect_second_model"]].to_numpy(dtype=float)
    return merged.assign(effect_sd_models=np.std(both, axis=1, ddof=1))


def backgrounds_of(genome: "PersonalGenome | ReferenceGenome | Sequence[Background]", mode: str) -> list[Background]:
    """One genome, or several, with names; variants in a reference genome are read in a mode of the model."""
    if isinstance(genome, ReferenceGenome):
        return [Background("reference", PersonalGenome(genome, options=GenotypeOptions(mode=mode)))]
    if isinstance(genome, PersonalGenome):
        name = "reference" if genome.is_reference else "person-snps" if genome.options.snps_only else "person"
        return [Background(name, genome)]
    if not genome:
        raise InputError("no background is given", remedy="Give a genome, or backgrounds.")
    return list(genome)


def _report(table: "pd.DataFrame", rows: VariantTable) -> dict[str, Any]:
    variants = table[["chrom", "pos", "ref", "alt"]].drop_duplicates()
    pairs = table.drop_duplicates(["variant", "gene_id", "background"])
    return {
        "variants": len(variants),
        "rejected": len(rows.rejected),
        "rows": rows.counts(),
        "pairs_by_status": {str(name): int(count) for name, count in pairs["status"].value_counts().items()},
    }

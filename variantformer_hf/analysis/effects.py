"""Effects of variants: the same genome with and without them, everything else alike."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from ..errors import InputError, check_number
from ..genome.genes import Gene
from ..genome.names import MOST_SUGGESTED
from ..genome.options import GenotypeOptions
from ..genome.personal import PersonalGenome
from ..genome.provenance import content_of
from ..genome.reference import ReferenceGenome
from ..genome.variant import Variant, VariantNormalizer
from ..genome.variant_table import RejectedVariant, VariantTable, first_reason, read_variants
from ..inference.parts import Parts
from ..inference.people import check_assembly
from ..inference.predictor import ExpressionPredictor
from ..inference.query import Query, RejectedQueryError, resolve_query
from ..zoo.gene_regions import GeneRegions, RegionFinder
from ..zoo.statuses import check_used, warn_of_missing_contigs
from ..zoo.variantformer.engine import ExpressionEngine
from ..zoo.variantformer.reference_tokens import ReferenceTokens
from .backgrounds import Background
from .effect_request import AskedRow, EffectRequest, checked_zygosity, listed_names
from .effect_table import blocks_without_gene, gene_block, joined_table, row_blocks
from .gene_scorer import GeneScorer
from .variant_genes import GeneFinder
from .variant_states import (
    ScoredVariant,
)

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
    parts: Parts | None = None

    def remove_parts(self) -> None:
        """Remove what was kept on disk during the run, once the output is written."""
        if self.parts is not None:
            self.parts.remove()


class VariantScorer:
    """Scores variants with one model.

    Args:
        predictor: the model; in float32 unless its rounding is wanted.
    """

    def __init__(self, predictor: ExpressionPredictor) -> None:
        self.predictor = predictor
        self._engine = self._new_engine()
        self._tokens: dict[int, ReferenceTokens] = {}
        self._fasta: tuple[object, ...] = ()

    @classmethod
    def from_pretrained(cls, model: str | Path, *, precision: str = "float32", **options: Any) -> "VariantScorer":
        """Load a model folder, or a repository of the Hub.

        Args:
            model: folder or Hub id.
            precision: ``float32``, as effects need it; others round most effects away.
            **options: as for ``ExpressionPredictor.from_pretrained``.
        """
        return cls(ExpressionPredictor.from_pretrained(model, precision=precision, **options))

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
    ) -> EffectResult:
        """Score variants.

        Args:
            variants: a file, see ``read_variants``, or variants.
            genome: in whose genome; several backgrounds are scored one after the other.
            genes: ``overlapping``: those in whose window, or in one of whose cCREs (50 bases wider on both sides) a
                variant lies; or names. A row's own column ``gene_id`` goes before it.
            tissues: released names, GTEx names or ontology ids; None = all of the model. A row's own column ``tissue``
                goes before it.
            zygosity: of the alternative: ``het``, ``hom``, ``haplotype1``, ``haplotype2``.
            with_embeddings: also return embeddings of the gene, the changed element and the changed window.
            phase_shifts: how many times to score again with the first 1, 2, ... bases of every sequence left out, for
                the column ``effect_sd_phase``.
            allow_unused: go on where nothing of a background's file was used in any gene, instead of stopping.
            on_gene: called with (done, total) genes.
            parts: folder for genes that are done while the run goes on; the same run started again goes on with the
                rest. It stays until :meth:`EffectResult.remove_parts`. None = memory only.
            overwrite_parts: remove the parts of another run instead of refusing them.

        Raises:
            RejectedQueryError: genes or tissues that the model does not have.
            InputError: no variant can be scored; nothing of a file was used, unless ``allow_unused``;
                see ``PersonalGenome`` for the files.
        """
        zygosity = checked_zygosity(zygosity)
        check_number("the number of phase shifts", phase_shifts, 0)
        backgrounds = _backgrounds(genome)
        reference = backgrounds[0].genome.reference
        check_assembly(reference)
        finder = RegionFinder(self.predictor.gene_table, self.predictor.cre_table, self.predictor.processor, reference)
        if not isinstance(variants, VariantTable):
            variants = read_variants(variants, VariantNormalizer(reference))
        rows, rejected = self._asked_rows(variants, finder)
        if not rows:
            raise InputError("no variant can be scored", file=variants.path, remedy=first_reason(rejected))
        query = self._query(rows, genes, tissues, finder)
        work = EffectRequest(rows, query, zygosity, with_embeddings, phase_shifts)
        gene_finder = GeneFinder(self.predictor.gene_table, finder, self.predictor.processor)
        pairs = self._pairs(work, None if genes == "overlapping" else query.genes, gene_finder)
        for background in backgrounds:
            warn_of_missing_contigs(background.genome, [finder.contig_of[gene.chrom] for gene in pairs])
        folder = None
        if parts is not None:
            folder = Parts(parts, self._description(work, pairs, backgrounds), overwrite=overwrite_parts)
        blocks: list[pa.Table] = []
        for number, (gene, members) in enumerate(pairs.items()):
            if on_gene is not None:
                on_gene(number, len(pairs))
            kept = folder.parts(f"gene-{number}") if folder is not None else []
            if folder is not None and kept:
                blocks.append(folder.read_part(kept[0]))
                continue
            blocks.append(
                gene_block(self._score_gene(work, backgrounds, number, gene_finder.regions(gene), members), work)
            )
            if folder is not None:
                folder.write_part(f"gene-{number}", blocks[-1])
        if on_gene is not None:
            on_gene(len(pairs), len(pairs))
        self._engine.save_vectors()
        without = list(blocks_without_gene(work, pairs, backgrounds))
        table, embeddings = joined_table([*blocks, gene_block(without, work)], work)
        check_backgrounds_used(table, backgrounds, allow_unused=allow_unused)
        return EffectResult(
            table, tuple(rejected), embeddings, _report(table, variants.with_rejected(rejected)), folder
        )

    def _new_engine(self) -> ExpressionEngine:
        predictor = self.predictor
        return ExpressionEngine(predictor.model, predictor.processor, len(predictor.cre_table), predictor.store)

    def _description(
        self, work: EffectRequest, pairs: Mapping[Gene, Sequence[int]], backgrounds: Sequence[Background]
    ) -> dict[str, Any]:
        """All that the scores of a run depend on."""
        return {
            **self.predictor.description(),
            "fasta": content_of(backgrounds[0].genome.reference.path),
            "backgrounds": [each.description() for each in backgrounds],
            "variants": [
                [str(row.row.given), str(row.variant), row.row.turned, dict(row.row.annotations)] for row in work.rows
            ],
            "pairs": [[gene.gene_id, list(members)] for gene, members in pairs.items()],
            "tissues": work.tissue_names,
            "zygosity": list(work.zygosity),
            "embeddings": work.with_embeddings,
            "phase_shifts": work.phase_shifts,
        }

    def _query(
        self,
        rows: Sequence[AskedRow],
        genes: str | Sequence[str],
        tissues: Sequence[str] | None,
        finder: RegionFinder,
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
        query = resolve_query(
            list(dict.fromkeys(named)),
            tissues,
            gene_table=self.predictor.gene_table,
            tissue_names=self.predictor.tissue_names,
            contig_of=finder.contig_of,
        )
        if query.rejected:
            raise RejectedQueryError(query.rejected)
        return query

    def _asked_rows(self, table: VariantTable, finder: RegionFinder) -> tuple[list[AskedRow], list[RejectedVariant]]:
        """Rows that can be scored, and all that are rejected."""
        contigs = set(finder.contig_of.values())
        rows: list[AskedRow] = []
        rejected = list(table.rejected)
        for row in table.rows:
            query = resolve_query(
                listed_names(row, "gene_id"),
                listed_names(row, "tissue"),
                gene_table=self.predictor.gene_table,
                tissue_names=self.predictor.tissue_names,
                contig_of=finder.contig_of,
                suggest=len(rejected) < MOST_SUGGESTED,
            )
            if row.variant.chrom not in contigs:
                reason = f"the model has no gene on {row.variant.chrom}; it was trained on autosomes"
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
                "%d of %d rows are not scored: %d repeated%s", len(rejected), counts["read"], counts["repeated"],
                f", {told}" if told else "",
            )  # fmt: skip
        return rows, rejected

    def _pairs(self, work: EffectRequest, genes: Sequence[Gene] | None, finder: GeneFinder) -> dict[Gene, list[int]]:
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

    def resolve_gene(
        self, reference: ReferenceGenome, gene: str, tissues: Sequence[str] | None
    ) -> tuple[GeneRegions, list[int], list[str]]:
        """Regions of one gene in a FASTA, and ids and names of tissues.

        Raises:
            RejectedQueryError: no such gene or tissue.
            AssemblyError: the FASTA is of another assembly.
        """
        check_assembly(reference)
        predictor = self.predictor
        finder = RegionFinder(predictor.gene_table, predictor.cre_table, predictor.processor, reference)
        query = resolve_query(
            [gene],
            tissues,
            gene_table=predictor.gene_table,
            tissue_names=predictor.tissue_names,
            contig_of=finder.contig_of,
        )
        if query.rejected:
            raise RejectedQueryError(query.rejected)
        return finder.find(query.genes[0]), [each.id for each in query.tissues], [each.name for each in query.tissues]

    def cre_names(self, regions: GeneRegions) -> list[str]:
        """Accessions of a gene's cCREs, in the model's order."""
        names: list[str] = self.predictor.cre_table.table["name"].take(regions.cre_rows).to_pylist()
        return names

    def in_gene(
        self, person: PersonalGenome, regions: GeneRegions, tissue_ids: Sequence[int], *, shift: int = 0
    ) -> GeneScorer:
        """A person's gene, ready to be asked about.

        Args:
            person: the person.
            regions: of the gene.
            tissue_ids: the tissues.
            shift: leave out so many bases at the start of every sequence.
        """
        status = person.reference.path.stat()
        fasta = person.reference.path.resolve(), status.st_size, status.st_mtime_ns
        if fasta != self._fasta:
            # What is known of the reference's elements, by their rows, is of another genome.
            self._engine, self._tokens, self._fasta = self._new_engine(), {}, fasta
        if shift not in self._tokens:
            tokenizer = self.predictor.processor.tokenizer
            self._tokens[shift] = ReferenceTokens(tokenizer, len(self.predictor.cre_table))
        return GeneScorer(self._engine, self._tokens[shift], person, regions, tissue_ids, shift=shift)

    def _score_gene(
        self,
        work: EffectRequest,
        backgrounds: Sequence[Background],
        number: int,
        regions: GeneRegions,
        members: Sequence[int],
    ) -> Iterator[dict[str, Any]]:
        """Columns of the table, for each row of one gene in each background."""
        first = backgrounds[0].genome
        plain = PersonalGenome(first.reference, options=GenotypeOptions(mode=first.options.mode))
        # What the released score divides by.
        baseline = None if first.is_reference else self.in_gene(plain, regions, work.tissue_ids).base()
        variants = list(dict.fromkeys(work.rows[index].variant for index in members))
        for place, background in enumerate(backgrounds):
            scorer = self.in_gene(background.genome, regions, work.tissue_ids)
            noise = scorer.states.noise()
            if baseline is None:
                baseline = scorer.base()
            effects = list(scorer.score(variants, work.zygosity, with_embeddings=work.with_embeddings))
            spreads = self._phase_spread(work, background, regions, variants, effects)
            scored = dict(zip(variants, zip(effects, spreads, strict=True), strict=True))
            cre_names = np.array(self.cre_names(regions), dtype=object)
            for index in members:
                row = work.rows[index]
                effect, spread = scored[row.variant]
                names = ";".join(cre_names[effect.overlap.cres])
                order = index, number, place
                yield from row_blocks(work, background, order, regions, row, effect, noise, baseline, spread, names)

    def _phase_spread(
        self,
        work: EffectRequest,
        background: Background,
        regions: GeneRegions,
        variants: Sequence[Variant],
        effects: Sequence[ScoredVariant],
    ) -> list[np.ndarray]:
        """(Z, T) standard deviation of each variant's effect over phases of the tokens; empty when not asked for."""
        if not work.phase_shifts:
            return [np.zeros((0, 0), np.float32)] * len(variants)
        runs = [[each.alt - each.ref for each in effects]]
        for shift in range(1, work.phase_shifts + 1):
            scorer = self.in_gene(background.genome, regions, work.tissue_ids, shift=shift)
            runs.append([each.alt - each.ref for each in scorer.score(variants, work.zygosity)])
        return [np.std(np.stack(values), axis=0, ddof=1) for values in zip(*runs, strict=True)]


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


def _backgrounds(genome: "PersonalGenome | ReferenceGenome | Sequence[Background]") -> list[Background]:
    if isinstance(genome, ReferenceGenome):
        return [Background("reference", PersonalGenome(genome))]
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

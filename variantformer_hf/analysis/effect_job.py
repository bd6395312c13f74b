"""Variants in genes as units of work, a gene each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..genome.options import GenotypeOptions
from ..genome.personal import PersonalGenome
from ..genome.variant import Variant
from ..inference.parts import Parts, PartsInMemory
from ..work import Unit
from ..zoo.gene_regions import GeneRegions
from .backgrounds import Background
from .effect_request import EffectRequest
from .effect_table import gene_block, row_blocks
from .genome_scorer import GenomeScorer
from .variant_states import ScoredVariant


@dataclass(frozen=True)
class EffectJob:
    """Scoring as a job; a unit is a gene: its number, the gene, and which rows are scored in it.

    Attributes:
        scorer, work, backgrounds: see :func:`score_variants`.
        parts: where the genes' rows are written.
    """

    scorer: GenomeScorer
    work: EffectRequest
    backgrounds: tuple[Background, ...]
    parts: Parts | PartsInMemory

    def open(self) -> "EffectWorker":
        """Get ready to score."""
        return EffectWorker(self)


class EffectWorker:
    """Scores a gene at a time."""

    def __init__(self, job: EffectJob) -> None:
        self._job = job

    def do(self, unit: Unit) -> None:
        """Score a gene's rows, and write them."""
        job, (number, gene, members) = self._job, unit.content
        regions = job.scorer.opened.finder.find(gene)
        scored = _score_gene(job.scorer, job.work, job.backgrounds, number, regions, members)
        job.parts.write_part(unit.name, gene_block(scored, job.work))

    def close(self) -> None:
        """Have the model keep what is worth it."""
        self._job.scorer.opened.finish()


def _score_gene(
    scorer: GenomeScorer,
    work: EffectRequest,
    backgrounds: Sequence[Background],
    number: int,
    regions: GeneRegions,
    members: Sequence[int],
) -> Iterator[dict[str, Any]]:
    """Columns of the table, for each row of one gene in each background."""
    first = backgrounds[0].genome
    # What the released score divides by.
    baseline = None
    if work.unit.is_log1p_tpm and not first.is_reference:
        plain = PersonalGenome(first.reference, options=GenotypeOptions(mode=first.options.mode))
        baseline = scorer.in_gene(plain, regions, work.tissue_ids).base().values
    variants = list(dict.fromkeys(work.rows[index].variant for index in members))
    cre_names = np.array(scorer.model.cre_names(regions), dtype=object)
    for place, background in enumerate(backgrounds):
        in_gene = scorer.in_gene(background.genome, regions, work.tissue_ids)
        noise = in_gene.states.noise()
        if work.unit.is_log1p_tpm and baseline is None:
            baseline = in_gene.base().values
        effects = list(in_gene.score(variants, work.zygosity, with_embeddings=bool(work.embeddings)))
        spreads = _phase_spread(scorer, work, background, regions, variants, effects)
        scored = dict(zip(variants, zip(effects, spreads, strict=True), strict=True))
        for index in members:
            row = work.rows[index]
            effect, spread = scored[row.variant]
            names = ";".join(cre_names[effect.overlap.cres])
            order = index, number, place
            yield from row_blocks(work, background, order, regions, row, effect, noise, baseline, spread, names)


def _phase_spread(
    scorer: GenomeScorer,
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
        in_gene = scorer.in_gene(background.genome, regions, work.tissue_ids, shift=shift)
        runs.append([each.alt - each.ref for each in in_gene.score(variants, work.zygosity)])
    return [np.std(np.stack(values), axis=0, ddof=1) for values in zip(*runs, strict=True)]

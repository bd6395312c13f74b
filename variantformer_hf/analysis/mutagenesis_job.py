"""Mutations of one gene as units of work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..genome.personal import PersonalGenome
from ..inference.parts import Parts, PartsInMemory
from ..work import Unit, check_all_done, run_units
from ..work.units import Engine
from ..zoo.gene_regions import GeneRegions
from .gene_scorer import GeneScorer
from .genome_scorer import GenomeScorer


@dataclass(frozen=True)
class MutagenesisJob:
    """Mutagenesis as a job; a unit is some tens of mutations, as variants.

    Attributes:
        scorer, person, regions, outputs: the gene in the person's genome.
        parts: where effects are written.
        in_gene: the gene as this process has opened it; another one opens it anew.
    """

    scorer: GenomeScorer
    person: PersonalGenome
    regions: GeneRegions
    outputs: list[int]
    parts: Parts | PartsInMemory
    in_gene: GeneScorer | None = None

    def open(self) -> "MutationWorker":
        """Read the gene."""
        return MutationWorker(self.in_gene or self.scorer.in_gene(self.person, self.regions, self.outputs), self.parts)

    def __reduce__(self) -> tuple[Any, ...]:
        return MutagenesisJob, (self.scorer, self.person, self.regions, self.outputs, self.parts)


class MutationWorker:
    """Scores some tens of mutations at a time."""

    def __init__(self, in_gene: GeneScorer, parts: Parts | PartsInMemory) -> None:
        self._in_gene, self._parts = in_gene, parts

    def do(self, unit: Unit) -> None:
        """Score mutations, and write the effect and the status of each; NaN where one cannot be scored."""
        in_gene = self._in_gene
        normal = [in_gene.normalized(each) for each in unit.content]
        scored = iter(in_gene.score([each for each in normal if each is not None], ["hom"]))
        nothing = np.full(len(in_gene.states.outputs), np.nan, dtype=np.float32)
        rows, statuses = [], []
        for each in normal:
            found = None if each is None else next(scored)
            rows.append(nothing if found is None else found.alt[0] - found.ref)
            statuses.append("conflict" if found is None else found.status)
        effects = pa.array(rows, pa.list_(pa.float32()))
        self._parts.write_part(unit.name, pa.table({"effect": effects, "status": statuses}))

    def close(self) -> None:
        """Nothing is to be let go of."""


def score_units(
    job: MutagenesisJob,
    units: Sequence[Unit],
    engine: Engine,
    on_mutation: Callable[[int, int], None] | None,
) -> None:
    """Have units done; progress is told in mutations.

    Raises:
        InputError: some could not be done, while the others were.
    """
    ends = np.cumsum([0, *(len(unit.content) for unit in units)]).tolist()

    def on_unit(done: int, total: int) -> None:
        if on_mutation is not None:
            on_mutation(ends[done], ends[total])

    failed = run_units(job, units, is_done=lambda unit: job.parts.holds(unit.name), engine=engine, on_unit=on_unit)
    check_all_done(failed, len(units))

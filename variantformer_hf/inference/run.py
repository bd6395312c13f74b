"""A run's units, one after the other: genes are prepared in one thread while the model works on those before."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from queue import SimpleQueue

import numpy as np
from xxhash import xxh3_64_intdigest

from ..genome.consensus import OUTCOME_CODE, Outcome
from ..genome.genes import Gene
from ..genome.intervals import union
from ..genome.personal import PersonalGenome
from ..genome.stretch import PersonalStretch
from ..genome.tally import VariantTally
from ..zoo.gene_input import GeneInput, GeneOutput
from ..zoo.gene_reader import GeneReader
from ..zoo.gene_regions import covered
from ..zoo.opened_model import OpenedModel
from ..zoo.statuses import OK, WITH_NUMBER
from .people import People
from .predicted import PersonRecordsMet, PredictedGenes, PredictedUnit
from .processes import ahead
from .run_limits import RunLimits
from .run_plan import PeopleGenes, Piece

_APPLIED = OUTCOME_CODE[Outcome.APPLIED]


@dataclass(frozen=True, slots=True)
class _Prepared:
    unit: PeopleGenes
    person: int
    gene: int
    given: GeneInput


@dataclass(frozen=True, slots=True)
class _Ended:
    """All of a unit was prepared, or none of it will be any more."""

    unit: PeopleGenes
    records: tuple[PersonRecordsMet, ...] = ()
    error: Exception | None = None


class PredictionRun:
    """Predicts units in the order in which they are prepared; of consecutive ones the next is prepared meanwhile.

    Args:
        opened: the model, for the people's reference genome.
        genes: the genes of the run; units name them by their place here.
        people: the people.
        outputs: ids of the outputs.
        limits: how much is held at a time.
        with_embeddings: keep the embeddings.
        on_genes: called with how many more predictions are done.
    """

    def __init__(
        self,
        opened: OpenedModel,
        *,
        genes: Sequence[Gene],
        people: People,
        outputs: Sequence[int],
        limits: RunLimits,
        with_embeddings: bool = False,
        on_genes: Callable[[int], None] | None = None,
    ) -> None:
        self._opened = opened
        self._genes, self._people, self._outputs = genes, people, outputs
        self._limits, self._with_embeddings, self._on_genes = limits, with_embeddings, on_genes
        self._waiting: SimpleQueue[PeopleGenes | None] = SimpleQueue()
        self._items = ahead(self._prepared(), limits.genes_ahead)
        self._given_up: PeopleGenes | None = None
        self._said: set[str] = set()

    def prepare(self, unit: PeopleGenes) -> None:
        """Have a unit prepared when those before it are."""
        self._waiting.put(unit)

    def predict(self, unit: PeopleGenes) -> PredictedUnit:
        """Predict a unit that was to be prepared; what was before it and is not predicted by now is passed over.

        Raises:
            InputError: anything wrong with the person's records; memory does not suffice for one gene.
        """
        width = self._opened.model.embedding_width if self._with_embeddings else None
        found = PredictedGenes.empty(range(*unit.people), unit.genes, len(self._outputs), width)
        row_of = {person: row for row, person in enumerate(range(*unit.people))}
        column_of = {gene: column for column, gene in enumerate(unit.genes)}
        ended: _Ended | None = None
        try:
            of_unit = (item for item in self._items if item.unit == unit)  # one before it may have been given up
            for batch, ended in _batches(of_unit, self._limits):
                outputs = self._opened.predict([each.given for each in batch], self._outputs)
                for prepared, output in zip(batch, outputs, strict=True):
                    self._keep(found, (row_of[prepared.person], column_of[prepared.gene]), prepared.given, output)
                if self._on_genes is not None and batch:
                    self._on_genes(len(batch))
                if ended is not None:
                    break
        except Exception:
            self._given_up = unit
            raise
        if ended is None:
            raise AssertionError("the thread of inputs ended before its units")
        if ended.error is not None:
            raise ended.error
        damage = tuple(each for each in [*self._opened.damage, *self._people.damage] if each not in self._said)
        self._said.update(damage)
        return PredictedUnit(found, ended.records, damage)

    def close(self) -> None:
        """End the thread, and let the model keep what is worth it."""
        self._waiting.put(None)
        self._items.close()
        self._people.close()
        self._opened.finish()

    def _keep(self, found: PredictedGenes, place: tuple[int, int], given: GeneInput, output: GeneOutput) -> None:
        found.values[place] = output.values
        found.status[place] = given.use.status if output.status == OK else output.status
        found.reason[place] = given.use.reason
        found.n_cres[place] = len(given.regions.starts)
        found.records_in_windows[place] = len(given.keys)
        found.records_applied[place] = int((given.outcomes == _APPLIED).sum())
        if found.embeddings is not None and output.status in WITH_NUMBER and output.embeddings is not None:
            found.embeddings[place] = output.embeddings

    def _prepared(self) -> Iterator[_Prepared | _Ended]:
        before: PeopleGenes | None = None
        while (unit := self._waiting.get()) is not None:
            if before is not None and before.block[1] != unit.block[1]:
                self._opened.between_stretches()
            before = unit
            try:
                records: list[PersonRecordsMet] = []
                for piece in unit.pieces:
                    for first in range(*unit.people, self._limits.people):
                        group = range(first, min(first + self._limits.people, unit.people[1]))
                        yield from self._prepared_group(unit, piece, group, records)
                yield _Ended(unit, tuple(records))
            except Exception as error:  # noqa: BLE001 -- it is raised where the unit is predicted
                yield _Ended(unit, error=error)

    def _prepared_group(
        self, unit: PeopleGenes, piece: Piece, group: range, records: list[PersonRecordsMet]
    ) -> Iterator[_Prepared]:
        """A piece's genes of some people, gene by gene, so that what people share is at hand."""
        interval = piece.interval
        regions_of = {gene: self._opened.finder.find(self._genes[gene]) for gene in piece.genes}
        within = union(*covered(list(regions_of.values())))
        read: dict[int, tuple[PersonalGenome, PersonalStretch, GeneReader]] = {}
        tallies = {person: VariantTally() for person in group}
        counted: dict[int, Counter[str]] = {person: Counter() for person in group}
        opened = self._people.opened(unit.people)
        for person in group:
            genome = opened[person - unit.people[0]]
            known = genome.stretch(interval.chrom, interval.start, interval.end, within)
            read[person] = genome, known, self._opened.reader(genome, known, list(regions_of.values()))
            tallies[person].add_read(interval.chrom, known.keys)
        for gene in piece.genes:
            for person in group:
                if unit == self._given_up:
                    return
                given = read[person][2].gene(regions_of[gene])
                tallies[person].add(interval.chrom, given.keys, given.outcomes)
                counted[person].update(given.counted())
                yield _Prepared(unit, person, gene, given)
        for person, (genome, known, _) in read.items():
            not_diploid = self._people.newly_not_diploid(genome)
            met = _records_met(person, piece, known, tallies[person], not_diploid)
            records.append(replace(met, counted=dict(counted[person])))


def _records_met(
    person: int,
    piece: Piece,
    known: PersonalStretch,
    tally: VariantTally,
    not_diploid: Sequence[tuple[str, int, tuple[str, ...]]],
) -> PersonRecordsMet:
    keys, outcomes = tally.records(piece.interval.chrom)
    by_itself = np.isin(keys, known.keys[~known.lies_within(*piece.alone)])
    kinds, counts = np.unique(outcomes[~by_itself], return_counts=True)
    return PersonRecordsMet(
        person,
        piece.interval.chrom,
        kinds.astype(np.int8),
        counts.astype(np.int64),
        keys[by_itself],
        outcomes[by_itself],
        tuple(xxh3_64_intdigest(repr(call).encode()) >> 1 for call in not_diploid),
    )


def _batches(items: Iterator[_Prepared | _Ended], limits: RunLimits) -> Iterator[tuple[list[_Prepared], _Ended | None]]:
    """Genes to predict together; with the last ones of a unit, how its preparation ended."""
    batch: list[_Prepared] = []
    n_cres = 0
    for item in items:
        if isinstance(item, _Ended):
            yield batch, item
            batch, n_cres = [], 0
            continue
        batch.append(item)
        n_cres += len(item.given.regions.starts)
        if len(batch) >= limits.genes or n_cres >= limits.cres:
            yield batch, None
            batch, n_cres = [], 0

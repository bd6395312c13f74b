"""A run: people's genes along the genome, prepared in one thread while the model works on those before."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..genome.consensus import OUTCOME_CODE, Outcome
from ..genome.genes import Gene
from ..genome.intervals import union
from ..genome.personal import PersonalGenome
from ..genome.stretch import PersonalStretch
from ..genome.tally import VariantTally
from ..zoo.gene_input import GeneInput, GeneOutput
from ..zoo.gene_reader import GeneReader
from ..zoo.gene_regions import GeneRegions, covered
from ..zoo.opened_model import OpenedModel
from ..zoo.statuses import OK
from .parts import DoneGene, PartFolder
from .processes import ahead
from .run_limits import RunLimits
from .run_plan import Share, Stretch

_APPLIED = OUTCOME_CODE[Outcome.APPLIED]


@dataclass(frozen=True, slots=True)
class _Prepared:
    person: int
    gene: int
    given: GeneInput


@dataclass(frozen=True, slots=True)
class _Counted:
    """All of a person's genes of a stretch were prepared; these are the records that were met."""

    person: int
    chrom: str
    tally: VariantTally
    name: str
    ends_contig: bool


class PredictionRun:
    """What a run needs, and its loop.

    Args:
        opened: the model, for the people's reference genome.
        genes: the genes of the run; predictions name them by their place here.
        stretches: the same genes along the genome.
        people: the people.
        outputs: ids of the outputs.
        share: the part of the run that is this process's.
        limits: how much is held at a time, and how often it is written.
        parts: where predictions are kept on disk while the run goes on; None = in memory only.
        with_embeddings: keep the embeddings.
        on_gene: called with (done, total) of this process's share.
    """

    def __init__(
        self,
        opened: OpenedModel,
        *,
        genes: Sequence[Gene],
        stretches: Sequence[Stretch],
        people: Sequence[PersonalGenome],
        outputs: Sequence[int],
        share: Share,
        limits: RunLimits,
        parts: PartFolder | None = None,
        with_embeddings: bool = False,
        on_gene: Callable[[int, int], None] | None = None,
    ) -> None:
        self._opened = opened
        self._genes, self._stretches, self._people = genes, stretches, people
        self._outputs, self._share, self._parts = outputs, share, parts
        self._with_embeddings, self._limits, self._on_gene = with_embeddings, limits, on_gene
        self._done = parts.done() if parts is not None else set()
        self.tallies = [VariantTally() for _ in people]
        self._stretch_tallies: dict[int, VariantTally] = {}
        self.predictions: dict[tuple[int, int], DoneGene] = {}

    def execute(self) -> None:
        """Predict what is not done; afterwards ``predictions`` and ``tallies``, or the parts, hold it."""
        pairs = [pair for pair, _ in self._pairs()]
        n_done = sum(pair in self._done for pair in pairs)
        limits = self._limits
        unwritten: list[DoneGene] = []
        last_written = time.monotonic()
        if self._on_gene is not None:
            self._on_gene(n_done, len(pairs))
        try:
            for batch, counted in _batches(ahead(self._prepared(), limits.genes_ahead), limits):
                found = self._predicted(batch)
                unwritten += found
                n_done += len(found)
                if self._on_gene is not None and found:
                    self._on_gene(n_done, len(pairs))
                waited = time.monotonic() - last_written
                if len(unwritten) >= limits.genes_in_a_part or waited > limits.seconds or counted is not None:
                    self._keep(unwritten)
                    unwritten, last_written = [], time.monotonic()
                if counted is not None:
                    self._count(counted)
        finally:
            self._keep(unwritten)  # also what was done before an error or a signal
        self._opened.finish()

    def _pairs(self) -> Iterator[tuple[tuple[int, int], int]]:
        """This process's (person, gene) pairs, and the stretch of each, along the genome."""
        n_people = len(self._people)
        place = 0
        for number, stretch in enumerate(self._stretches):
            for gene in stretch.genes:
                for person in range(n_people):
                    if place + person in self._share:
                        yield (person, gene), number
                place += n_people

    def _prepared(self) -> Iterator[_Prepared | _Counted]:
        by_stretch: dict[int, list[tuple[int, int]]] = {}
        for pair, number in self._pairs():
            by_stretch.setdefault(number, []).append(pair)
        last_of_contig = {self._stretches[number].interval.chrom: number for number in by_stretch}
        for number, pairs in by_stretch.items():
            interval = self._stretches[number].interval
            name = f"{number}.{self._share.rank}of{self._share.of}"
            people = sorted({person for person, _ in pairs if not self._is_finished(person, pairs, name)})
            for first in range(0, len(people), self._limits.people):
                group = people[first : first + self._limits.people]
                genes_of = {person: [gene for each, gene in pairs if each == person] for person in group}
                yield from self._prepared_group(genes_of, self._stretches[number])
            self._opened.between_stretches()
            for person in people:
                yield _Counted(
                    person,
                    interval.chrom,
                    self._stretch_tallies.pop(person),
                    name,
                    ends_contig=last_of_contig[interval.chrom] == number,
                )

    def _is_finished(self, person: int, pairs: Sequence[tuple[int, int]], name: str) -> bool:
        """Whether a person's genes of a stretch are done and their records counted, so that nothing is to be read."""
        all_done = all(pair in self._done for pair in pairs if pair[0] == person)
        return self._parts is not None and all_done and self._parts.has_tally(person, of=name)

    def _prepared_group(self, genes_of: dict[int, list[int]], stretch: Stretch) -> Iterator[_Prepared]:
        """Genes of some people in one stretch, gene by gene, so that what people share is at hand."""
        interval = stretch.interval
        wanted = {gene for genes in genes_of.values() for gene in genes}
        genes = [gene for gene in stretch.genes if gene in wanted]
        regions_of = {gene: self._opened.finder.find(self._genes[gene]) for gene in genes}
        within = union(*covered(list(regions_of.values())))
        read: dict[int, tuple[PersonalStretch, GeneReader]] = {}
        for person, of_person in genes_of.items():
            known = self._people[person].stretch(interval.chrom, interval.start, interval.end, within)
            wanted_of = [regions_of[gene] for gene in of_person if (person, gene) not in self._done]
            read[person] = known, self._opened.reader(self._people[person], known, wanted_of)
            tally = VariantTally()
            tally.add_read(interval.chrom, known.keys)
            self._stretch_tallies[person] = tally
        for gene in genes:
            for person, of_person in genes_of.items():
                if gene in of_person:
                    yield from self._prepared_gene(person, gene, regions_of[gene], *read[person])

    def _prepared_gene(
        self, person: int, gene: int, regions: GeneRegions, stretch: PersonalStretch, reader: GeneReader
    ) -> Iterator[_Prepared]:
        tally, chrom = self._stretch_tallies[person], stretch.chrom
        if (person, gene) in self._done:
            tally.add(chrom, *self._people[person].outcomes(stretch, *covered([regions])))
            return
        given = reader.gene(regions)
        tally.add(chrom, given.keys, given.outcomes)
        yield _Prepared(person, gene, given)

    def _predicted(self, batch: Sequence[_Prepared]) -> list[DoneGene]:
        found = self._opened.predict([each.given for each in batch], self._outputs)
        return [self._done_gene(each, output) for each, output in zip(batch, found, strict=True)]

    def _done_gene(self, prepared: _Prepared, output: GeneOutput) -> DoneGene:
        given, embeddings = prepared.given, None
        if self._with_embeddings:
            width = self._opened.model.embedding_width
            nowhere = np.full((len(self._outputs), width), np.nan, dtype=np.float32)
            embeddings = nowhere if output.status != OK or output.embeddings is None else output.embeddings
        return DoneGene(
            person=prepared.person,
            gene=prepared.gene,
            status=given.use.status if output.status == OK else output.status,
            n_cres=len(given.regions.starts),
            records_in_windows=len(given.keys),
            records_applied=int((given.outcomes == _APPLIED).sum()),
            values=output.values,
            embeddings=embeddings,
            reason=given.use.reason,
        )

    def _keep(self, found: list[DoneGene]) -> None:
        if self._parts is not None:
            self._parts.write(found)
        else:
            self.predictions.update({(each.person, each.gene): each for each in found})

    def _count(self, counted: _Counted) -> None:
        if self._parts is not None:
            self._parts.write_tally(counted.person, counted.chrom, counted.tally, of=counted.name)
            return
        tally = self.tallies[counted.person]
        tally.merge(counted.tally)
        if counted.ends_contig:
            tally.close_contig(counted.chrom)


def _batches(
    items: Iterator[_Prepared | _Counted], limits: RunLimits
) -> Iterator[tuple[list[_Prepared], _Counted | None]]:
    """Genes to predict together, and after the last of a stretch what was counted there."""
    batch: list[_Prepared] = []
    n_cres = 0
    for item in items:
        if isinstance(item, _Counted):
            yield batch, item
            batch, n_cres = [], 0
            continue
        batch.append(item)
        n_cres += len(item.given.regions.starts)
        if len(batch) >= limits.genes or n_cres >= limits.cres:
            yield batch, None
            batch, n_cres = [], 0
    if batch:
        yield batch, None

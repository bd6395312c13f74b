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
from ..modeling import VariantFormerProcessor
from ..zoo.gene_regions import GeneRegions, RegionFinder, covered
from ..zoo.statuses import GENE_DELETED, NO_CRES, NOT_FINITE, RecordUse, is_finite, record_use
from ..zoo.variantformer.engine import ExpressionEngine, GeneWork
from ..zoo.variantformer.gene_tokens import GeneTokens
from ..zoo.variantformer.personal_tokens import PersonalTokens
from ..zoo.variantformer.reference_tokens import ReferenceTokens
from .parts import DoneGene, PartFolder
from .processes import ahead
from .run_plan import Share, Stretch

# A run's predictions are written this often, or when there are so many.
SECONDS_BETWEEN_PARTS = 20.0
GENES_IN_A_PART = 512
# Genes, or cCREs in all, that are handed to the engine together; genes that are prepared ahead of it.
_GENES_AT_ONCE = 16
_CRES_AT_ONCE = 8_000
_GENES_AHEAD = 32
# People whose records of a stretch are held at a time.
_PEOPLE_AT_ONCE = 8
_APPLIED = OUTCOME_CODE[Outcome.APPLIED]


@dataclass(frozen=True, slots=True)
class _Prepared:
    person: int
    gene: int
    n_cres: int
    reverse: bool
    tokens: GeneTokens
    use: RecordUse


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
        engine: the model at work.
        processor: the model's.
        finder: regions of genes.
        reference_tokens: tokens of the reference's elements, kept between runs.
        genes: the genes of the run; predictions name them by their place here.
        stretches: the same genes along the genome.
        people: the people.
        tissue_ids: the tissues.
        share: the part of the run that is this process's.
        parts: where predictions are kept on disk while the run goes on; None = in memory only.
        with_embeddings: keep the embeddings.
        on_gene: called with (done, total) of this process's share.
    """

    def __init__(
        self,
        engine: ExpressionEngine,
        processor: VariantFormerProcessor,
        finder: RegionFinder,
        reference_tokens: ReferenceTokens,
        *,
        genes: Sequence[Gene],
        stretches: Sequence[Stretch],
        people: Sequence[PersonalGenome],
        tissue_ids: Sequence[int],
        share: Share,
        parts: PartFolder | None = None,
        with_embeddings: bool = False,
        on_gene: Callable[[int, int], None] | None = None,
    ) -> None:
        self._engine, self._processor, self._finder = engine, processor, finder
        self._reference_tokens = reference_tokens
        self._genes, self._stretches, self._people = genes, stretches, people
        self._tissue_ids, self._share, self._parts = tissue_ids, share, parts
        self._with_embeddings, self._on_gene = with_embeddings, on_gene
        self._done = parts.done() if parts is not None else set()
        self.tallies = [VariantTally() for _ in people]
        self._stretch_tallies: dict[int, VariantTally] = {}
        self.predictions: dict[tuple[int, int], DoneGene] = {}

    def execute(self) -> None:
        """Predict what is not done; afterwards ``predictions`` and ``tallies``, or the parts, hold it."""
        pairs = [pair for pair, _ in self._pairs()]
        n_done = sum(pair in self._done for pair in pairs)
        unwritten: list[DoneGene] = []
        last_written = time.monotonic()
        if self._on_gene is not None:
            self._on_gene(n_done, len(pairs))
        try:
            for batch, counted in _batches(ahead(self._prepared(), _GENES_AHEAD)):
                found = self._predicted(batch)
                unwritten += found
                n_done += len(found)
                if self._on_gene is not None and found:
                    self._on_gene(n_done, len(pairs))
                waited = time.monotonic() - last_written
                if len(unwritten) >= GENES_IN_A_PART or waited > SECONDS_BETWEEN_PARTS or counted is not None:
                    self._keep(unwritten)
                    unwritten, last_written = [], time.monotonic()
                if counted is not None:
                    self._count(counted)
        finally:
            self._keep(unwritten)  # also what was done before an error or a signal
        self._engine.save_vectors()

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
            for first in range(0, len(people), _PEOPLE_AT_ONCE):
                group = people[first : first + _PEOPLE_AT_ONCE]
                genes_of = {person: [gene for each, gene in pairs if each == person] for person in group}
                yield from self._prepared_group(genes_of, self._stretches[number])
            if self._engine.store is not None:
                self._engine.store.refresh()
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
        regions_of = {gene: self._finder.find(self._genes[gene]) for gene in genes}
        within = union(*covered(list(regions_of.values())))
        read: dict[int, tuple[PersonalStretch, PersonalTokens]] = {}
        for person, of_person in genes_of.items():
            known = self._people[person].stretch(interval.chrom, interval.start, interval.end, within)
            wanted_of = [regions_of[gene] for gene in of_person if (person, gene) not in self._done]
            tokens = PersonalTokens(
                self._people[person], known, wanted_of, self._reference_tokens, self._processor.tokenizer
            )
            read[person] = known, tokens
            tally = VariantTally()
            tally.add_read(interval.chrom, known.keys)
            self._stretch_tallies[person] = tally
        for gene in genes:
            for person, of_person in genes_of.items():
                if gene in of_person:
                    yield from self._prepared_gene(person, gene, regions_of[gene], *read[person])

    def _prepared_gene(
        self, person: int, gene: int, regions: GeneRegions, stretch: PersonalStretch, tokens: PersonalTokens
    ) -> Iterator[_Prepared]:
        tally, chrom = self._stretch_tallies[person], stretch.chrom
        if (person, gene) in self._done:
            tally.add(chrom, *self._people[person].outcomes(stretch, *covered([regions])))
            return
        of_gene = tokens.gene(regions)
        tally.add(chrom, of_gene.keys, of_gene.outcomes)
        use = record_use(self._people[person], chrom, of_gene.outcomes)
        yield _Prepared(person, gene, len(regions.starts), regions.gene.strand == "-", of_gene, use)

    def _predicted(self, batch: Sequence[_Prepared]) -> list[DoneGene]:
        able = [each for each in batch if _ending(each) is None]
        work = [GeneWork(each.tokens, each.reverse) for each in able]
        outputs = self._engine.predict(work, self._tissue_ids) if work else []
        found = {id(each): output for each, output in zip(able, outputs, strict=True)}
        return [self._done_gene(each, found.get(id(each))) for each in batch]

    def _done_gene(self, prepared: _Prepared, output: tuple[np.ndarray, np.ndarray] | None) -> DoneGene:
        tokens, use = prepared.tokens, prepared.use
        status = _ending(prepared) or use.status
        if output is not None and not is_finite(output[0]):
            status, output = NOT_FINITE, None
        if output is None:
            width = self._engine.model.config.hidden_size
            shape = (len(self._tissue_ids), width)
            output = np.full(shape[0], np.nan, dtype=np.float32), np.full(shape, np.nan, dtype=np.float32)
        return DoneGene(
            person=prepared.person,
            gene=prepared.gene,
            status=status,
            n_cres=prepared.n_cres,
            records_in_windows=len(tokens.keys),
            records_applied=int((tokens.outcomes == _APPLIED).sum()),
            log1p_tpm=output[0],
            embeddings=output[1] if self._with_embeddings else None,
            reason=use.reason,
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


def _ending(prepared: _Prepared) -> str | None:
    """Status of a gene that there is nothing to predict from; None = there is."""
    if not prepared.use.is_known:
        return prepared.use.status
    if prepared.tokens.window is None:
        return GENE_DELETED
    return None if len(prepared.tokens.elements) else NO_CRES


def _batches(items: Iterator[_Prepared | _Counted]) -> Iterator[tuple[list[_Prepared], _Counted | None]]:
    """Genes to predict together, and after the last of a stretch what was counted there."""
    batch: list[_Prepared] = []
    n_cres = 0
    for item in items:
        if isinstance(item, _Counted):
            yield batch, item
            batch, n_cres = [], 0
            continue
        batch.append(item)
        n_cres += item.n_cres
        if len(batch) >= _GENES_AT_ONCE or n_cres >= _CRES_AT_ONCE:
            yield batch, None
            batch, n_cres = [], 0
    if batch:
        yield batch, None

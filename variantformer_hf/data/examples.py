"""Training examples, made when they are asked for: a donor's sequences as tokens, and what was measured.

The order of an epoch follows from a seed and its number alone. Keys are cheap and come first; a donor's DNA is read
only for the keys that are used, so that a data set that is resumed, or that is split among processes, costs nothing for
what it passes over.
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import datasets
import numpy as np

from ..errors import ContigError
from ..genome.contigs import map_contigs
from ..genome.cres import CreTable
from ..genome.genes import Gene, GeneTable
from ..genome.interval import Interval, reverse_complement
from ..genome.intervals import union
from ..modeling import VariantFormerProcessor
from ..zoo.gene_regions import GeneRegions, RegionFinder, covered
from ..zoo.statuses import GENE_DELETED, RecordUse, record_use
from ..zoo.variantformer.personal_tokens import PersonalTokens
from ..zoo.variantformer.reference_tokens import ReferenceTokens
from ..zoo.variantformer.regions import region_finder
from ..zoo.variantformer.token_rows import window_rows
from .activity import Activity
from .donors import DonorGenomes
from .expression_pairs import ExpressionPairs

logger = logging.getLogger(__name__)

# Shards of an epoch: what a loader's workers share. Divisible by the usual numbers of them.
SHARDS = 48
# Which of several processes: its number, from 0, and how many there are.
Share = tuple[int, int]
ALL: Share = (0, 1)


class ExpressionExamples:
    """Makes stage-2 examples of keys: a gene of a donor in some tissues.

    Args:
        pairs: the values.
        genomes: of the donors.
        gene_table, cre_table: the model's.
        processor: the model's.
        n_tissues: values that are drawn of a pair.
        seed: of the draw.

    Attributes:
        unused: (cohort, donor, gene id) -> why its values are not used, of those that were asked for so far.
    """

    def __init__(
        self,
        pairs: ExpressionPairs,
        genomes: DonorGenomes,
        gene_table: GeneTable,
        cre_table: CreTable,
        processor: VariantFormerProcessor,
        *,
        n_tissues: int = 2,
        seed: int = 0,
    ) -> None:
        self.pairs = pairs
        self._genomes, self._gene_table, self._cre_table = genomes, gene_table, cre_table
        self._processor, self._n_tissues, self._seed = processor, n_tissues, seed
        self.unused: dict[tuple[str, str, str], str] = {}
        self._finder: RegionFinder | None = None
        self._tokens: ReferenceTokens | None = None

    def __call__(self, key: Mapping[str, Any]) -> dict[str, Any]:
        """The example of a key ``{"epoch", "pair"}``.

        Returns:
            cre_tokens (list of (n,) int32, at most ``token_length``), cre_class_ids (N,), gene_tokens (list of rows),
            tissue_ids (T,) int64, labels (T,) float32 log1p TPM, NaN where the pair has fewer values.
        """
        pair = int(key["pair"])
        tissues, labels = self.pairs.drawn(pair, self._n_tissues, (self._seed, int(key["epoch"])))
        gene = self._gene_table.genes[int(self.pairs.gene[pair])]
        donor = int(self.pairs.donor[pair])
        tokens = self.tokens(self.pairs.cohorts[donor], self.pairs.donors[donor], gene)
        if tokens is None:
            # Without it this process would be a step ahead of the others; a label that is not there counts nothing.
            nothing = np.zeros(0, dtype=np.int32)
            tokens = {"cre_tokens": [nothing], "cre_class_ids": np.zeros(1, np.int64), "gene_tokens": [nothing]}
            labels = np.full_like(labels, np.nan)
        return {**tokens, "tissue_ids": tissues, "labels": labels}

    def elements(self, pair: int) -> list[np.ndarray]:
        """Tokens of a pair's cCREs; none where the donor lacks the gene, and one without tokens in their place."""
        donor = int(self.pairs.donor[pair])
        gene = self._gene_table.genes[int(self.pairs.gene[pair])]
        found = self.tokens(self.pairs.cohorts[donor], self.pairs.donors[donor], gene)
        return [np.zeros(0, dtype=np.int32)] if found is None else found["cre_tokens"]

    def tokens(self, cohort: str, donor: str, gene: Gene) -> dict[str, Any] | None:
        """cre_tokens, cre_class_ids and gene_tokens of a donor's gene.

        None = the donor lacks it, or all its cCREs, or nothing that the donor's file says of it can be used: its
        sequence is not known, and not the reference's. ``unused`` has the reason.
        """
        person = self._genomes.genome(cohort, donor)
        regions = self._regions(gene)
        starts, ends = covered([regions])
        stretch = person.stretch(regions.window.chrom, int(starts.min()), int(ends.max()), within=union(starts, ends))
        if self._tokens is None:
            self._tokens = ReferenceTokens(self._processor.tokenizer, len(self._cre_table))
        found = PersonalTokens(person, stretch, [regions], self._tokens, self._processor.tokenizer).gene(regions)
        use = record_use(person, regions.window.chrom, found.outcomes)
        if found.window is None or not len(found.elements) or not use.is_known:
            reason = GENE_DELETED if use.is_known else ": ".join(filter(None, (use.status, use.reason)))
            key = cohort, donor, gene.gene_id
            if key not in self.unused:
                self.unused[key] = reason
                logger.warning("%s of %s is not used (%s)", gene.gene_id, donor, reason)
            return None
        length = self._processor.token_length
        rows = window_rows(found.window, self._processor)
        return {
            "cre_tokens": [found.elements[row][:length] for row in range(len(found.elements))],
            "cre_class_ids": found.class_ids,
            "gene_tokens": [rows[row] for row in range(len(rows))],
        }

    def _regions(self, gene: Gene) -> GeneRegions:
        if self._finder is None:
            self._finder = region_finder(self._gene_table, self._cre_table, self._processor, self._genomes.reference)
        return self._finder.find(gene)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_finder": None, "_tokens": None}


def expression_dataset(
    examples: ExpressionExamples,
    *,
    epoch: int = 0,
    seed: int = 0,
    shuffle: bool = True,
    shards: int = SHARDS,
    share: Share = ALL,
) -> datasets.IterableDataset:
    """One epoch of stage-2 examples.

    Every pair comes once, in an order that the seed and the epoch decide. ``state_dict`` and ``load_state_dict`` say
    and set how far it is.

    Args:
        examples: makes the examples.
        epoch, seed, shuffle: of the order.
        shards: how many a loader's workers share, of lengths that differ by one at most; fewer where there are fewer
            pairs.
        share: (number, of): one process's pairs, those at number, number + of, ... of the order, so that a step of all
            processes takes the same pairs however many they are.
    """
    n_pairs = len(examples.pairs)
    options = {"n": n_pairs, "epoch": epoch, "seed": seed, "shuffle": shuffle, "share": share}
    return _keys_dataset(_expression_keys, n_pairs, shards, options).map(examples)


def _keys_dataset(
    keys: Callable[..., Iterator[dict[str, int]]], n: int, shards: int, options: dict[str, Any]
) -> datasets.IterableDataset:
    number, processes = options["share"]
    shards = max(1, min(shards, len(range(number, n, processes))))
    return datasets.IterableDataset.from_generator(
        keys, gen_kwargs={"shards": list(range(shards)), "of": shards, **options}
    )


def _shares(order: Sequence[int] | np.ndarray, share: Share, shards: Sequence[int], of: int) -> Iterator[int]:
    """What some shards of a process's share hold, in order."""
    mine = order[share[0] :: share[1]]
    for shard in shards:
        yield from mine[len(mine) * shard // of : len(mine) * (shard + 1) // of]


def _expression_keys(
    shards: Sequence[int], of: int, n: int, epoch: int, seed: int, shuffle: bool, share: Share
) -> Iterator[dict[str, int]]:
    order = np.random.default_rng([seed, epoch]).permutation(n) if shuffle else np.arange(n)
    for pair in _shares(order, share, shards, of):
        yield {"epoch": epoch, "pair": int(pair)}


@dataclass(frozen=True)
class ActivityRows:
    """Labels of one part of a split, by donor.

    Attributes:
        element, tissue, label: (R,) row of the cCRE table, place among ``tissues``, 0 or 1.
        donors: names.
        of_donor: of each donor its rows.
        tissues: names, in the order of the encoder's heads.
        cohort: of all.
    """

    element: np.ndarray
    tissue: np.ndarray
    label: np.ndarray
    donors: tuple[str, ...]
    of_donor: tuple[np.ndarray, ...]
    tissues: tuple[str, ...]
    cohort: str

    def __len__(self) -> int:
        return len(self.element)

    def only(self, is_kept: np.ndarray) -> "ActivityRows":
        """The rows of a mask (R,), and the donors that have some."""
        place = np.cumsum(is_kept) - 1
        of_donor = [place[mine[is_kept[mine]]] for mine in self.of_donor]
        there = [number for number, mine in enumerate(of_donor) if len(mine)]
        return replace(
            self,
            element=self.element[is_kept],
            tissue=self.tissue[is_kept],
            label=self.label[is_kept],
            donors=tuple(self.donors[number] for number in there),
            of_donor=tuple(of_donor[number] for number in there),
        )


def activity_rows(
    activity: Activity, cres: CreTable, held_out: Sequence[str], *, cohort: str, inside: bool
) -> ActivityRows:
    """Labels on the chromosomes that are held out (``inside``), or on all others.

    Raises:
        ValueError: there are none.
    """
    table = activity.table
    element = table["element"].to_numpy()
    chroms = np.asarray(cres.table["chrom"].to_pylist(), dtype=object)[element]
    wanted = {name if name.startswith("chr") else f"chr{name}" for name in held_out}
    is_held_out = np.array([(name if name.startswith("chr") else f"chr{name}") in wanted for name in chroms])
    rows = np.flatnonzero(is_held_out if inside else ~is_held_out)
    if not len(rows):
        raise ValueError(f"no label lies {'on' if inside else 'outside of'} {', '.join(sorted(wanted))}")
    place = {name: index for index, name in enumerate(activity.tissues)}
    tissue = np.array([place[name] for name in table["tissue"].to_pylist()], dtype=np.int64)[rows]
    donor = np.asarray(table["donor"].to_pylist(), dtype=object)[rows]
    donors = tuple(dict.fromkeys(donor.tolist()))
    return ActivityRows(
        element=element[rows],
        tissue=tissue,
        label=table["label"].to_numpy()[rows].astype(np.int64),
        donors=donors,
        of_donor=tuple(np.flatnonzero(donor == name) for name in donors),
        tissues=activity.tissues,
        cohort=cohort,
    )


class ActivityExamples:
    """Makes stage-1 examples of keys: both strands of a donor's element, and its label in a tissue.

    Args:
        rows: the labels.
        genomes: of the donors.
        cres: the elements.
        processor: of the encoder; its flank and token length.
    """

    def __init__(
        self, rows: ActivityRows, genomes: DonorGenomes, cres: CreTable, processor: VariantFormerProcessor
    ) -> None:
        self.rows = rows
        self._genomes, self._processor = genomes, processor
        self._contigs, self._chrom = cres.contigs, cres.table["chrom"].to_pylist()
        self._contig_of: dict[str, str] = {}
        self._start, self._end = cres.table["start"].to_numpy(), cres.table["end"].to_numpy()
        self._class_id = cres.class_ids

    def __call__(self, keys: Mapping[str, Sequence[int]]) -> dict[str, list[Any]]:
        """Examples of a batch of keys ``{"row": [...], "donor": [...]}``.

        Returns:
            forward_tokens, reverse_tokens ((n,) int32 each), tissue_id, label, context_id (class of the element).
        """
        flank, length = self._processor.cre_flank, self._processor.token_length
        row = np.asarray(keys["row"], dtype=np.int64)
        donor = np.asarray(keys["donor"], dtype=np.int64)
        forward: list[str] = [""] * len(row)
        for number in np.unique(donor).tolist():
            person = self._genomes.genome(self.rows.cohort, self.rows.donors[number])
            mine = np.flatnonzero(donor == number)
            intervals = [self._interval(int(self.rows.element[row[at]]), flank) for at in mine]
            for at, sequence in zip(mine.tolist(), person.sequences(intervals), strict=True):
                forward[at] = sequence
        backward = [reverse_complement(sequence) for sequence in forward]
        tokenizer = self._processor.tokenizer
        tokens = [
            [np.asarray(each[:length], dtype=np.int32) for each in tokenizer.encode_sequences(texts)]
            for texts in (forward, backward)
        ]
        return {
            "forward_tokens": tokens[0],
            "reverse_tokens": tokens[1],
            "tissue_id": self.rows.tissue[row].tolist(),
            "label": self.rows.label[row].tolist(),
            "context_id": self._class_id[self.rows.element[row]].astype(int).tolist(),
        }

    def contigs(self) -> dict[str, list[str]]:
        """Donor -> contigs (by the FASTA) that its elements lie on."""
        return {donor: list(self._elements_of(number)) for number, donor in enumerate(self.rows.donors)}

    def record_uses(self) -> dict[tuple[str, str], RecordUse]:
        """(donor, contig) -> whether what the donor's file says of its elements there could be used.

        A contig is read until a genotype is found that can be.
        """
        return {
            (donor, chrom): self._record_use(donor, chrom, elements)
            for number, donor in enumerate(self.rows.donors)
            for chrom, elements in self._elements_of(number).items()
        }

    def of_known(self, uses: Mapping[tuple[str, str], RecordUse]) -> "ActivityExamples":
        """Those of donors' contigs that are known (see :meth:`record_uses`): a sequence that is not is no reference."""
        is_kept = np.ones(len(self.rows), dtype=bool)
        for donor, mine in zip(self.rows.donors, self.rows.of_donor, strict=True):
            is_kept[mine] = [
                uses[donor, self._contig(self._chrom[element])].is_known for element in self.rows.element[mine].tolist()
            ]
        known = copy(self)
        known.rows = self.rows.only(is_kept)
        return known

    def _elements_of(self, donor: int) -> dict[str, np.ndarray]:
        """Contig -> a donor's elements there, by their starts."""
        elements = np.unique(self.rows.element[self.rows.of_donor[donor]])
        elements = elements[np.argsort(self._start[elements], kind="stable")]
        chroms = np.array([self._contig(self._chrom[element]) for element in elements.tolist()], dtype=object)
        return {chrom: elements[chroms == chrom] for chrom in dict.fromkeys(chroms.tolist())}

    def _record_use(self, donor: str, chrom: str, elements: np.ndarray) -> RecordUse:
        person = self._genomes.genome(self.rows.cohort, donor)
        flank, length = self._processor.cre_flank, self._genomes.reference.contigs[chrom]
        found = np.zeros(0, dtype=np.int8)
        for first in range(0, len(elements), _ELEMENTS_AT_ONCE):
            some = elements[first : first + _ELEMENTS_AT_ONCE]
            starts = np.clip(self._start[some] - flank, 0, length)
            ends = np.clip(self._end[some] + flank, 0, length)
            stretch = person.stretch(chrom, int(starts.min()), int(ends.max()), within=union(starts, ends))
            found = np.concatenate([found, person.outcomes(stretch, starts, ends)[1]])
            if len(found) and record_use(person, chrom, found).is_known:
                break
        return record_use(person, chrom, found)

    def _interval(self, element: int, flank: int) -> Interval:
        start, end = int(self._start[element]), int(self._end[element])
        return Interval(self._contig(self._chrom[element]), max(0, start - flank), end + flank)

    def _contig(self, chrom: str) -> str:
        """The FASTA's name of a contig of the cCRE table."""
        if not self._contig_of:
            reference = self._genomes.reference
            self._contig_of = map_contigs(
                self._contigs, reference.contigs, wanted_file="the cCRE table", available_file=reference.path
            )
        if chrom not in self._contig_of:
            raise ContigError(
                f"has no contig {chrom}", file=self._genomes.reference.path, remedy="Leave out its elements."
            )
        return self._contig_of[chrom]


def activity_dataset(
    examples: ActivityExamples,
    *,
    epoch: int = 0,
    seed: int = 0,
    shuffle: bool = True,
    shards: int = SHARDS,
    share: Share = ALL,
) -> datasets.IterableDataset:
    """One epoch of stage-1 examples, the donors in turn, so that every batch holds as many of each.

    An epoch has as many examples as there are labels, each label once where the donors have as many. A donor with fewer
    labels than others begins again; without ``shuffle`` the labels come once, as they stand. Arguments as for
    :func:`expression_dataset`.
    """
    rows = examples.rows
    sizes = tuple(len(each) for each in rows.of_donor)  # no list: that would be taken for shards
    options = {"sizes": sizes, "epoch": epoch, "seed": seed, "shuffle": shuffle, "share": share}
    return (
        _keys_dataset(_activity_keys, len(rows), shards, options)
        .map(_RowOf(rows), batched=True, batch_size=_ELEMENTS_AT_ONCE, remove_columns=["place"])
        .map(examples, batched=True, batch_size=_ELEMENTS_AT_ONCE, remove_columns=["row", "donor"])
    )


_ELEMENTS_AT_ONCE = 128


class _RowOf:
    """Places among a donor's rows -> rows."""

    def __init__(self, rows: ActivityRows) -> None:
        self._rows = rows

    def __call__(self, keys: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
        places = zip(keys["donor"], keys["place"], strict=True)
        found = [int(self._rows.of_donor[donor][place]) for donor, place in places]
        return {"row": found, "donor": list(keys["donor"])}


def _activity_keys(
    shards: Sequence[int], of: int, sizes: Sequence[int], epoch: int, seed: int, shuffle: bool, share: Share
) -> Iterator[dict[str, int]]:
    """(donor, place among its rows), the donors in turn."""
    total, n_donors = sum(sizes), len(sizes)
    if not shuffle:
        donors = np.repeat(np.arange(n_donors), sizes)
        places = np.concatenate([np.arange(size) for size in sizes])
        for at in _shares(range(total), share, shards, of):
            yield {"donor": int(donors[at]), "place": int(places[at])}
        return
    # Where the processes' number shares a factor with the donors', each process would see some of the donors alone:
    # they move up by one each time that the pattern comes again.
    again, most = math.lcm(n_donors, share[1]), math.gcd(n_donors, share[1])
    for at in _shares(range(total), share, shards, of):
        donor = (at + at // again % most) % n_donors
        yield {"donor": donor, "place": _permuted(at // n_donors, sizes[donor], (seed, epoch, donor))}


def _permuted(turn: int, size: int, key: tuple[int, int, int]) -> int:
    """The turn-th of a donor's rows, round after round, each in another order."""
    return int(_order(turn // size, size, *key)[turn % size])


@lru_cache(maxsize=64)
def _order(turn: int, size: int, seed: int, epoch: int, donor: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch, donor, turn]).permutation(size)

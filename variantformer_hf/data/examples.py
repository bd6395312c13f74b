"""Training examples, made when they are asked for: a donor's gene as a model reads it, and what was measured.

A model is asked for its input and for nothing else, so that examples are the same for every model of the zoo.
"""

import logging
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import datasets
import numpy as np

from ..errors import InputError
from ..zoo.gene_input import GeneInput
from ..zoo.gene_model import GeneModel
from ..zoo.gene_regions import GeneRegions
from ..zoo.opened_model import OpenedModel
from .donors import DonorGenomes
from .epochs import ALL, SHARDS, Share, keys_dataset, shares
from .expression_pairs import ExpressionPairs

logger = logging.getLogger(__name__)


class PairExamples(Protocol):
    """Makes examples of pairs of a gene and a donor.

    Attributes:
        pairs: with their values.
    """

    pairs: ExpressionPairs

    def __call__(self, key: Mapping[str, Any]) -> dict[str, Any]:
        """The example of a key ``{"epoch", "pair"}``: gene, outputs, labels."""
        ...

    def gene(self, pair: int) -> Any:
        """A pair's gene as a model reads it; None = it cannot be used."""
        ...


class ExpressionExamples:
    """Makes examples of keys: a gene of a donor in some tissues.

    It can be sent to worker processes: the model goes without its network, and files are opened there.

    Args:
        pairs: the values, in the model's unit.
        genomes: of the donors.
        model: reads the genes.
        n_tissues: values that are drawn of a pair; None = all outputs of the model, in its order.
        seed: of the draw.
        keep: inputs that are kept in memory once they were read; the oldest go first.

    Attributes:
        unused: (cohort, donor, gene id) -> why its values are not used, of those that were asked for so far.
    """

    def __init__(
        self,
        pairs: ExpressionPairs,
        genomes: DonorGenomes,
        model: GeneModel,
        *,
        n_tissues: int | None = 2,
        seed: int = 0,
        keep: int = 0,
    ) -> None:
        self.pairs = pairs
        self._keep, self._kept = keep, OrderedDict[int, GeneInput]()
        self._genomes, self._model = genomes, model.without_network()
        self._n_tissues, self._seed = n_tissues, seed
        self.unused: dict[tuple[str, str, str], str] = {}
        self._opened: OpenedModel | None = None

    def __call__(self, key: Mapping[str, Any]) -> dict[str, Any]:
        """The example of a key ``{"epoch", "pair"}``.

        Returns:
            gene (a :class:`GeneInput` of the model), outputs (T,) int64, the ids of the tissues, labels (T,) float32 in
            the model's unit, NaN where the pair has fewer values.
        """
        pair = int(key["pair"])
        if self._n_tissues is None:
            return self.in_all_tissues(pair)
        outputs, labels = self.pairs.drawn(pair, self._n_tissues, (self._seed, int(key["epoch"])))
        return self._example(pair, outputs, labels)

    def in_all_tissues(self, pair: int) -> dict[str, Any]:
        """The example of a pair in all outputs of the model, in its order; as that of a key."""
        outputs = np.array([each.id for each in self._model.tissue_names.named], dtype=np.int64)
        return self._example(pair, outputs, self.pairs.in_tissues(pair, outputs))

    def _example(self, pair: int, outputs: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
        gene = self.gene(pair)
        if gene is None:
            # Without it this process would be a step ahead of the others; a label that is not there counts nothing.
            gene, labels = self.stand_in(pair), np.full_like(labels, np.nan)
        return {"gene": gene, "outputs": outputs, "labels": labels}

    def gene(self, pair: int) -> GeneInput | None:
        """A pair's gene as the model reads it.

        None = the donor lacks it, or nothing that the donor's file says of it can be used: its sequence is not known,
        and not the reference's. ``unused`` has the reason.

        Raises:
            InputError: see ``OpenedModel.read``.
        """
        donor = int(self.pairs.donor[pair])
        cohort, name = self.pairs.cohorts[donor], self.pairs.donors[donor]
        found = self._kept.get(pair) or self.opened.read(self._genomes.genome(cohort, name), self._regions(pair))
        if self._keep:
            self._kept[pair] = found
            self._kept.move_to_end(pair)
            if len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        if found.ending is None:
            return found
        key = cohort, name, self.pairs.genes[self.pairs.gene[pair]]
        if key not in self.unused:
            self.unused[key] = ": ".join(filter(None, (found.ending, found.use.reason)))
            logger.warning("%s of %s is not used (%s)", key[2], name, self.unused[key])
        return None

    def stand_in(self, pair: int) -> GeneInput:
        """What takes the place of a pair's gene that is not used."""
        return self.opened.stand_in(self._regions(pair))

    @property
    def opened(self) -> OpenedModel:
        """The model for the donors' reference genome."""
        if self._opened is None:
            self._opened = self._model.open(self._genomes.reference)
        return self._opened

    def check_used(self) -> None:
        """Say how many pairs are not used, and why, once all have been asked for.

        Raises:
            InputError: nothing of a donor is.
        """
        if not self.unused:
            return
        of_donor = Counter((cohort, donor) for cohort, donor, _ in self.unused)
        pairs = self.pairs
        for donor, count in zip(*np.unique(pairs.donor, return_counts=True), strict=True):
            key = pairs.cohorts[donor], pairs.donors[donor]
            if of_donor[key] == count:
                reasons = sorted({reason for (*found, _), reason in self.unused.items() if tuple(found) == key})
                raise InputError(
                    f"none of the {count} genes of {key[1]} ({key[0]}) can be used ({', '.join(reasons)})",
                    remedy="Look at the genotypes with `variantformer doctor`, or leave the donor out.",
                )
        counts = Counter(self.unused.values())
        shown = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
        logger.warning("%d of %d pairs are not used: %s", len(self.unused), len(pairs), shown)

    def _regions(self, pair: int) -> GeneRegions:
        return self.opened.finder.find(self._model.gene_table.genes[int(self.pairs.gene[pair])])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None, "_kept": OrderedDict()}


def expression_dataset(
    examples: PairExamples,
    *,
    epoch: int = 0,
    seed: int = 0,
    shuffle: bool = True,
    shards: int = SHARDS,
    share: Share = ALL,
) -> datasets.IterableDataset:
    """One epoch of examples.

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
    return keys_dataset(_expression_keys, n_pairs, shards, options).map(examples)


def _expression_keys(
    shards: Sequence[int], of: int, n: int, epoch: int, seed: int, shuffle: bool, share: Share
) -> Iterator[dict[str, int]]:
    order = np.random.default_rng([seed, epoch]).permutation(n) if shuffle else np.arange(n)
    for pair in shares(order, share, shards, of):
        yield {"epoch": epoch, "pair": int(pair)}

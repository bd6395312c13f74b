"""What a model's tissue tokens attend to: each cCRE's weight in each layer and head."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..genome.cres import CRE_CLASSES
from ..genome.personal import PersonalGenome
from ..zoo.cre_attention import AttendingModel
from ..zoo.gene_input import GeneInput
from ..zoo.gene_regions import GeneRegions
from ..zoo.statuses import NO_ELEMENT, NO_VARIANTS, OK, WITH_NUMBER, check_used
from .effects import VariantScorer
from .genome_scorer import GenomeScorer


@dataclass(frozen=True, slots=True)
class Pair:
    """A layer and a head, both counted from 0; None = the mean over all."""

    layer: int | None = None
    head: int | None = None

    def __str__(self) -> str:
        layer = "mean of layers" if self.layer is None else f"layer {self.layer}"
        return f"{layer}, {'mean of heads' if self.head is None else f'head {self.head}'}"


def parse_pair(text: str, shape: tuple[int, int]) -> Pair:
    """``mean`` of all; ``5``, the mean of a layer's heads; ``5:3``, a layer's head.

    Args:
        text: as a user writes it.
        shape: layers and heads of the model.

    Raises:
        InputError: it is none of these, or the model has no such layer or head.
    """
    if text == "mean":
        return Pair()
    numbers = text.split(":")
    if len(numbers) > len(shape) or not all(each.isdecimal() for each in numbers):
        raise InputError(f"{text!r} is no layer and head", remedy="Write 5:3 (layer 5, head 3), 5 or mean.")
    found = [int(each) for each in numbers]
    for what, number, count in zip(("layer", "head"), found, shape, strict=False):
        if number >= count:
            raise InputError(f"the model has no {what} {number}", remedy=f"They are counted from 0 to {count - 1}.")
    return Pair(*found)


@dataclass(frozen=True)
class GeneAttention:
    """Attention of the token of each tissue over one gene's cCREs, in one person.

    Attributes:
        sample: the person.
        regions: of the gene: its N cCREs, in the order in which the model reads them.
        cre_ids: accessions of the cCREs.
        tissues: names of the T tissues.
        cres: (n,) int64, which of the cCREs the person has.
        weights: (T, layers, heads, n) float32, each row of n sums to 1; NaN where the model gave no numbers, and n = 0
            where there is nothing to predict from.
        status: of the gene, as of predictions.
        reason: why none of the person's records could be used, or "".
    """

    sample: str
    regions: GeneRegions
    cre_ids: list[str]
    tissues: list[str]
    cres: np.ndarray
    weights: np.ndarray
    status: str
    reason: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there are weights."""
        return self.status in (*WITH_NUMBER, NO_VARIANTS)

    @property
    def n_absent(self) -> int:
        """How many of the gene's cCREs the person lacks, of a gene that has weights."""
        return len(self.cre_ids) - len(self.cres) if self.is_known else 0

    @property
    def cre_classes(self) -> list[str | None]:
        """Class of each of the N cCREs; None = it has none."""
        return [None if number < 0 else CRE_CLASSES[number] for number in self.regions.cre_class_ids.tolist()]

    def of_tissue(self, tissue: int) -> np.ndarray:
        """Weights of one tissue over all N cCREs, (layers, heads, N) float32; NaN for one that the person lacks."""
        found = np.full((*self.weights.shape[1:3], len(self.cre_ids)), np.nan, dtype=np.float32)
        if self.is_known:
            found[:, :, self.cres] = self.weights[tissue]
        return found

    def of_pair(self, tissue: int, pair: Pair) -> np.ndarray:
        """Weights of one tissue by a layer and head, or a mean, over all N cCREs, (N,) float32; NaN as above."""
        weights = self.of_tissue(tissue)
        layers = weights if pair.layer is None else weights[pair.layer : pair.layer + 1]
        heads = layers if pair.head is None else layers[:, pair.head : pair.head + 1]
        mean: np.ndarray = heads.mean(axis=(0, 1))
        return mean

    def statuses(self) -> list[str]:
        """Status of each of the N cCREs: the gene's, or ``no_element``."""
        there = np.zeros(len(self.cre_ids), dtype=bool)
        there[self.cres] = True
        return [self.status if each or not self.is_known else NO_ELEMENT for each in there.tolist()]


def attending(scorer: GenomeScorer) -> AttendingModel:
    """An opened model that attends to cCREs.

    Raises:
        InputError: it attends to none.
    """
    scorer.model.require("cre_attention", "attention")
    assert isinstance(scorer.opened, AttendingModel)
    return scorer.opened


def cre_attentions(
    scorer: VariantScorer,
    people: Sequence[PersonalGenome],
    genes: Sequence[str],
    *,
    tissues: Sequence[str] | None = None,
    allow_unused: bool = False,
    on_gene: Callable[[int, int], None] | None = None,
) -> Iterator[GeneAttention]:
    """What the tissue tokens attend to, one gene of one person after the other, each in one forward pass.

    Args:
        scorer: the model, which has the ability ``cre_attention``.
        people: of one FASTA; the reference is one.
        genes: names.
        tissues: names; None = all.
        allow_unused: go on where nothing of a person's file was used in any gene, instead of stopping behind the
            person's last gene.
        on_gene: called with (done, total) genes of people.

    Yields:
        Of each person the genes, in the order in which they were asked for, each once.

    Raises:
        InputError: the model attends to no cCREs; no such gene or tissue; memory does not suffice for one tissue.
    """
    opened = scorer.open(people[0].reference)
    model = attending(opened)
    query = opened.checked_query(genes, tissues)
    names, outputs = [each.name for each in query.tissues], [each.id for each in query.tissues]
    done, total = 0, len(people) * len(query.genes)
    for person in people:
        scorer.model.check_mode(person.options.mode)
        endings = []
        for gene in query.genes:
            if on_gene is not None:
                on_gene(done, total)
            read = model.read(person, model.finder.find(gene))
            endings.append((read.use.status, read.use.reason))
            yield _gene_attention(model, person.sample, read, names, outputs)
            done += 1
        check_used(person.sample, endings, person.path, allow_unused=allow_unused)
    if on_gene is not None:
        on_gene(total, total)


def _gene_attention(
    model: AttendingModel, sample: str, read: GeneInput, tissues: list[str], outputs: Sequence[int]
) -> GeneAttention:
    found = model.attention(read, outputs)
    status = read.use.status if found.output.status == OK else found.output.status
    cre_ids = model.model.cre_names(read.regions)
    return GeneAttention(sample, read.regions, cre_ids, tissues, found.cres, found.weights, status, read.use.reason)

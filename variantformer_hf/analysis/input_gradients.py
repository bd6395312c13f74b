"""Input x gradient: what each base contributes to a gene's prediction, to first order, by backward passes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..genome.interval import Interval
from ..genome.personal import PersonalGenome
from ..zoo.gene_states import GradientStates
from ..zoo.statuses import OK, check_used
from ..zoo.units import LOG1P_TPM, Unit
from .effects import VariantScorer
from .mutagenesis import check_intervals

# Each output is a backward pass of its own.
_MOST_OUTPUTS = 100


@dataclass(frozen=True)
class InputGradients:
    """Gradients of a gene's prediction by the bases of a stretch; NaN where a base is not read, or is deleted.

    Attributes:
        interval: the stretch, 0-based half-open, by the FASTA's names.
        gene_id: the gene.
        tissues: names of the T outputs.
        reference: the FASTA's bases, upper case.
        gradients: (L, 4, T) float32, the derivative by the share of A, C, G and T at each base of the reference, on all
            haplotypes that are read.
        shares: (L, 4) float32, what the person has there: 1 for a base that both haplotypes have, 0.5 for one of two.
        base: (T,) float32, the prediction.
        status: of the gene in this person, as of predictions.
        unit: of the base, and of the gradients a share.
    """

    interval: Interval
    gene_id: str
    tissues: tuple[str, ...]
    reference: str
    gradients: np.ndarray
    shares: np.ndarray
    base: np.ndarray
    status: str = OK
    unit: Unit = LOG1P_TPM

    @property
    def input_x_gradient(self) -> np.ndarray:
        """(L, 4, T) float32: shares times gradients, so that letters which the person does not have are 0."""
        return self.shares[:, :, None] * self.gradients

    def per_base(self) -> np.ndarray:
        """(L, T) float32: input x gradient of each base, added up over its letters."""
        total: np.ndarray = self.input_x_gradient.sum(axis=1)
        return total


def input_gradients(
    scorer: VariantScorer,
    person: PersonalGenome,
    gene: str,
    intervals: Sequence[Interval],
    *,
    tissues: Sequence[str] | None = None,
    allow_unused: bool = False,
) -> list[InputGradients]:
    """Gradients of one gene's prediction in stretches; a backward pass a window and output, however long they are.

    Args:
        scorer: the model.
        person: in whose genome; the reference is one.
        gene: name of the gene that is predicted.
        intervals: the stretches.
        tissues: names of outputs, at most 100; None = all.
        allow_unused: go on, with NaN, where nothing of the person's file was used in the gene, instead of stopping.

    Raises:
        InputError: the model gives no gradients; a stretch that is not in the gene's regions, or too long; an unknown
            name; too many outputs.
    """
    scorer.model.require("gradients", "input x gradient")
    opened = scorer.open(person.reference)
    wanted = opened.gene(gene, tissues)
    regions = wanted.regions
    if len(wanted.outputs) > _MOST_OUTPUTS:
        raise InputError(
            f"{len(wanted.outputs):,} outputs are as many backward passes, more than {_MOST_OUTPUTS}",
            remedy="Name those that are wanted: --tissue NAME (tissues=).",
        )
    check_intervals(intervals, regions, person)
    in_gene = opened.in_gene(person, regions, wanted.outputs)
    use, states = in_gene.use, in_gene.states
    check_used(person.sample, [(use.status, use.reason)], person.path, allow_unused=allow_unused)
    assert isinstance(states, GradientStates)
    base = in_gene.base()
    low, high = min(each.start for each in intervals), max(each.end for each in intervals)
    whole = Interval(regions.window.chrom, low, high)
    gradients, shares = states.gradients(whole)
    return [
        InputGradients(
            each,
            regions.gene.gene_id,
            tuple(wanted.tissues),
            person.reference.sequence(each.chrom, each.start, each.end).upper(),
            gradients[each.start - low : each.end - low],
            shares[each.start - low : each.end - low],
            base.values,
            in_gene.status(base),
            scorer.model.unit,
        )
        for each in intervals
    ]

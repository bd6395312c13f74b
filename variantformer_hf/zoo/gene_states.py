"""One person's gene as it is, and as it would be."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..genome.edited import EditedGenome
from ..genome.interval import Interval, reverse_complement
from ..genome.personal import PersonalGenome
from .exactness import exact_products
from .gene_input import GeneInput, GeneOutput
from .gene_regions import GeneRegions, covered

if TYPE_CHECKING:
    from .opened_model import OpenedModel


class GeneStates:
    """One person's gene as it is, and as it would be in edited genomes; plain: each is read anew.

    A state is whatever :meth:`of` gives; ``base`` is the gene as the person has it. Differences between states are what
    is asked for, so that products are exact here (float32 without TF32).

    Args:
        opened: the model.
        person: the person.
        regions: of the gene.
        outputs: ids of the outputs.

    Attributes:
        person: the person, with the records of the gene's regions in memory; what edited genomes are to be made of.
        regions: of the gene.
        outputs: ids of the outputs.
        use: whether the person's records in the gene could be used; where not, nothing is predicted: NaN.
        base: the gene as the person has it.
    """

    def __init__(
        self, opened: "OpenedModel", person: PersonalGenome, regions: GeneRegions, outputs: Sequence[int]
    ) -> None:
        starts, ends = covered([regions])
        self.opened, self.regions, self.outputs = opened, regions, list(outputs)
        self.person = person.holding(regions.window.chrom, int(starts.min()), int(ends.max()))
        self._read()

    def _read(self) -> None:
        """Read the gene as the person has it: ``base`` and ``use``."""
        self._input = self.opened.read(self.person, self.regions)
        self.base: Any = self.person
        self.use = self._input.use

    def conflict(self, edited: EditedGenome) -> str | None:
        """A record that is not applied beside an edit in one of the gene's regions, or leaves it out; None = none."""
        return edited.conflict_in(self.regions.window.chrom, *covered([self.regions]))

    def of(self, edited: EditedGenome) -> Any:
        """The gene in an edited genome of this person.

        Raises:
            ReferenceMismatchError: as for ``PersonalGenome.edits``.
        """
        return edited

    @exact_products()
    def predict(self, states: Sequence[Any]) -> list[GeneOutput]:
        """Predict states.

        Raises:
            InputError: memory does not suffice for one.
        """
        inputs = [self._input if state is self.base else self._read_anew(state) for state in states]
        return self.opened.predict(inputs, self.outputs)

    def _read_anew(self, edited: PersonalGenome) -> GeneInput:
        """The gene in an edited genome; whether it is known is a matter of the person's own records."""
        return replace(self.opened.read(edited, self.regions), use=self.use)

    def predict_variants(
        self, variants: Sequence[Sequence[Any]], *, with_embeddings: bool = False
    ) -> list[list[GeneOutput]]:
        """Predict the states of several variants, of each one without it first.

        Args:
            variants: of each its states.
            with_embeddings: also find the vectors of what it changes (``GeneOutput.changed``).
        """
        found = iter(self.predict([state for states in variants for state in states]))
        return [[next(found) for _ in states] for states in variants]

    @exact_products()
    def noise(self) -> np.ndarray:
        """How much the base's prediction differs between batch shapes, (T,) float32: what an effect must exceed."""
        if self._input.ending is not None:
            return np.full(len(self.outputs), np.nan, dtype=np.float32)
        runs = self.opened.predict([self._input], self.outputs) + self.opened.predict([self._input] * 2, self.outputs)
        return np.ptp(np.stack([run.values for run in runs]), axis=0)

    def flags(self, before: Any, after: Any, cres: np.ndarray) -> list[str]:
        """What is to be known of a variant's effect, of the flags in docs/effects.md that depend on the model.

        Args:
            before, after: the states without and with it.
            cres: indices of the gene's cCREs that it lies in.
        """
        return []

    def changed_row(self, states: Sequence[Any]) -> float:
        """Row of the window that a variant's states differ in first; NaN = none, or the model has no rows."""
        return np.nan


class GradientStates(GeneStates, ABC):
    """Of models whose predictions have gradients by the bases that they read."""

    @abstractmethod
    def gradients(self, interval: Interval) -> tuple[np.ndarray, np.ndarray]:
        """How the gene's prediction changes with the bases of a stretch, in the gene as the person has it.

        Args:
            interval: 0-based half-open, by the FASTA's names.

        Returns:
            (L, 4, T) float32, the derivative of each output by the share of A, C, G and T at each base of the
            reference, on all haplotypes that are read; (L, 4), the shares that the person has there. NaN where a base
            is not read, or is deleted.
        """


class CreStates(GeneStates, ABC):
    """Of models that read cCREs one by one: states without one, or with another in its place."""

    @abstractmethod
    def has_cre(self, index: int) -> bool:
        """Whether the person has one of the gene's cCREs."""

    @abstractmethod
    def without_cre(self, index: int) -> Any:
        """The gene without one of its cCREs; where it lies in the window, that stays as it is."""

    def cre_sequences(self, cres: Sequence[int]) -> list[str]:
        """What the model reads of cCREs that the person has, in the gene's orientation, flanks and all.

        Args:
            cres: indices.
        """
        intervals = self.regions.cres
        sequences = self.person.sequences([intervals[index] for index in cres])
        if self.regions.gene.strand == "-":
            return [reverse_complement(sequence) for sequence in sequences]
        return sequences

    @abstractmethod
    def with_cre(self, index: int, sequences: Sequence[str]) -> list[Any]:
        """The gene with other sequences in the place of one of its cCREs, a state each.

        Args:
            index: of the cCRE.
            sequences: as of :meth:`cre_sequences`.
        """

"""What one gene of a baseline is fitted to, and what comes out: arrays alone."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from ...genome.dosages import MISSING, Dosages
from ..gene_fits import people_of_output
from .variants import GeneVariants

NO_VARIANTS_LEFT = "no_variants_in_window"


@dataclass(frozen=True, slots=True)
class VariantFilter:
    """Which variants a gene is fitted to, by the people of the fit.

    Attributes:
        min_maf: their minor alleles are more frequent.
        max_missing: share of missing genotypes, at the most.
    """

    min_maf: float = 0.01
    max_missing: float = 0.99


DEFAULT_FILTER = VariantFilter()


@dataclass(frozen=True, slots=True, eq=False)
class GenePrior:
    """What is known of one gene's variants before its people are looked at, of P priors and T outputs.

    Attributes:
        names: (P,) of the priors.
        effect, weight: (P, T, V) of a copy of ALT of each variant that the gene is fitted to: what the variant does by
            itself, and its weight in the prior's own prediction of a person; 0 where the prior does not know it.
        annotations: (A,) names of what else speaks for a variant, such as lying near.
        annotation: (A, V) from 0 to 1.
        others: R variants that are too rare to be fitted, are no SNVs, or that nobody of the fit carries.
        other_dosage: (n, R) float64, copies of their ALT.
        other_weight: (P, T, R), as ``weight``.
        panel: (m, V) copies of ALT in people of the population that will be predicted; None = the people of the fit.
    """

    names: tuple[str, ...]
    effect: np.ndarray
    weight: np.ndarray
    annotations: tuple[str, ...]
    annotation: np.ndarray
    others: GeneVariants
    other_dosage: np.ndarray
    other_weight: np.ndarray
    panel: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class GeneData:
    """One gene's people of the fit.

    Attributes:
        variants: V variants that pass the filter.
        dosage: (n, V) float64, copies of ALT, missing ones the variant's mean.
        person, output: (N,) int64, of each value: row of ``dosage``, number of the output.
        value: (N,) float64.
        n_outputs: outputs of the model.
        is_log1p_tpm: whether the values are log1p TPM, of which 0 is what was not seen.
        prior: what is known of the variants beforehand, for a recipe that asks for it.
    """

    variants: GeneVariants
    dosage: np.ndarray
    person: np.ndarray
    output: np.ndarray
    value: np.ndarray
    n_outputs: int
    is_log1p_tpm: bool = False
    prior: "GenePrior | None" = None

    def of_output(self, output: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of ``dosage``, ascending, and the value of each: the mean where a person has several."""
        return people_of_output(self.person, self.output, self.value, output)


@dataclass(frozen=True, slots=True, eq=False)
class GeneFit:
    """A fitted gene.

    Attributes:
        variants: that the fit reads.
        arrays: name -> array, of the recipe's network; see its ``assemble``.
        rows: of each output: status, n_people, and what the recipe says of it.
        n_read: variants that it could be fitted to; -1 = by its recipe none is read.
    """

    variants: GeneVariants
    arrays: dict[str, np.ndarray]
    rows: list[dict[str, Any]] = field(default_factory=list)
    n_read: int = -1


@dataclass(frozen=True, slots=True)
class DosageRecipe(ABC):
    """How a kind of baseline is fitted, gene by gene.

    Attributes:
        radius, anchor: where variants are looked for, see ``DosageConfig``.
        filter: which of them are read; None = none are.
        seed: of what is drawn.
        kind: the recipe's name.
        network: of which network its models are: ``linear`` or ``forest``.
        of_tpm: whether it is fitted to log1p TPM alone.
    """

    radius: int = 1_000_000
    anchor: str = "gene"
    filter: VariantFilter | None = DEFAULT_FILTER
    seed: int = 0

    kind: ClassVar[str]
    network: ClassVar[str]
    of_tpm: ClassVar[bool] = False

    @property
    def least_people(self) -> int:
        """Without as many to train on nothing is fitted."""
        return 1

    @abstractmethod
    def fit(self, data: GeneData) -> GeneFit:
        """Fit a gene."""


def imputed(dosages: Dosages, which: VariantFilter) -> tuple[GeneVariants, np.ndarray, dict[str, int]]:
    """Variants that pass a filter, and their dosages with the mean in the place of missing ones.

    Args:
        dosages: of the people of the fit, and of no one else.
        which: the filter.

    Returns:
        V variants by position, REF and ALT, each once; (n, V) float64; why the others are left out, and how many.
    """
    found = _Filtered.of(dosages, which)
    is_missing, is_rare = found.is_missing, found.is_rare
    chosen = found.chosen(~(is_missing | is_rare))
    left_out = {"missing": is_missing, "rare": is_rare, "twice": found.is_twice & ~is_missing & ~is_rare}
    return *found.read(chosen), {name: int(each.sum()) for name, each in left_out.items()}


def rare_ones(dosages: Dosages, which: VariantFilter) -> tuple[GeneVariants, np.ndarray]:
    """Variants that a filter leaves out for being rare alone, each once; arguments and arrays as of :func:`imputed`."""
    found = _Filtered.of(dosages, which)
    return found.read(found.chosen(found.is_rare))


@dataclass(frozen=True, slots=True, eq=False)
class _Filtered:
    """Dosages, and why a variant is not used: (variants,) bool each; ``order`` is that of position, REF and ALT."""

    dosages: Dosages
    known: np.ndarray
    mean: np.ndarray
    order: np.ndarray
    is_missing: np.ndarray
    is_rare: np.ndarray
    is_twice: np.ndarray

    @classmethod
    def of(cls, dosages: Dosages, which: VariantFilter) -> "_Filtered":
        known = dosages.values != MISSING
        n_known = known.sum(axis=0)
        total = np.where(known, dosages.values, 0).sum(axis=0, dtype=np.int64)
        mean = total / np.maximum(n_known, 1)
        frequency = mean / 2
        is_missing = 1 - n_known / max(1, len(known)) > which.max_missing
        is_rare = ~is_missing & (np.minimum(frequency, 1 - frequency) <= which.min_maf)
        names = list(zip(dosages.position.tolist(), dosages.ref, dosages.alt, strict=True))
        order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
        is_twice = np.zeros(len(order), dtype=bool)
        is_twice[order[1:]] = [names[one] == names[other] for one, other in pairwise(order.tolist())]
        return cls(dosages, known, mean, order, is_missing, is_rare, is_twice)

    def chosen(self, wanted: np.ndarray) -> np.ndarray:
        """Columns of the wanted ones in their order, each variant once."""
        return self.order[(wanted & ~self.is_twice)[self.order]]

    def read(self, columns: np.ndarray) -> tuple[GeneVariants, np.ndarray]:
        variants = GeneVariants(
            self.dosages.position[columns],
            self.dosages.ref[columns],
            self.dosages.alt[columns],
            self.mean[columns].astype(np.float32),
        )
        values = self.dosages.values[:, columns].astype(np.float64)
        return variants, np.where(self.known[:, columns], values, variants.mean.astype(np.float64))

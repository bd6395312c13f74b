"""Covariances of genes' variants over the people of a panel, all or those of a population."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ...genome.variant_dosages import VariantDosages
from ...genome.variant_files import genotype_source
from .weights import AssociationWeights, GeneGroup, neighbouring

# Name of everybody in a panel whose populations are not asked for.
EVERYBODY = ""
_BYTES_OF_DOSAGES, _GENES_AT_ONCE, _VARIANTS_AT_ONCE = 256 << 20, 2_000, 20_000
_FEWEST_PEOPLE = 10


@dataclass(frozen=True, slots=True, eq=False)
class GeneCovariance:
    """Covariances of the variants of a gene in all its tissues.

    Attributes:
        gene_id: the gene.
        variant: (k,) int64, numbers of the variants, of those that the panel has.
        value: population -> (k, k) float64, of copies of ALT.
    """

    gene_id: str
    variant: np.ndarray
    value: Mapping[str, np.ndarray]

    def of(self, variants: np.ndarray) -> np.ndarray:
        """Places of some variants among those of the gene; those that the panel does not have are left out."""
        place = {number: place for place, number in enumerate(self.variant.tolist())}
        return np.array([place[number] for number in variants.tolist() if number in place], dtype=np.int64)


def people_of_populations(samples: tuple[str, ...], population_of: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Population -> indices of its people in a panel, in the order of the names of populations.

    Raises:
        InputError: nobody of the panel has a population; one has fewer than 10 people.
    """
    found: dict[str, list[int]] = {}
    for number, name in enumerate(samples):
        if name in population_of:
            found.setdefault(population_of[name], []).append(number)
    if not found:
        raise InputError(
            f"names the population of nobody in the panel, whose people are {', '.join(samples[:3])}, ...",
            remedy="Name people as the panel does.",
        )
    few = next((name for name, people in found.items() if len(people) < _FEWEST_PEOPLE), None)
    if few is not None:
        raise InputError(
            f"the population {few} has {len(found[few])} people in the panel, and a covariance needs {_FEWEST_PEOPLE}",
            remedy="Leave it out, or give a larger panel.",
        )
    return {name: np.array(found[name]) for name in sorted(found)}


def panel_covariances(
    weights: AssociationWeights, panel: VariantDosages, groups: Mapping[str, np.ndarray], counts: Counter[str]
) -> Iterator[GeneCovariance]:
    """Covariances of each gene's variants, gene by gene in the order of the genome; a missing dosage is the mean.

    Args:
        weights: in their one spelling.
        panel: of the people.
        groups: population -> indices of its people.
        counts: added to: missing dosages, and what became of the variants.

    Raises:
        InputError: the panel has none of the variants, or fewer than 10 people; it cannot be read.
    """
    if min(map(len, groups.values())) < _FEWEST_PEOPLE:
        raise InputError(
            f"has {len(panel.samples)} people, and a covariance needs at least {_FEWEST_PEOPLE}",
            file=genotype_source(panel.vcf),
            remedy="Give a larger panel.",
        )
    n_found = 0
    most = max(1, min(_VARIANTS_AT_ONCE, _BYTES_OF_DOSAGES // (8 * len(panel.samples))))
    for group in neighbouring(weights, most_genes=_GENES_AT_ONCE, most_variants=most):
        there, values = _dosages(group, weights, panel)
        n_found += len(there)
        counts["missing_dosages"] += int((values < 0).sum())
        row_of = {number: row for row, number in enumerate(there)}
        filled = {name: _filled(values[:, people]) for name, people in groups.items()}
        for gene_id, numbers in _genes(group, weights):
            rows = [row_of[number] for number in numbers if number in row_of]
            variant = np.array([there[row] for row in rows], dtype=np.int64)
            value = {
                name: np.atleast_2d(np.cov(each[rows])) if rows else np.zeros((0, 0)) for name, each in filled.items()
            }
            yield GeneCovariance(gene_id, variant, value)
    counts.update({f"variants_{name}": count for name, count in panel.counts.items()})
    if not n_found:
        raise InputError(
            "has none of the variants of the weights",
            file=genotype_source(panel.vcf),
            remedy="Give a panel of the weights' assembly, with the variants that they were fitted to.",
        )


def _dosages(group: GeneGroup, weights: AssociationWeights, panel: VariantDosages) -> tuple[list[int], np.ndarray]:
    """Numbers of the variants that the panel has, in order of position, and their dosages (variants, people) int8."""
    asked = [weights.variants[number] for number in group.variants]
    pieces = [(each.variant.copy(), each.values.copy()) for each in panel.read(group.chrom, asked)]
    if not pieces:
        return [], np.zeros((0, len(panel.samples)), dtype=np.int8)
    place, values = (np.concatenate(each) for each in zip(*pieces, strict=True))
    order = np.argsort(place)
    return [group.variants[row] for row in place[order].tolist()], values[order]


def _filled(values: np.ndarray) -> np.ndarray:
    """(variants, people) float64, missing ones the mean of the others, 0 where all are missing."""
    missing = values < 0
    known = np.maximum(1, (~missing).sum(axis=1))
    mean = np.where(missing, 0, values).sum(axis=1, dtype=np.int64) / known
    return np.where(missing, mean[:, None], values)


def _genes(group: GeneGroup, weights: AssociationWeights) -> Iterator[tuple[str, list[int]]]:
    """Each gene's variants in all its tissues, in order of position."""
    of_gene: dict[str, set[int]] = {}
    for place in group.genes:
        gene = weights.genes[place]
        of_gene.setdefault(gene.gene_id, set()).update(gene.variant.tolist())
    for gene_id, numbers in of_gene.items():
        yield gene_id, sorted(numbers, key=lambda number: weights.variants[number])

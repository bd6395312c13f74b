"""phi: by how much a polygenic trait, with nothing to do with a gene, inflates the variance of the gene's z.

For a trait whose heritability h2 lies evenly on M variants, E[z^2] of predicted expression T in a GWAS of n people is
1 + n h2 phi, with phi the mean over all M of the squared correlation of T with a variant: few near the gene have any.
MetaXcan reads phi from the table ``extra`` and divides z by sqrt(1 + n h2 phi); it is what Liang, Nyasimi and Im
(American Journal of Human Genetics, 2026) estimate by regressing z^2 of simulated traits on n h2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...errors import InputError
from ...genome.dosages import DosageFile
from ...genome.interval import Interval
from ...genome.variant_dosages import VariantDosages
from ...genome.variant_files import genotype_source
from .prediction import group_sums
from .weights import AssociationWeights, neighbouring

_BASES_AT_ONCE = 1_000_000
_BYTES_AT_ONCE = 256 << 20
_LEAST_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True)
class InflationOptions:
    """How phi is computed.

    Attributes:
        least_maf: variants of the panel that count, by the frequency of their minor alleles.
        reach: bases on both sides of a gene's variants within which a correlation is more than chance.
        n_variants: M; None = as many as the panel has.
    """

    least_maf: float = 0.01
    reach: int = 1_000_000
    n_variants: int | None = None


def with_inflation(
    weights: AssociationWeights,
    people: VariantDosages,
    panel: DosageFile,
    options: InflationOptions = InflationOptions(),
    on_contig: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[AssociationWeights, int]:
    """The weights with phi of each gene and tissue, and the number of variants that it is a mean over.

    Of each squared correlation what chance makes of it in so many people is taken off, (1 - r^2) / (n - 2).

    Args:
        weights: in their one spelling.
        people, panel: the same panel of genotypes, of the whole genome unless M is given.
        options: see there.
        on_contig: called with (contigs that are done, all).

    Raises:
        InputError: the panel has fewer than 10 people, or no variant that counts.
    """
    if len(people.samples) < 10:
        raise InputError(
            f"has {len(people.samples)} people, and phi needs at least 10",
            file=genotype_source(people.vcf),
            remedy="Give more.",
        )
    total = np.full(len(weights.genes), np.nan)
    n_variants = 0
    contigs = people.reference.contigs
    for number, (chrom, length) in enumerate(contigs.items()):
        on_contig(number, len(contigs))
        if not panel.has_contig(chrom):
            continue
        places, expression, spans = _expression(weights, people, chrom, options.reach)
        sums = np.zeros(len(places))
        for start in range(0, length, _BASES_AT_ONCE):
            end = min(length, start + _BASES_AT_ONCE)
            near = np.flatnonzero((spans[:, 0] < end) & (spans[:, 1] > start))
            found = panel.read(Interval(chrom, start, end), snps_only=False)
            # A record that reaches over the end is of the stretch that it begins in.
            own = found.values[:, (found.position >= start) & (found.position < end)]
            at_once = max(1, _BYTES_AT_ONCE // (8 * len(own)))
            for first in range(0, own.shape[1], at_once):
                dosage = _standard(own[:, first : first + at_once], options.least_maf)
                n_variants += dosage.shape[1]
                if len(near) and dosage.shape[1]:
                    r2 = np.square(dosage.T @ expression[near].T / len(dosage))
                    sums[near] += (r2 - (1 - r2) / (len(dosage) - 2)).sum(axis=0)
        total[places] = sums
    on_contig(len(contigs), len(contigs))
    if not n_variants:
        raise InputError(
            f"has no variant whose minor allele has a frequency of {options.least_maf} or more",
            file=genotype_source(people.vcf),
            remedy="Give a panel of the whole genome.",
        )
    of_all = options.n_variants or n_variants
    genes = [
        gene if np.isnan(value) else replace(gene, said={**gene.said, "phi": float(value / of_all)})
        for gene, value in zip(weights.genes, total.tolist(), strict=True)
    ]
    return replace(weights, genes=tuple(genes)), of_all


def _expression(
    weights: AssociationWeights, people: VariantDosages, chrom: str, reach: int
) -> tuple[Sequence[int], np.ndarray, np.ndarray]:
    """A contig's genes whose predicted expression varies.

    Returns:
        Places of their weights, (genes, people) of mean 0 and variance 1, (genes, 2) stretches that they reach over.
    """
    own = [place for place, gene in enumerate(weights.genes) if weights.variants[int(gene.variant[0])].chrom == chrom]
    here = replace(weights, genes=tuple(weights.genes[place] for place in own))
    places, rows, spans = [], [], []
    most = max(1, _BYTES_AT_ONCE // (8 * len(people.samples)))
    for group in neighbouring(here, most_genes=most, most_variants=most):
        sums = group_sums(here, group, people, constants=False)
        for place, values in zip(sums.genes, sums.values, strict=True):
            away = values - values.mean()
            if not away.var() > _LEAST_VARIANCE:
                continue
            of_gene = [here.variants[number].start for number in here.genes[place].variant.tolist()]
            places.append(own[place])
            rows.append(away / away.std())
            spans.append((min(of_gene) - reach, max(of_gene) + 1 + reach))
    return (
        places,
        np.array(rows).reshape(len(rows), len(people.samples)),
        np.array(spans, dtype=np.int64).reshape(-1, 2),
    )


def _standard(dosage: np.ndarray, least_maf: float) -> np.ndarray:
    """(people, variants) of mean 0 and variance 1, of variants that are frequent enough; a missing one is the mean."""
    missing = dosage < 0
    known = (~missing).sum(axis=0)
    mean = np.where(missing, 0, dosage).sum(axis=0, dtype=np.int64) / np.maximum(1, known)
    kept = np.flatnonzero((known > 0) & (np.minimum(mean, 2 - mean) / 2 >= least_maf))
    values = np.where(missing[:, kept], 0, dosage[:, kept] - mean[kept])
    scale = values.std(axis=0)
    varies = scale**2 > _LEAST_VARIANCE
    return values[:, varies] / scale[varies]

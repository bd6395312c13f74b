"""Genes that a cohort has no value of, in a fit from priors: a prior's own weights, which no value takes part in."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...genome.contigs import bare_name
from ...genome.genes import Gene, stable_id
from ...genome.interval import Interval
from ...genome.reference import ReferenceGenome
from ...genome.variant import VariantNormalizer
from ...zoo.dosage.gene_fit import GeneFit
from ...zoo.dosage.gene_model import LinearDosageGeneModel
from ...zoo.gene_fits import NO_VALUES
from ...zoo.gene_regions import RegionFinder
from .priors import Prior

PRIOR_ALONE = "prior_alone"


def of_priors_alone(
    genes: Sequence[Gene],
    priors: Sequence[Prior],
    finder: RegionFinder,
    reference: ReferenceGenome,
    tissues: Sequence[str],
    unit: str,
) -> tuple[dict[str, GeneFit], Counter[str]]:
    """The weights of genes without values: those of the first prior that predicts the gene itself.

    That is a folder of weights in the unit of the cohort; a table of effects has no level of a gene. Variants outside
    of the fit's window, which a prediction would not read, are taken at their mean. A gene on another chromosome, or
    with a variant whose REF is not the reference's, is left out.

    Args:
        genes: that nothing is fitted to.
        priors: in their order.
        finder: of the windows of the fit.
        reference: the FASTA.
        tissues: of the fit, by number.
        unit: of its values.

    Returns:
        gene_id -> its weights; and why what is there was not used: ``prior_in_other_unit`` (priors),
        ``prior_on_other_chromosome`` and ``prior_of_other_ref`` (genes), ``prior_outside_window`` (variants).
    """
    found, left_out = dict[str, GeneFit](), Counter[str]()
    normalizer = VariantNormalizer(reference)
    models = [prior.model for prior in priors if prior.model is not None]
    left_out["prior_in_other_unit"] = sum(model.unit.name != unit for model in models)
    for model in models:
        if model.unit.name != unit:
            continue
        number_of = {stable_id(gene.gene_id): number for number, gene in enumerate(model.gene_table)}
        outputs = [_output(model, tissue) for tissue in tissues]
        of_outputs = {output: model.weights(output) for output in outputs if output is not None}
        for gene in genes:
            number = number_of.get(stable_id(gene.gene_id))
            if number is None or gene.gene_id in found:
                continue
            if bare_name(model.gene_table.genes[number].chrom) != bare_name(gene.chrom):
                left_out["prior_on_other_chromosome"] += 1
                continue
            window = finder.find(gene).window
            named = model.variants.of(number).names
            if not all(normalizer.holds(window.chrom, position, ref) for position, ref, _ in named):
                left_out["prior_of_other_ref"] += 1
                continue
            fit, n_outside = _of_gene(model, number, outputs, of_outputs, window)
            if fit.arrays["fitted"].any():
                found[gene.gene_id] = fit
                left_out["prior_outside_window"] += n_outside
    return found, left_out


def _output(model: LinearDosageGeneModel, tissue: str) -> int | None:
    resolved, _ = model.tissue_names.resolve([tissue])
    return resolved[0].id if resolved else None


def _of_gene(
    model: LinearDosageGeneModel,
    number: int,
    outputs: Sequence[int | None],
    of_outputs: dict[int, dict[str, np.ndarray]],
    window: Interval,
) -> tuple[GeneFit, int]:
    """A gene's weights in the outputs of the fit, and how many variants lie outside of the window."""
    variants = model.variants.of(number)
    weight = np.zeros((len(outputs), len(variants)))
    intercept, fitted = np.zeros(len(outputs)), np.zeros(len(outputs), dtype=bool)
    for place, output in enumerate(outputs):
        if output is None or not bool(model.network.fitted[number, output]):
            continue
        rows = of_outputs[output]
        here = slice(*np.searchsorted(rows["gene"], [number, number + 1]))
        weight[place, rows["variant"][here]] = rows["weight"][here]
        intercept[place], fitted[place] = float(model.network.intercept.detach()[number, output]), True
    used = weight.any(axis=0)
    inside = (variants.position >= window.start) & (variants.position < window.end)
    intercept += weight[:, ~inside] @ variants.mean[~inside]
    kept = np.flatnonzero(used & inside)
    rows_of = [
        {"output": place, "status": PRIOR_ALONE, "n_people": 0, "n_variants": int((weight[place, kept] != 0).sum())}
        if fitted[place]
        else {"output": place, "status": NO_VALUES, "n_people": 0}
        for place in range(len(outputs))
    ]
    arrays: dict[str, np.ndarray] = {
        "weight": weight[:, kept].astype(np.float32),
        "intercept": intercept,
        "fitted": fitted,
    }
    return GeneFit(variants.chosen(kept), arrays, rows_of, int(inside.sum())), int((used & ~inside).sum())

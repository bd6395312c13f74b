"""Genes that a cohort has no value of, in a fit from priors: a prior's own weights, which no value takes part in."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...genome.genes import Gene, stable_id
from ...genome.interval import Interval
from ...zoo.dosage.gene_fit import GeneFit
from ...zoo.dosage.gene_model import LinearDosageGeneModel
from ...zoo.gene_fits import NO_VALUES
from ...zoo.gene_regions import RegionFinder
from .priors import Prior

PRIOR_ALONE = "prior_alone"


def of_priors_alone(
    genes: Sequence[Gene], priors: Sequence[Prior], finder: RegionFinder, tissues: Sequence[str], unit: str
) -> tuple[dict[str, GeneFit], Counter[str]]:
    """The weights of genes without values: those of the first prior that predicts the gene itself.

    That is a folder of weights in the unit of the cohort; a table of effects has no level of a gene. Variants outside
    of the fit's window, which a prediction would not read, are left out.

    Args:
        genes: that nothing is fitted to.
        priors: in their order.
        finder: of the windows of the fit.
        tissues: of the fit, by number.
        unit: of its values.

    Returns:
        gene_id -> its weights; and why what is there was not used: ``prior_in_other_unit`` (priors), and
        ``prior_outside_window`` (variants).
    """
    found, left_out = dict[str, GeneFit](), Counter[str]()
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
            fit, n_outside = _of_gene(model, number, outputs, of_outputs, finder.find(gene).window)
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
        here = rows["gene"] == number
        weight[place, rows["variant"][here]] = rows["weight"][here]
        intercept[place], fitted[place] = float(model.network.intercept.detach()[number, output]), True
    used = weight.any(axis=0)
    inside = (variants.position >= window.start) & (variants.position < window.end)
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
    return GeneFit(variants.chosen(kept), arrays, rows_of, len(variants)), int((used & ~inside).sum())

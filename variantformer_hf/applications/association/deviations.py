"""Standard deviations of dosages, of a panel or of the people whom weights were fitted to."""

from collections import Counter

import numpy as np

from ...genome.cohort_files import GivenGenotypes
from ...genome.reference import ReferenceGenome
from .covariance_sources import opened_panel
from .panel_covariance import EVERYBODY, panel_covariances
from .weights import AssociationWeights


def dosage_deviations(
    weights: AssociationWeights, panel: GivenGenotypes | None, reference: ReferenceGenome | None, min_probability: float
) -> tuple[np.ndarray, Counter[str]]:
    """The standard deviation of each variant's dosages.

    Of a panel that of its people; without one, and for variants that it does not have, that of Hardy and Weinberg's
    proportions at the frequency of the people of the fit. Where that is not known either it is NaN.

    Args:
        weights: of genes; in their one spelling where there is a panel.
        panel, reference: genotypes and FASTA; None = there is no panel.
        min_probability: see ``Reading``.

    Returns:
        (variants,), and how many are of the panel and of the fit.

    Raises:
        InputError: see ``panel_covariances``.
    """
    deviation = np.full(len(weights.variants), np.nan)
    counts = Counter[str]()
    for gene in weights.genes:
        deviation[gene.variant] = np.sqrt(np.maximum(gene.mean * (1 - gene.mean / 2), 0))
    if panel is not None and reference is not None:
        with opened_panel(panel, reference, min_probability) as (file, groups):
            of_panel = np.zeros(len(deviation), dtype=bool)
            for found in panel_covariances(weights, file, groups, counts):
                deviation[found.variant] = np.sqrt(np.diag(found.value[EVERYBODY]))
                of_panel[found.variant] = True
        counts["deviations_of_panel"] = int(of_panel.sum())
    counts["deviations_of_fit"] = int(np.isfinite(deviation).sum()) - counts["deviations_of_panel"]
    return deviation, counts

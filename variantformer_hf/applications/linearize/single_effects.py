"""What a model says of each variant by itself, a copy of its ALT in the reference genome."""

from collections import Counter

import numpy as np

from ...analysis.genome_scorer import GenomeScorer
from ...genome.personal import PersonalGenome
from ...zoo.gene_regions import GeneRegions
from .panel_variants import PanelVariants


def single_effects(
    scorer: GenomeScorer,
    genome: PersonalGenome,
    regions: GeneRegions,
    outputs: list[int],
    variants: PanelVariants,
) -> tuple[np.ndarray, np.ndarray, Counter[str]]:
    """Effects of variants, a copy of ALT each, as far as the model can say.

    Of one and of two copies the model may say what is no multiple: a heterozygous insertion in IUPAC letters reads as a
    homozygous one. The effect of a copy is then the slope over people at the ALT's frequency p, Fisher's average effect
    of a substitution: (1 - p) x effect of the first copy + p x effect of the second.

    Args:
        scorer: the model.
        genome: the reference genome, in the model's mode.
        regions: of the gene.
        outputs: ids of T outputs.
        variants: V variants.

    Returns:
        (T, V) float64, NaN where the model says nothing; (T,) the prediction of the reference genome, NaN if there is
        none; of how many variants nothing is said, by their status.
    """
    in_gene = scorer.in_gene(genome, regions, outputs)
    reference = in_gene.base().values.astype(float)
    effect = np.full((len(outputs), len(variants.variants)), np.nan)
    statuses: Counter[str] = Counter()
    for column, scored in enumerate(in_gene.score(variants.variants, ("het", "hom"))):
        one, two = scored.alt.astype(float) - scored.ref
        frequency = variants.frequency[column]
        effect[:, column] = (1 - frequency) * one + frequency * (two - one)
        if np.isnan(effect[:, column]).all():
            statuses[scored.status] += 1
    return effect, reference, statuses

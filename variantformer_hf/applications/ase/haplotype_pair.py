"""One gene of one person: whether its two haplotypes are known, and each predicted alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...analysis.gene_scorer import GeneScorer
from ...analysis.genome_scorer import GenomeScorer
from ...genome.contigs import is_autosome
from ...genome.options import HAPLOTYPE_MODES
from ...genome.personal import PersonalGenome
from ...genome.phase import Phase, read_phase
from ...genome.variants import CallOfSet
from ...zoo.gene_regions import GeneRegions, covered
from ...zoo.statuses import NO_VARIANTS, NOT_IN_VCF, OK, ending_of

# Of a gene whose haplotypes are not known.
NOT_DIPLOID, HALF_MISSING, UNPHASED = "not_diploid", "half_missing", "unphased"
PHASE_SETS, COPIES_UNKNOWN = "phase_sets", "copies_unknown"
# Of a gene and output of which a haplotype's TPM is not above 0.
NOT_POSITIVE = "not_positive"


@dataclass(frozen=True, slots=True)
class HaplotypePair:
    """One gene of one person, by haplotype.

    Attributes:
        status: ``ok`` or ``no_variants`` (``unseen_gene``) with numbers, else why there are none.
        reason: why none of the gene's records was used, as of predictions; "" where one was or there is none.
        phase: of its calls.
        values: (2, T) float32 in the model's unit, both copies as haplotype 1, and as haplotype 2; NaN without numbers.
        scorers: of each haplotype, to be asked about variants; none where the haplotypes are the same, or not known.
    """

    status: str
    reason: str
    phase: Phase
    values: np.ndarray
    scorers: tuple[GeneScorer, ...] = ()


def haplotype_pair(
    scorer: GenomeScorer,
    person: PersonalGenome,
    regions: GeneRegions,
    outputs: Sequence[int],
    phase_sets: Callable[[str, int, int], Sequence[CallOfSet]],
) -> HaplotypePair:
    """Predict each haplotype of a person's gene alone, where the calls say what it is.

    Each haplotype is predicted by itself, in an order that does not depend on which is called the first, so that the
    same person with haplotypes swapped gives the same numbers, swapped.

    Args:
        scorer: the model.
        person: the person, of any mode.
        regions: of the gene.
        outputs: ids of T outputs.
        phase_sets: as of ``read_phase``.

    Raises:
        InputError: anything wrong with the person's records.
    """
    chrom = regions.window.chrom
    nothing = np.full((2, len(outputs)), np.nan, dtype=np.float32)
    if not person.has_contig(chrom):
        return HaplotypePair(NOT_IN_VCF, "", Phase(), nothing)
    starts, ends = covered([regions])
    held = person.holding(chrom, int(starts.min()), int(ends.max()))
    haplotypes = [held.read_by(replace(held.options, mode=mode)) for mode in HAPLOTYPE_MODES]
    starts, ends = (
        np.concatenate(each) for each in zip(*(scorer.opened.reach(each, regions) for each in haplotypes), strict=True)
    )
    phase = read_phase(held, chrom, starts, ends, phase_sets)
    status = why_not_known(phase, chrom)
    if status:
        return HaplotypePair(status, "", phase, nothing)
    order = [0]
    if phase.heterozygous:
        texts = [each.sequences(regions.intervals) for each in haplotypes]
        order = [0, 1] if texts[0] <= texts[1] else [1, 0]
    found = {}
    for place in order:
        in_gene = scorer.in_gene(haplotypes[place], regions, outputs)
        found[place] = in_gene, in_gene.base()
    both = [found[0], found.get(1, found[0])]
    uses = [in_gene.use for in_gene, _ in both]
    unknown = next((use for use in uses if not use.is_known), None)
    if unknown is not None:
        return HaplotypePair(unknown.status, unknown.reason, phase, nothing)
    status = ending_of(output.status for _, output in both)
    if status == OK:
        status = OK if OK in [use.status for use in uses] else NO_VARIANTS
    values = np.stack([output.values for _, output in both])
    if np.isnan(values).any():
        values = nothing
    scorers = tuple(in_gene for in_gene, _ in both) if len(found) == 2 else ()
    return HaplotypePair(status, uses[0].reason and uses[1].reason, phase, values, scorers)


def why_not_known(phase: Phase, chrom: str) -> str:
    """Why a gene's haplotypes are not known, or "".

    Args:
        phase: of its calls.
        chrom: its contig: of one that is no autosome it is not known without a heterozygous call that there are two
            copies, for many files give a man's X as homozygous.
    """
    if phase.not_diploid:
        return NOT_DIPLOID
    if phase.half_missing:
        return HALF_MISSING
    if phase.unphased:
        return UNPHASED
    if len(phase.sets) > 1:
        return PHASE_SETS
    return "" if phase.heterozygous or is_autosome(chrom) else COPIES_UNKNOWN

"""Common variants near a gene, drawn from a panel by their distance from its TSS."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from ..genome.cohort_source import CohortFile
from ..genome.genes import Gene
from ..genome.interval import Interval
from ..genome.reference import ReferenceGenome
from ..genome.variant import Variant, VariantError, VariantNormalizer
from ..genome.variant_files import VariantFiles
from ..zoo.gene_regions import RegionFinder
from .variant_genes import overlap, tss_distance

DISTANCE_CLASSES = ("<1kb", "1-10kb", "10-100kb", ">100kb")
_EDGES = (1_000, 10_000, 100_000)
_LONGEST_INDEL = 50


def distance_class(distances: np.ndarray) -> np.ndarray:
    """``<1kb``, ``1-10kb``, ``10-100kb`` or ``>100kb`` of distances from the TSS in bases, either side."""
    classes = np.array(DISTANCE_CLASSES, dtype=object)
    found = classes[np.searchsorted(_EDGES, np.abs(np.nan_to_num(distances)), side="right")]
    found[np.isnan(distances)] = None
    return found


def drawn_variants(
    gene: Gene,
    finder: RegionFinder,
    file: CohortFile | VariantFiles,
    reference: ReferenceGenome,
    least_maf: float,
    per_class: int,
    rng: np.random.Generator,
    counts: Counter[str],
) -> dict[Variant, float]:
    """Common variants of a gene, as many as are wanted of each class, and their minor allele frequencies.

    Args:
        gene, finder: the gene, and where its regions are.
        file: the panel.
        reference: the FASTA.
        least_maf: lowest minor allele frequency in the panel.
        per_class: most variants in a distance class; more are drawn from.
        rng: draws.
        counts: is added to: what became of the panel's records in the gene's regions.

    Returns:
        Normalised variant -> minor allele frequency.
    """
    regions = finder.find(gene)
    normalizer = VariantNormalizer(reference)
    by_class: dict[str, dict[Variant, float]] = {name: {} for name in DISTANCE_CLASSES}
    for variant, maf in _common(file, finder.reach(gene), least_maf, counts):
        try:
            normal = normalizer(variant)
        except VariantError as error:
            counts[error.kind] += 1
            continue
        if overlap(normal, regions).label == "none":
            counts["outside"] += 1
        else:
            kind = str(distance_class(np.array([float(tss_distance(normal, gene))]))[0])
            by_class[kind][normal] = maf
    drawn: dict[Variant, float] = {}
    for variants in by_class.values():
        names = list(variants)
        chosen = rng.permutation(len(names))[:per_class]
        drawn.update({names[index]: variants[names[index]] for index in sorted(chosen.tolist())})
        counts["not_drawn"] += len(names) - len(chosen)
    counts["used"] += len(drawn)
    return drawn


def _common(
    file: CohortFile | VariantFiles, reach: Interval, least_maf: float, counts: Counter[str]
) -> Iterator[tuple[Variant, float]]:
    """Short variants of a stretch whose rarer allele is common enough; multi-allelic sites are counted only."""
    chrom = _contig_in(file, reach.chrom)
    if chrom is None:
        return
    for line in file.lines_within(chrom, reach.start, reach.end):
        fields = line.split("\t")
        ref, alt = fields[3], fields[4]
        frequency = _frequency(fields)
        if "," in alt:
            counts["multi_allelic"] += 1
        elif not set(ref + alt) <= set("ACGTacgt"):
            counts["alleles"] += 1
        elif abs(len(ref) - len(alt)) > _LONGEST_INDEL:
            counts["long_indel"] += 1
        elif frequency is None:
            counts["no_frequency"] += 1
        elif min(frequency, 1 - frequency) < least_maf:
            counts["rare"] += 1
        else:
            yield Variant(reach.chrom, int(fields[1]), ref, alt), min(frequency, 1 - frequency)


def _contig_in(file: CohortFile | VariantFiles, chrom: str) -> str | None:
    from ..genome.contigs import map_contigs

    return map_contigs([chrom], file.contigs, wanted_file="the genes", available_file=file.path, announce=False).get(
        chrom
    )


def _frequency(fields: Sequence[str]) -> float | None:
    """Frequency of ALT: of the genotypes where there are any, else of INFO AF; None where it is no number of 0 to 1."""
    alleles = [allele for call in fields[9:] for allele in call.split(":", 1)[0].replace("|", "/").split("/")]
    called = [allele for allele in alleles if allele in ("0", "1")]
    if called:
        return called.count("1") / len(called)
    for entry in fields[7].split(";"):
        name, _, value = entry.partition("=")
        if name == "AF":
            try:
                frequency = float(value)
            except ValueError:
                return None
            return frequency if 0 <= frequency <= 1 else None
    return None

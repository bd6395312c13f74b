"""Dosages of the SNPs near genes; genes that lie together are read together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from ..errors import ContigError
from ..genome.cohort_files import GivenGenotypes
from ..genome.cohort_rows import Reading
from ..genome.dosages import DosageFile, Dosages
from ..genome.genes import Gene
from ..genome.interval import Interval

# Bases that the windows of genes read at once may span beyond the first one's.
_SPAN = 4_000_000


def cis_dosages(
    genotypes: GivenGenotypes,
    people: Sequence[str],
    genes: Iterable[Gene],
    radius: int,
    reading: Reading | None = None,
) -> Iterator[tuple[list[tuple[Gene, np.ndarray]], Mapping[str, int]]]:
    """Dosages of the biallelic SNPs in each gene and within some bases of it, along the genome.

    Args:
        genotypes: a cohort's.
        people: names, in the order of the rows.
        genes: which.
        radius: bases on both sides of a gene.
        reading: how genotypes are read that are no plain calls; a PLINK 1 BED needs its reference. None = the defaults.

    Yields:
        Genes that were read together, with (people, variants) copies of ALT, -1 = missing, of each; and why records of
        the stretch were left out -> how many. Of a contig that the genotypes lack there are no variants, and the
        reason is ``genes without a contig``.

    Raises:
        InputError: the genotypes cannot be read.
    """
    reading = reading or Reading()
    with DosageFile(genotypes, people, reference=reading.reference, reading=reading) as file:
        for together in _stretches(genes, radius):
            windows = [_window(gene, radius) for gene in together]
            whole = Interval(windows[0].chrom, windows[0].start, max(window.end for window in windows))
            try:
                found = file.read(whole)
            except ContigError:
                nothing = np.zeros((len(people), 0), dtype=np.int8)
                yield [(gene, nothing) for gene in together], {"genes without a contig": len(together)}
                continue
            yield [(gene, _of(found, window)) for gene, window in zip(together, windows, strict=True)], found.left_out


def _window(gene: Gene, radius: int) -> Interval:
    return Interval(gene.chrom, max(0, gene.start - radius), gene.end + radius)


def _stretches(genes: Iterable[Gene], radius: int) -> Iterator[list[Gene]]:
    """Genes along the genome, those together whose windows lie within a span."""
    together: list[Gene] = []
    for gene in sorted(genes, key=lambda gene: (gene.chrom, gene.start)):
        if together and (gene.chrom != together[0].chrom or gene.end - together[0].end > _SPAN):
            yield together
            together = []
        together.append(gene)
    if together:
        yield together


def _of(dosages: Dosages, window: Interval) -> np.ndarray:
    first, last = np.searchsorted(dosages.position, [window.start, window.end])
    return dosages.values[:, first:last]

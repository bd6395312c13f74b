"""Where variants of a gene are looked for."""

from collections.abc import Callable

from ...genome.genes import Gene


def dosage_window(anchor: str, radius: int) -> Callable[[Gene, int], tuple[int, int]]:
    """(gene, length of its contig) -> start and end of the window, 0-based half-open, within the contig.

    Args:
        anchor: ``gene``, or ``start``: the base at which it starts, of a gene on '-' its last one (S1.1).
        radius: bases on both sides of it.
    """

    def window(gene: Gene, contig_length: int) -> tuple[int, int]:
        start, end = gene.start, gene.end
        if anchor == "start":
            start, end = (end - 1, end) if gene.strand == "-" else (start, start + 1)
        return max(0, start - radius), min(contig_length, end + radius)

    return window

"""Samples of one donor and tissue, which become one."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .expression_sources import ExpressionSource
from .gene_values import GeneValues


def samples_kept(sources: Sequence[ExpressionSource], tissue_of: Mapping[tuple[str, str], str]) -> np.ndarray:
    """(S,) of each sample, numbered over all sources, the first one of its cohort, donor and tissue."""
    first: dict[tuple[str, str, str], int] = {}
    keys = [
        (source.cohort, each.donor, tissue_of[source.cohort, each.tissue])
        for source in sources
        for each in source.samples
    ]
    return np.array([first.setdefault(key, number) for number, key in enumerate(keys)], dtype=np.int64)


class Replicates:
    """Samples of one donor and tissue: their values are held back until all files are read, and averaged.

    Args:
        kept_as: (S,) of each sample, numbered over all sources, the one that it becomes: itself, where it is the only
            one or the first of its donor and tissue.
        is_tpm: whether the values are TPM, of which the mean is taken of the log1p.
    """

    def __init__(self, kept_as: np.ndarray, is_tpm: bool) -> None:
        self._is_tpm = is_tpm
        self._kept_as = kept_as
        self._is_replicated = np.bincount(kept_as, minlength=len(kept_as))[kept_as] > 1
        self._held: dict[int, list[GeneValues]] = {}
        self.is_kept: np.ndarray = kept_as == np.arange(len(kept_as))
        self.row_of: np.ndarray = np.cumsum(self.is_kept) - 1
        self.n_fewer_samples = int((~self.is_kept).sum())

    def held_back(self, batch: GeneValues) -> GeneValues:
        """What of a gene's values is of samples without replicates; the others are kept here."""
        replicated = self._is_replicated[batch.samples]
        if replicated.any():
            self._held.setdefault(batch.gene, []).append(batch.chosen(replicated))
        return batch.chosen(~replicated)

    def averaged(self, first: int, last: int) -> Iterator[GeneValues]:
        """Gene by gene the means of samples that become one of ``first`` to ``last``."""
        for gene in sorted(self._held):
            samples = self._kept_as[np.concatenate([batch.samples for batch in self._held[gene]])]
            values = np.concatenate([batch.values for batch in self._held[gene]]).astype(np.float64)
            found, place, n = np.unique(samples, return_inverse=True, return_counts=True)
            means = np.bincount(place, weights=np.log1p(values) if self._is_tpm else values) / n
            means = (np.expm1(means) if self._is_tpm else means).astype(np.float32)
            yield GeneValues(gene, found, means).chosen((found >= first) & (found < last))

    def summary(self, first: int, last: int) -> tuple[int, int, int]:
        """Replicates that become samples of ``first`` to ``last``, how many these are, and how many fewer values."""
        mine = self._is_replicated & (self._kept_as >= first) & (self._kept_as < last)
        values = [batch.samples[mine[batch.samples]] for batches in self._held.values() for batch in batches]
        n_values = sum(map(len, values))
        n_means = sum(len(batch.samples) for batch in self.averaged(first, last))
        return int(mine.sum()), int((mine & self.is_kept).sum()), n_values - n_means

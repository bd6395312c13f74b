"""An epoch of whole blocks: as many donors of one gene each, drawn anew every epoch.

Variformer's sampler: a loss that compares donors of a gene needs them side by side. A gene of N donors gives
floor(N / size) blocks, drawn without replacement, and the donors that are left over are not seen in that epoch; blocks
of all genes are then shuffled. What a gene's blocks are depends on the seed, the epoch, the gene's id and its donors'
names alone, not on what other genes there are.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import datasets
import numpy as np

from .epochs import ALL, SHARDS, Share, keys_dataset, shares
from .examples import ExpressionExamples
from .expression_pairs import ExpressionPairs


@dataclass(frozen=True)
class GeneBlocks:
    """Blocks of examples, each of one gene.

    Attributes:
        genes: ids of G genes that have a block or more.
        members: of each gene its examples, in an order that does not depend on the run.
        size: examples of a block.
        seed: of the order.
    """

    genes: tuple[str, ...]
    members: tuple[np.ndarray, ...]
    size: int
    seed: int = 0

    def of_epoch(self, processes: int = 1) -> int:
        """Blocks of an epoch, over all processes: as many for each of them.

        Where there are as many genes as processes, or more, each pass over the genes (the first block of each, the
        second, ...) is shared out evenly, and the blocks that are left over are not seen in this epoch; with fewer
        genes all blocks are shared out so. One process leaves nothing.
        """
        counts = np.bincount(self._turn(processes))
        return int((counts - counts % processes).sum())

    def epoch(self, epoch: int, share: Share = ALL) -> np.ndarray:
        """(B, size) examples of a process's blocks, in order."""
        number, processes = share
        gene, within = self._blocks
        order = np.random.default_rng([self.seed, epoch]).permutation(len(gene))
        turn = self._turn(processes)[order]
        kept = np.ones(len(order), dtype=bool)
        for places in (np.flatnonzero(turn == each) for each in range(turn.max() + 1)):
            kept[places[len(places) - len(places) % processes :]] = False
        mine = order[kept][number::processes]
        drawn = {each: self._drawn(each, epoch) for each in np.unique(gene[mine]).tolist()}
        return np.array([drawn[int(gene[block])][within[block]] for block in mine]).reshape(-1, self.size)

    def _drawn(self, gene: int, epoch: int) -> np.ndarray:
        """(blocks of the gene, size): its examples, drawn without replacement."""
        rng = np.random.default_rng([self.seed, epoch, zlib.crc32(self.genes[gene].encode())])
        members = self.members[gene]
        count = len(members) // self.size
        drawn: np.ndarray = rng.permutation(members)[: count * self.size].reshape(count, self.size)
        return drawn

    @cached_property
    def _blocks(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each block of an epoch its gene, and which of the gene's blocks it is."""
        counts = [len(each) // self.size for each in self.members]
        within = np.concatenate([np.arange(count) for count in counts])
        return np.repeat(np.arange(len(self.genes)), counts), within

    def _turn(self, processes: int) -> np.ndarray:
        """Of each block with which others it is shared out."""
        within = self._blocks[1]
        return within if len(self.genes) >= processes else np.zeros_like(within)


def gene_blocks(pairs: ExpressionPairs, size: int, seed: int = 0) -> tuple[GeneBlocks, dict[str, int]]:
    """Blocks of pairs.

    Args:
        pairs: those with a value.
        size: donors of a block.
        seed: of the order.

    Returns:
        The blocks, and gene id -> donors, of genes that have too few.
    """
    names = [f"{cohort}\t{donor}" for cohort, donor in zip(pairs.cohorts, pairs.donors, strict=True)]
    rank = np.argsort(np.argsort(np.array(names)))
    order = np.lexsort((rank[pairs.donor], pairs.gene))
    genes, starts = np.unique(pairs.gene[order], return_index=True)
    members = np.split(order, starts[1:])
    found = [(pairs.genes[gene], each) for gene, each in zip(genes.tolist(), members, strict=True)]
    used = [(gene, each) for gene, each in found if len(each) >= size]
    blocks = GeneBlocks(tuple(gene for gene, _ in used), tuple(each for _, each in used), size, seed)
    return blocks, {gene: len(each) for gene, each in found if len(each) < size}


def block_dataset(
    examples: ExpressionExamples, blocks: GeneBlocks, *, epoch: int = 0, share: Share = ALL, shards: int = SHARDS
) -> datasets.IterableDataset:
    """One epoch of a process's examples, block by block; a shard holds whole blocks.

    Args:
        examples: makes the examples; ``blocks`` are of its pairs.
        blocks: in what order.
        epoch, share, shards: as for ``expression_dataset``.
    """
    options: dict[str, Any] = {"blocks": blocks, "epoch": epoch, "share": share}
    return keys_dataset(_block_keys, blocks.of_epoch(share[1]), shards, options).map(examples)


def _block_keys(
    shards: Sequence[int], of: int, blocks: GeneBlocks, epoch: int, share: Share
) -> Iterator[dict[str, int]]:
    mine = blocks.epoch(epoch, share)
    for block in shares(range(len(mine)), ALL, shards, of):
        for pair in mine[block].tolist():
            yield {"epoch": epoch, "pair": pair}

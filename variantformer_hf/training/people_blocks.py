"""Blocks of people of one gene, for a loss that compares them: each batch is of one gene."""

import logging
from pathlib import Path

from ..data.expression_pairs import ExpressionPairs
from ..data.gene_blocks import GeneBlocks, gene_blocks
from ..errors import InputError

logger = logging.getLogger(__name__)


def people_blocks(
    pairs: ExpressionPairs, size: int, *, batch_size: int, seed: int, expression: Path
) -> tuple[GeneBlocks, int]:
    """Blocks of the pairs to train on.

    Args:
        pairs: those with a value.
        size: people of a block; a multiple of ``batch_size``, so that a batch is of one gene.
        batch_size, seed: of the run.
        expression: where the pairs are from, for messages.

    Returns:
        The blocks, and how many genes have too few people for one, which are left out with a warning.

    Raises:
        InputError: a block is not whole batches; no gene has people enough.
    """
    if size < 1 or size % batch_size:
        raise InputError(
            f"people_per_block is {size}", remedy=f"It must be a multiple of batch_size, which is {batch_size}."
        )
    blocks, too_few = gene_blocks(pairs, size, seed)
    if not blocks.genes:
        raise InputError(
            f"none of the {len(too_few)} genes has {size} donors to train on, the most have {max(too_few.values())}",
            file=expression,
            remedy="Choose fewer people_per_block, or give more donors.",
        )
    if too_few:
        n_genes = len(too_few) + len(blocks.genes)
        logger.warning("%d of %d genes have fewer than %d donors and are left out", len(too_few), n_genes, size)
    return blocks, len(too_few)

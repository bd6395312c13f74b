"""Tokens of one person's gene: what the models read, without the strings between."""

from dataclasses import dataclass

import numpy as np

from ...modeling import VariantFormerProcessor
from .token_rows import TokenRows, padded_rows, window_rows


@dataclass(frozen=True, slots=True)
class GeneTokens:
    """One person's tokens of one gene, in the gene's orientation.

    Attributes:
        elements: N rows of tokens; an element that the person lacks has no row.
        indices: (N,) int64, which of the gene's cCREs each row is.
        cre_rows: (N,) int64, row of each in the cCRE table.
        differs: (N,) whether the element differs from the reference.
        class_ids: (N,) int64.
        window: (tokens,) int32 of the gene's window; None where the person lacks all of it.
        remembered: where the pool of vectors keeps what it knows of these rows, for other genes near; None = nowhere.
        keys, outcomes: records in the gene's regions, and what became of each (see ``PersonalStretch.records``).
    """

    elements: TokenRows
    indices: np.ndarray
    cre_rows: np.ndarray
    differs: np.ndarray
    class_ids: np.ndarray
    window: np.ndarray | None
    keys: np.ndarray
    outcomes: np.ndarray
    remembered: "RememberedRows | None" = None


@dataclass(frozen=True, slots=True)
class RememberedRows:
    """What a pool of vectors knows of a person's elements on a strand of a stretch, shared by the stretch's genes.

    Attributes:
        rows: (n,) int64, row of each element of the stretch in the pool; -1 = not known.
        epoch: (1,) int64, of the pool, in which they hold.
        keys: (n,) what stands for the tokens of each element; None = not made yet.
        place: (N,) int64, which of them a gene's elements are.
    """

    rows: np.ndarray
    epoch: np.ndarray
    keys: list[bytes | None]
    place: np.ndarray

    @classmethod
    def of_none(cls, n: int) -> "RememberedRows":
        """Of n elements, and nothing is known yet."""
        places = np.arange(n, dtype=np.int64)
        return cls(np.full(n, -1, dtype=np.int64), np.full(1, -1, dtype=np.int64), [None] * n, places)


def model_inputs(tokens: GeneTokens, processor: VariantFormerProcessor) -> dict[str, np.ndarray]:
    """A gene's inputs as the processor makes them of its sequences: a batch of one, int64.

    Raises:
        ValueError: the person lacks the gene's whole window.
    """
    if tokens.window is None:
        raise ValueError("the gene's sequence is empty (deleted outright?): there is nothing to predict from")
    pad = processor.tokenizer.pad_token_id
    cre_ids, cre_mask = padded_rows(tokens.elements, processor.token_length, pad)
    gene_ids, gene_mask = padded_rows(window_rows(tokens.window, processor), processor.token_length, pad)
    return {
        "cre_input_ids": cre_ids[None],
        "cre_attention_mask": cre_mask[None],
        "cre_class_ids": tokens.class_ids[None],
        "gene_input_ids": gene_ids[None],
        "gene_attention_mask": gene_mask[None],
    }

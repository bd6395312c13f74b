"""Examples -> batches, padded."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..modeling import VariantFormerProcessor
from ..modeling.variantformer.processing_variantformer import stack_padded, token_rows


class ExpressionCollator:
    """Batches of stage-2 examples, as ``VariantFormerForExpression`` takes them.

    Args:
        processor: the model's.
        vectors: tokens of elements -> their vectors, (n, E) float32, where the element encoder is frozen and its
            vectors are at hand; None = the tokens go into the batch.
    """

    def __init__(
        self,
        processor: VariantFormerProcessor,
        vectors: Callable[[Sequence[np.ndarray]], np.ndarray] | None = None,
    ) -> None:
        self._length, self._pad = processor.token_length, processor.tokenizer.pad_token_id
        self._vectors = vectors

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch of B genes: the longest one's N cCREs and M windows, T tissues.

        Returns:
            cre_embeds (B, N, E), or cre_input_ids and cre_attention_mask (B, N, L); cre_class_ids, cre_mask (B, N);
            gene_input_ids, gene_attention_mask (B, M, L); gene_mask (B, M); tissue_ids, labels (B, T).
        """
        n_cres = [len(each["cre_tokens"]) for each in examples]
        n_windows = [len(each["gene_tokens"]) for each in examples]
        batch = {
            "cre_class_ids": _stacked([np.asarray(each["cre_class_ids"], dtype=np.int64) for each in examples]),
            "cre_mask": _presence(n_cres),
            "gene_mask": _presence(n_windows),
            "tissue_ids": torch.tensor(np.stack([each["tissue_ids"] for each in examples]), dtype=torch.long),
            "labels": torch.tensor(np.stack([each["labels"] for each in examples]), dtype=torch.float32),
        }
        batch["gene_input_ids"], batch["gene_attention_mask"] = self._rows([each["gene_tokens"] for each in examples])
        if self._vectors is None:
            batch["cre_input_ids"], batch["cre_attention_mask"] = self._rows([each["cre_tokens"] for each in examples])
        else:
            found = [self._vectors([np.asarray(t, dtype=np.int32) for t in each["cre_tokens"]]) for each in examples]
            batch["cre_embeds"] = _stacked(found)
        return batch

    def _rows(self, genes: Sequence[Sequence[Any]]) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, R, L) ids and attention mask of rows of tokens."""
        ids, masks = zip(*(token_rows(rows, self._length, self._pad) for rows in genes), strict=True)
        return torch.from_numpy(stack_padded(ids, self._pad)), torch.from_numpy(stack_padded(masks, 0))


class ActivityCollator:
    """Batches of stage-1 examples, as ``VariantFormerForChromatinActivity`` takes them.

    Args:
        processor: of the encoder.
        with_context: the encoder reads the element's class.
    """

    def __init__(self, processor: VariantFormerProcessor, *, with_context: bool = False) -> None:
        self._length, self._pad = processor.token_length, processor.tokenizer.pad_token_id
        self._with_context = with_context

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch of B elements: input_ids, attention_mask (B, 2, L); tissue_ids, labels, maybe context_ids (B,)."""
        strands = [each[name] for each in examples for name in ("forward_tokens", "reverse_tokens")]
        ids, mask = token_rows(strands, self._length, self._pad)
        batch = {
            "input_ids": torch.from_numpy(ids).unflatten(0, (-1, 2)),
            "attention_mask": torch.from_numpy(mask).unflatten(0, (-1, 2)),
            "tissue_ids": torch.tensor([int(each["tissue_id"]) for each in examples]),
            "labels": torch.tensor([int(each["label"]) for each in examples]),
        }
        if self._with_context:
            batch["context_ids"] = torch.tensor([int(each["context_id"]) for each in examples])
        return batch


def _presence(counts: Sequence[int]) -> torch.Tensor:
    return torch.arange(max(counts))[None] < torch.tensor(counts)[:, None]


def _stacked(arrays: Sequence[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(stack_padded(arrays, 0))

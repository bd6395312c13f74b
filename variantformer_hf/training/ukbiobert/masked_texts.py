"""Sequences as tokens, some of them masked: which ones follows from the seed, the epoch and the row alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import datasets
import numpy as np
import torch

from ...data.epochs import ALL, SHARDS, Share, keys_dataset, shares
from ...data.texts import Texts

# What no token to predict stands at, as torch and transformers have it.
NO_LABEL = -100
# Of the tokens that are masked, these become [MASK] and these any token; the rest stay as they are.
_AS_MASK, _AS_ANY = 0.8, 0.1
_ROWS_AT_ONCE = 64


class MaskedTexts:
    """Makes examples of keys: a sequence with masked tokens.

    Args:
        texts: the sequences.
        tokenizer: of the model.
        share: of the tokens that are masked; special ones, [UNK] among them, never are.
        seed: of the draw; None = the same draw in every run and epoch.

    Attributes:
        mask_token_id: of [MASK].
    """

    def __init__(self, texts: Texts, tokenizer: Any, *, share: float = 0.15, seed: int | None = 0) -> None:
        self.texts = texts
        self._tokenizer, self._share, self._seed = tokenizer, share, seed
        self._special = np.array(tokenizer.all_special_ids)
        self.mask_token_id = int(tokenizer.mask_token_id)

    def __call__(self, keys: Mapping[str, Sequence[int]]) -> dict[str, list[np.ndarray]]:
        """Examples of keys ``{"epoch", "row"}``.

        Returns:
            input_ids and labels of each, (N,) int64: the tokens, and those to predict, -100 elsewhere.
        """
        tokens = self._tokenizer(self.texts.take(keys["row"]))["input_ids"]
        made = [self._masked(*each) for each in zip(tokens, keys["epoch"], keys["row"], strict=True)]
        return {"input_ids": [ids for ids, _ in made], "labels": [labels for _, labels in made]}

    def _masked(self, tokens: Sequence[int], epoch: int, row: int) -> tuple[np.ndarray, np.ndarray]:
        ids = np.array(tokens, dtype=np.int64)
        rng = np.random.default_rng([row] if self._seed is None else [self._seed, epoch, row])
        drawn, way = rng.random((2, len(ids)))
        other = rng.integers(len(self._tokenizer), size=len(ids))
        is_masked = (drawn < self._share) & ~np.isin(ids, self._special)
        becomes = np.where(way < _AS_MASK, self.mask_token_id, np.where(way < _AS_MASK + _AS_ANY, other, ids))
        return np.where(is_masked, becomes, ids), np.where(is_masked, ids, NO_LABEL)


def masked_dataset(
    examples: MaskedTexts, *, epoch: int = 0, seed: int = 0, shards: int = SHARDS, share: Share = ALL
) -> datasets.IterableDataset:
    """One epoch of examples: every sequence once; arguments as for ``data.examples.expression_dataset``."""
    n = len(examples.texts)
    return keys_dataset(_keys, n, shards, {"n": n, "epoch": epoch, "seed": seed, "share": share}).map(
        examples, batched=True, batch_size=_ROWS_AT_ONCE, remove_columns=["epoch", "row"]
    )


def _keys(shards: Sequence[int], of: int, n: int, epoch: int, seed: int, share: Share) -> Iterator[dict[str, int]]:
    for row in shares(np.random.default_rng([seed, epoch]).permutation(n), share, shards, of):
        yield {"epoch": epoch, "row": int(row)}


class MaskedCollator:
    """Batches of examples, as ``UkBioBertForMaskedLM`` takes them.

    Args:
        padding: the token id that stands behind shorter sequences; the attention mask alone says that it is none.
    """

    def __init__(self, padding: int) -> None:
        self._padding = padding

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """input_ids, attention_mask, labels, (B, N) each, N tokens of the longest."""
        size = len(examples), max(len(each["input_ids"]) for each in examples)
        ids, labels = torch.full(size, self._padding), torch.full(size, NO_LABEL)
        mask = torch.zeros(size, dtype=torch.long)
        for row, each in enumerate(examples):
            length = len(each["input_ids"])
            ids[row, :length] = torch.as_tensor(each["input_ids"])
            labels[row, :length] = torch.as_tensor(each["labels"])
            mask[row, :length] = 1
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

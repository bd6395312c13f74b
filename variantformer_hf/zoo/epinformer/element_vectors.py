"""Vectors of promoters and elements, each found once for the same bases, whoever has them."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from xxhash import xxh3_128_digest

if TYPE_CHECKING:
    from .gene_model import EPInformerGeneModel

# Promoters and elements that are encoded at a time, and vectors that are kept.
_AT_ONCE, _MOST_KEPT = 32, 200_000


class ElementVectors:
    """What the network's convolutions give of bases.

    Args:
        model: encodes them.
        at_once: so many at a time.
    """

    def __init__(self, model: "EPInformerGeneModel", at_once: int = _AT_ONCE) -> None:
        self._model, self._at_once = model, at_once
        self._known: OrderedDict[bytes, torch.Tensor] = OrderedDict()

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()

    def of(self, letters: Sequence[np.ndarray]) -> torch.Tensor:
        """(M, hidden_size) on the model's device, of (L,) letters each."""
        keys = [_key(each) for each in letters]
        wanted = dict(zip(keys, letters, strict=True))
        new = [key for key in wanted if key not in self._known]
        found = {key: self._known[key] for key in wanted if key in self._known}
        for first in range(0, len(new), self._at_once):
            part = new[first : first + self._at_once]
            dna = torch.from_numpy(np.stack([self._model.one_hot(wanted[key]) for key in part]))
            found.update(zip(part, self._model.network.encode(dna.to(self._model.device)), strict=True))
        for key, vector in found.items():
            self._known[key] = vector
            self._known.move_to_end(key)
        while len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)
        return torch.stack([found[key] for key in keys])


def _key(letters: np.ndarray) -> bytes:
    """Of the bases, and of how exact products are at the moment."""
    return xxh3_128_digest(letters.tobytes()) + torch.get_float32_matmul_precision().encode()

"""Vectors of elements under a frozen encoder: each element of each donor encoded once, before the first step.

Encoding while training would make a resumed run differ from one that was not cut short, in the last digits: which
elements share a batch would be another.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch

from ..data.examples import ExpressionExamples
from ..errors import InputError
from ..modeling import VariantFormerEncoderConfig, VariantFormerForExpression, VariantFormerProcessor
from ..zoo.variantformer.element_store import ElementStore, encoder_identity, token_key
from ..zoo.variantformer.engine import ExpressionEngine

logger = logging.getLogger(__name__)


class FrozenElements:
    """A store of the vectors that a run needs.

    Args:
        model: whose element encoder does not learn.
        processor: the model's.
        folder: of the store; one encoder's alone.
        precision: in what the encoder computes.
    """

    def __init__(
        self, model: VariantFormerForExpression, processor: VariantFormerProcessor, folder: Path, precision: str
    ) -> None:
        config = cast(VariantFormerEncoderConfig, model.config.encoder_config)
        identity = encoder_identity(_weights_hash(model.model.cre_encoder), config, precision)
        # A run needs all of them until it ends: none is removed for lack of room.
        self._store = ElementStore(folder, identity, config.hidden_size, most_bytes=2**62)
        self._engine = ExpressionEngine(model, processor, 0)

    def encode(self, examples: Sequence[ExpressionExamples], on_donor: Callable[[int, int], None] | None = None) -> int:
        """Encode every element of every pair that is not in the store, donor by donor; how many there were."""
        self._engine.model.eval()
        donors = [(each, donor) for each in examples for donor in np.unique(each.pairs.donor).tolist()]
        encoded = 0
        for number, (each, donor) in enumerate(donors):
            if on_donor is not None:
                on_donor(number, len(donors))
            wanted: dict[bytes, np.ndarray] = {}
            for pair in np.flatnonzero(each.pairs.donor == donor).tolist():
                for tokens in each.elements(pair):
                    wanted.setdefault(token_key(tokens), tokens)
            there, _ = self._store.find(list(wanted))
            missing = [key for key, found in zip(wanted, there.tolist(), strict=True) if not found]
            if missing:
                self._store.add(missing, self._engine.encode([wanted[key] for key in missing]))
                encoded += len(missing)
        if on_donor is not None:
            on_donor(len(donors), len(donors))
        return encoded

    def refresh(self) -> None:
        """Take notice of what another process encoded."""
        self._store.refresh()

    def __call__(self, elements: Sequence[np.ndarray]) -> np.ndarray:
        """Vectors of elements, (n, E) float32.

        Raises:
            InputError: one was not encoded.
        """
        there, vectors = self._store.find([token_key(tokens) for tokens in elements])
        if not there.all():
            raise InputError(
                f"lacks {int((~there).sum())} elements of the data", file=self._store.folder,
                remedy="Start again, which encodes them: a file of the folder was damaged or removed.",
            )  # fmt: skip
        return vectors


def _weights_hash(module: torch.nn.Module) -> str:
    """SHA-256 of a module's parameters."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

"""Vectors of elements under a frozen encoder: each element of each donor encoded once, before the first step.

Encoding while training would make a resumed run differ from one that was not cut short, in the last digits: which
elements share a batch would be another.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch

from ...errors import InputError
from ...modeling import VariantFormerEncoderConfig, VariantFormerForExpression, VariantFormerProcessor
from ..gene_input import GeneInput
from .element_store import ElementStore, encoder_identity, token_key
from .engine import ExpressionEngine
from .token_input import TokenInput


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

    def encode(self, genes: Iterable[GeneInput]) -> int:
        """Encode the elements of genes that are not in the store, all at once; how many there were.

        Args:
            genes: as the model reads them; one person's, so that elements that they share are held once.
        """
        self._engine.model.eval()
        length = self._engine.processor.token_length
        wanted: dict[bytes, np.ndarray] = {}
        for gene in genes:
            elements = cast(TokenInput, gene).tokens.elements
            for row in range(len(elements)):
                tokens = elements[row][:length]
                wanted.setdefault(token_key(tokens), tokens)
        there, _ = self._store.find(list(wanted))
        missing = [key for key, found in zip(wanted, there.tolist(), strict=True) if not found]
        if missing:
            self._store.add(missing, self._engine.encode([wanted[key] for key in missing]))
        return len(missing)

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
                f"lacks {int((~there).sum())} cCREs of the data",
                file=self._store.folder,
                remedy="Start again, which encodes them: a file of the folder was damaged or removed.",
            )
        return vectors


def _weights_hash(module: torch.nn.Module) -> str:
    """SHA-256 of a module's parameters."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

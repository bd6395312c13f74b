"""Vectors of a person's window by Borzoi's trunk."""

from typing import ClassVar

from transformers import PreTrainedModel

from ...modeling import BorzoiModel
from ..window.embedder import WindowEmbedder


class BorzoiEmbedder(WindowEmbedder):
    """Borzoi's trunk; see :class:`WindowEmbedder`."""

    model_type: ClassVar[str] = "borzoi_trunk"

    @classmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the trunk."""
        return BorzoiModel

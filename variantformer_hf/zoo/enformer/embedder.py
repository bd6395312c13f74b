"""Vectors of a person's window by Enformer's trunk."""

from typing import ClassVar

from transformers import PreTrainedModel

from ...modeling import EnformerModel
from ..window.embedder import WindowEmbedder


class EnformerEmbedder(WindowEmbedder):
    """Enformer's trunk; see :class:`WindowEmbedder`."""

    model_type: ClassVar[str] = "enformer_trunk"

    @classmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the trunk."""
        return EnformerModel

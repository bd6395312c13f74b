"""Enformer as the zoo asks it: the values of its tracks around a gene's TSS, or over its exons."""

from typing import ClassVar

from transformers import PreTrainedModel

from ...modeling import EnformerForTracks
from ..window.track_model import TrackGeneModel


class EnformerGeneModel(TrackGeneModel):
    """Enformer with its tracks and genes; see :class:`TrackGeneModel`."""

    model_type: ClassVar[str] = "enformer_trunk"

    @classmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the network."""
        return EnformerForTracks

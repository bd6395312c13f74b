"""Borzoi as the zoo asks it: the values of its tracks around a gene's TSS, or over its exons."""

from typing import ClassVar

from transformers import PreTrainedModel

from ...modeling import BorzoiForTracks
from ..window.track_model import TrackGeneModel


class BorzoiGeneModel(TrackGeneModel):
    """Borzoi with its tracks and genes; see :class:`TrackGeneModel`."""

    model_type: ClassVar[str] = "borzoi_trunk"

    @classmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the network."""
        return BorzoiForTracks

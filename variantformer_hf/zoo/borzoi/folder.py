"""What a Borzoi's folder holds, and what is checked of it before it is published."""

from typing import TYPE_CHECKING

from ..window.folder import WindowFolder

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class BorzoiFolder(WindowFolder):
    """Rules of Borzoi's folders."""

    def architecture(self) -> "type[PreTrainedModel]":
        """The class that is loaded."""
        from ...modeling import BorzoiForTracks

        return BorzoiForTracks


TRACKS = BorzoiFolder()

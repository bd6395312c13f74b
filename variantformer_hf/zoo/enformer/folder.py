"""What an Enformer's folder holds, and what is checked of it before it is published."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..model_folder import ModelFolder, check_twice

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ..gene_model import GeneModel

_BASES = 1024


class TrackFolder(ModelFolder):
    """Rules of the folders of a network that reads one-hot DNA: config and weights."""

    files: ClassVar[tuple[str, ...]] = ()
    companions: ClassVar[tuple[str, ...]] = ()

    def architecture(self) -> "type[PreTrainedModel]":
        """The class that is loaded."""
        from ...modeling import EnformerForTracks

        return EnformerForTracks

    def check(self, folder: Path, kind: "type[GeneModel] | None") -> None:
        """Load it in float32 and read random DNA twice, see :class:`ModelFolder`."""
        import torch

        from ..model_files import load_strictly

        model = load_strictly(self.architecture(), folder, dtype=torch.float32).eval()
        generator = torch.Generator().manual_seed(0)
        dna = torch.nn.functional.one_hot(torch.randint(4, (1, _BASES), generator=generator), 4).float()
        check_twice(folder, lambda: model(dna).last_hidden_state)


TRACKS = TrackFolder()

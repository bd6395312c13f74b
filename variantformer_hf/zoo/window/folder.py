"""What the folder of a network of windows holds, and what is checked of it before it is published."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ...folder import EXONS_FILE, GENES_FILE, TRACKS_FILE
from ..model_folder import ModelFolder, check_twice

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from ..gene_model import GeneModel

_BASES = 2048


class WindowFolder(ModelFolder):
    """Rules of the folders of a network that reads one-hot DNA: config and weights; with tables it predicts genes."""

    files: ClassVar[tuple[str, ...]] = (GENES_FILE, TRACKS_FILE, EXONS_FILE)
    companions: ClassVar[tuple[str, ...]] = (GENES_FILE, TRACKS_FILE, EXONS_FILE)

    def architecture(self) -> "type[PreTrainedModel]":
        """The class that is loaded."""
        raise NotImplementedError

    def numbers(self, network: "PreTrainedModel", dna: "torch.Tensor") -> "torch.Tensor":
        """What it gives of DNA, (1, L, 4), to be computed twice; plain: embeddings of bins."""
        found: torch.Tensor = network(dna).last_hidden_state
        return found

    def check(self, folder: Path, kind: "type[GeneModel] | None") -> None:
        """Read random DNA twice, in float32, or where there are genes predict one of them; see :class:`ModelFolder`."""
        import torch

        from ..model_files import load_strictly

        if (folder / GENES_FILE).is_file():
            super().check(folder, kind)
            return
        model = load_strictly(self.architecture(), folder, dtype=torch.float32).eval()
        generator = torch.Generator().manual_seed(0)
        dna = torch.nn.functional.one_hot(torch.randint(4, (1, _BASES), generator=generator), 4).float()
        check_twice(folder, lambda: self.numbers(model, dna))

"""What a UKBioFormer's folder holds, and what is checked of it before it is published."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..model_folder import ModelFolder, check_twice

if TYPE_CHECKING:
    from ..gene_model import GeneModel


class UkBioFormerFolder(ModelFolder):
    """Rules of the folders: config, weights and genes; the UKBioBERT has a folder of its own."""

    def check(self, folder: Path, kind: "type[GeneModel] | None") -> None:
        """Read random DNA and a random embedding twice, in float32, see :class:`ModelFolder`.

        Its UKBioBERT, which a reader has to have, need not be here.
        """
        import torch

        from ...modeling import UkBioFormerForExpression
        from ..model_files import load_strictly

        network = load_strictly(UkBioFormerForExpression, folder, dtype=torch.float32).eval()
        generator, config = torch.Generator().manual_seed(0), network.config
        letters = torch.randint(4, (1, config.input_length), generator=generator)
        dna = torch.nn.functional.one_hot(letters, 4).float()
        embedding = torch.randn(1, config.embedding_size, generator=generator)
        check_twice(folder, lambda: network(dna, embedding).logits)


EXPRESSION = UkBioFormerFolder()

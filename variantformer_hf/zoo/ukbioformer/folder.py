"""What a UKBioFormer's folder holds, and what is checked of it before it is published."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ...folder import GENES_FILE
from ..model_folder import ModelFolder, check_twice

if TYPE_CHECKING:
    from ..gene_model import GeneModel

logger = logging.getLogger(__name__)


class UkBioFormerFolder(ModelFolder):
    """Rules of the folders: config, weights, genes and processor; the UKBioBERT has a folder of its own."""

    files: ClassVar[tuple[str, ...]] = (GENES_FILE, "processor_config.json")

    def check(self, folder: Path, kind: "type[GeneModel] | None") -> None:
        """Read random DNA and a random embedding twice, in float32, see :class:`ModelFolder`.

        Its UKBioBERT, which a reader has to have, need not be here; that a folder's path is no name for it is said.
        """
        import torch

        from ...modeling import UkBioFormerForExpression
        from ..model_files import load_strictly

        network = load_strictly(UkBioFormerForExpression, folder, dtype=torch.float32).eval()
        generator, config = torch.Generator().manual_seed(0), network.config
        named = config.embedding_model or ""
        if not named or named.startswith((".", "/")) or (folder / named).is_dir():
            logger.warning(
                "its UKBioBERT is %s to it, by which readers will not find it: load it with embedding_model=HUB_ID and "
                "save it anew, or tell them to give --embedding-model",
                named or "not named",
            )
        letters = torch.randint(4, (1, config.input_length), generator=generator)
        dna = torch.nn.functional.one_hot(letters, 4).float()
        embedding = torch.randn(1, config.embedding_size, generator=generator)
        check_twice(folder, lambda: network(dna, embedding).logits)


EXPRESSION = UkBioFormerFolder()

"""What the folder of a model of vectors holds, and what is checked of it before it is published."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ...folder import FITS_FILE, GENES_FILE
from ..model_folder import ModelFolder, check_twice

if TYPE_CHECKING:
    from ..gene_model import GeneModel

logger = logging.getLogger(__name__)


class EmbeddingFolder(ModelFolder):
    """Rules of the folders: config, weights and genes; the network that makes the vectors has a folder of its own."""

    files: ClassVar[tuple[str, ...]] = (GENES_FILE, FITS_FILE, "report.json")
    companions: ClassVar[tuple[str, ...]] = (GENES_FILE, FITS_FILE)

    def check(self, folder: Path, kind: "type[GeneModel] | None") -> None:
        """Read a random vector twice, see :class:`ModelFolder`.

        The network that makes the vectors, which a reader has to have or to have had, need not be here; that a folder's
        path is no name for it is said.
        """
        import torch

        from ...genome.genes import GeneTable
        from ..model_files import load_strictly
        from .gene_model import EmbeddingGeneModel

        assert kind is not None and issubclass(kind, EmbeddingGeneModel)
        network = load_strictly(kind.architecture(), folder, dtype=torch.float32).eval()
        GeneTable.read(folder / GENES_FILE)
        config = network.config
        named = config.embedding_model or ""
        if not named or named.startswith((".", "/")) or (folder / named).is_dir():
            logger.warning(
                "the network that makes its vectors is %s to it, by which readers will not find it: load it with "
                "embedding_model=HUB_ID and save it anew, or tell them to give --embedding or --embedding-model",
                named or "not named",
            )
        vector = torch.randn(1, config.embedding_size, generator=torch.Generator().manual_seed(0))
        outputs = torch.arange(config.n_outputs)[None]
        gene = torch.zeros(1, dtype=torch.int64)
        check_twice(folder, lambda: torch.nan_to_num(network(vector, gene, outputs).logits, nan=0.0))


VECTORS = EmbeddingFolder()
"""Rules of the folders of all models of vectors."""

"""What EPInformer's folders hold, and what is checked of them before they are published."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ...folder import ELEMENTS_FILE, GENE_FEATURES_FILE, GENES_FILE
from ..model_folder import ModelFolder, check_twice

if TYPE_CHECKING:
    from ..gene_model import GeneModel

_ELEMENTS = 2


class EPInformerFolder(ModelFolder):
    """Rules of EPInformer's folders: config and weights; with genes, elements and features it predicts genes."""

    files: ClassVar[tuple[str, ...]] = (GENES_FILE, ELEMENTS_FILE, GENE_FEATURES_FILE, "processor_config.json")
    companions: ClassVar[tuple[str, ...]] = (GENES_FILE, ELEMENTS_FILE, GENE_FEATURES_FILE)

    def check(self, folder: Path, kind: "type[GeneModel] | None") -> None:
        """Read random bases twice, in float32, or predict one of its genes; see :class:`ModelFolder`."""
        import torch

        from ...modeling import EPInformerModel
        from ..model_files import load_strictly

        if (folder / GENES_FILE).is_file():
            super().check(folder, kind)
            return
        model = load_strictly(EPInformerModel, folder, dtype=torch.float32).eval()
        config, generator = model.config, torch.Generator().manual_seed(0)
        bases = torch.randint(4, (1, 1 + _ELEMENTS, config.element_length), generator=generator)
        given = {
            "dna": torch.nn.functional.one_hot(bases, 4).float(),
            "element_features": torch.zeros(1, 1 + _ELEMENTS, config.num_element_features),
            "gene_features": torch.zeros(1, len(config.gene_features or ())),
            "embeddings": torch.zeros(1, config.embedding_size) if config.embedding_size else None,
        }
        check_twice(folder, lambda: model(**given).logits)


ELEMENTS = EPInformerFolder()

"""What EPInformer's folders hold, and what is checked of them before they are published."""

from typing import ClassVar

from ...folder import ELEMENTS_FILE, GENE_FEATURES_FILE, GENES_FILE
from ..model_folder import ModelFolder


class EPInformerFolder(ModelFolder):
    """Rules of EPInformer's folders: config, weights, genes, their elements, and what is known of them."""

    files: ClassVar[tuple[str, ...]] = (GENES_FILE, ELEMENTS_FILE, GENE_FEATURES_FILE)
    companions: ClassVar[tuple[str, ...]] = (GENES_FILE, ELEMENTS_FILE, GENE_FEATURES_FILE)


ELEMENTS = EPInformerFolder()

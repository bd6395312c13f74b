"""A store of embeddings: a file a gene, of all people and tissues, that is read by memory map.

``store.json`` says whose they are and what made them. Each unit of the run is one gene of all people.
"""

import json
from collections.abc import Callable
from urllib.parse import quote

import numpy as np
from safetensors.numpy import load, save

from ..errors import InputError
from ..work.units import Unit
from .predicted import PredictedGenes
from .run_contents import RunContents
from .unit_notes import UnitNotes

STORE_FILE = "store.json"
# Names of the tensors of a gene's file.
EMBEDDING, VALUE = "embedding", "value"
_FOLDER, _SUFFIX = "genes/", ".safetensors"


class UnitEmbeddings:
    """Units as files of a gene each.

    Args:
        contents: of the run.
    """

    def __init__(self, contents: RunContents) -> None:
        self._contents = contents

    @staticmethod
    def of_any_run() -> tuple[str, ...]:
        """Files that say nothing of what is done."""
        return (STORE_FILE,)

    @staticmethod
    def is_of_a_run(name: str) -> bool:
        """Whether a file may be of a run's store."""
        return name == STORE_FILE or (name.startswith(_FOLDER) and name.endswith(_SUFFIX))

    def of_run(self) -> dict[str, bytes]:
        """``store.json``."""
        contents = self._contents
        described = {
            "people": list(contents.samples),
            "tissues": list(contents.tissues),
            "width": contents.embedding_width,
            "dtype": contents.dtype,
            "unit_of_values": contents.unit.name,
            **{name: contents.description.get(name) for name in ("model", "precision", "version")},
            "genes": {gene.gene_id: gene_file(gene.gene_id) for gene in contents.genes},
        }
        return {STORE_FILE: (json.dumps(described, indent=1) + "\n").encode()}

    def of_unit(self, unit: Unit, found: PredictedGenes) -> dict[str, tuple[bytes, int]]:
        """Name -> content and rows of the gene's file: ``embedding`` (P, T, width), ``value`` (P, T) float32.

        Raises:
            InputError: a number is too large for float16.
        """
        assert found.embeddings is not None
        (gene,) = found.genes.tolist()
        gene_id = self._contents.genes[gene].gene_id
        with np.errstate(over="ignore"):
            kept = found.embeddings[:, 0].astype(self._contents.dtype)
        if np.isinf(kept).any():
            raise InputError(
                f"an embedding of {gene_id} has a number beyond the largest of float16",
                remedy="Write float32: --dtype float32.",
            )
        content = save({EMBEDDING: kept, VALUE: found.values[:, 0]})
        return {gene_file(gene_id): (content, found.values.size)}

    def values(self, read: Callable[[str], bytes], notes: UnitNotes) -> np.ndarray:
        """(P, 1, T) float32 of a unit that is done; ``read`` gives its files."""
        (file,) = notes.files
        return np.asarray(load(read(file.name))[VALUE][:, None])


def gene_file(gene_id: str) -> str:
    """The name of a gene's file in the store."""
    return f"{_FOLDER}{quote(gene_id, safe='')}{_SUFFIX}"

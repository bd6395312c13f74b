"""A finished store of embeddings, read a gene at a time."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..named_files import LocalFiles
from .dataset import DatasetPart, PredictionDataset
from .query import RejectedQueryError, rejected_names
from .unit_embeddings import EMBEDDING, gene_file

_HEAD = 8
_DTYPES = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4")}


class EmbeddingStore(PredictionDataset):
    """Embeddings that ``variantformer predict --embedding-store DIR`` has written, and its predictions.

    ``store[gene]`` is (people, tissues, width), people as in ``samples``, tissues as in ``tissues``; NaN where a person
    has no prediction. Of a local folder it is mapped: what is not looked at is not read.

    Args:
        place: the folder.

    Attributes:
        width: numbers in an embedding.
        dtype: of the embeddings, ``float32`` or ``float16``.
        key: what tells the run that wrote it from others.
        model: name and sha256 of the model that made them.
        precision: in which it did.

    Raises:
        InputError: there is no store, or it is not finished or damaged.
    """

    def __init__(self, place: str | Path) -> None:
        super().__init__(place)
        contents = self._folder.contents
        if contents.layout != "embeddings":
            raise InputError(
                "is a dataset of predictions, and no store of embeddings",
                file=self._folder.files,
                remedy="Make one: variantformer predict ... --embedding-store DIR.",
            )
        self.width, self.dtype, self.key = contents.embedding_width, contents.dtype, contents.key
        self.model: dict[str, str] = contents.description["model"]
        self.precision: str = contents.description["precision"]
        listed = [(file, unit["name"]) for unit in self._manifest["listed"] for file in unit["files"]]
        self._sizes = {file["name"]: int(file["size"]) for file, _ in listed}
        self._units = {file["name"]: unit for file, unit in listed}

    @classmethod
    def open(cls, place: str | Path) -> "EmbeddingStore":
        """The store of a folder; errors as for the class."""
        return cls(place)

    def __getitem__(self, gene: str) -> np.ndarray:
        """(people, tissues, width) of a gene, by symbol or Ensembl id, not to be written to.

        Raises:
            RejectedQueryError: the store does not hold the gene.
            InputError: its file is damaged or gone.
        """
        name, files = self._file_of(gene), self._folder.files
        try:
            content: Any = (
                np.memmap(str(files.folder / name), dtype=np.uint8, mode="r")
                if isinstance(files, LocalFiles)
                else np.frombuffer(files.read(name), dtype=np.uint8)
            )
            if len(content) != self._sizes[name]:
                raise ValueError(f"it has {len(content):,} bytes of {self._sizes[name]:,}")
            behind = _HEAD + int.from_bytes(content[:_HEAD].tobytes(), "little")
            tensor = json.loads(content[_HEAD:behind].tobytes())[EMBEDDING]
            first, _ = tensor["data_offsets"]
            kind: Any = _DTYPES[tensor["dtype"]]
            vectors: np.ndarray = np.ndarray(tensor["shape"], kind, content, offset=behind + first)
            vectors.flags.writeable = False
            return vectors
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"is damaged, or gone ({error})",
                file=f"{files}/{name}",
                remedy="Start the command that wrote the store again: what it held is made anew.",
            ) from error

    def vectors(self, part: DatasetPart, dtype: Any = None) -> np.ndarray:
        """(samples, genes, tissues, width) of a part of the store, as :meth:`part` gives it; NaN as there.

        Args:
            part: the part.
            dtype: of the numbers; None = the store's.

        Raises:
            InputError: a file is damaged or gone.
        """
        person_of = {name: place for place, name in enumerate(self.samples)}
        tissue_of = {name: place for place, name in enumerate(self.tissues)}
        people, tissues = [person_of[name] for name in part.samples], [tissue_of[name] for name in part.tissues]
        found = np.empty((len(people), len(part.genes), len(tissues), self.width), dtype or self.dtype)
        for place, gene in enumerate(part.genes):
            found[:, place] = self[gene.gene_id][np.ix_(people, tissues)]
        return found

    def endings(self, gene: str) -> tuple[np.ndarray, np.ndarray]:
        """How each person's gene ended, (people,) text each: status and reason, as of predictions.

        Raises:
            RejectedQueryError: the store does not hold the gene.
            InputError: its notes are damaged or gone.
        """
        status, reason = self._folder.endings(self._units[self._file_of(gene)])
        return status[:, 0], reason[:, 0]

    def _file_of(self, gene: str) -> str:
        found, unknown = self.genes.resolve([gene])
        if unknown:
            raise RejectedQueryError(rejected_names("gene", unknown), f"The store {self._folder.files} holds others.")
        return gene_file(found[0].gene_id)

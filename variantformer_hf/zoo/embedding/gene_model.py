"""Models of vectors that another network makes of people's genes, as the zoo asks them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import PreTrainedModel

from ...errors import InputError
from ...files import whole_file
from ...folder import FITS_FILE, GENES_FILE
from ...genome.genes import GeneTable
from ...genome.options import MODES
from ...genome.reference import ReferenceGenome
from ...modeling import EmbeddingHeadsForExpression, EmbeddingNetForExpression
from ..companions import check_companions, table_digests, write_companions
from ..embedder import EMBEDDING_MODES
from ..embedding_table import EmbeddingTable
from ..gene_input import GeneInput
from ..gene_model import GeneModel
from ..gene_regions import RegionFinder, finder_around_tss
from ..model_files import ModelIdentity, has_model_file, load_strictly, model_file, model_identity
from ..named_network import seen_from
from .opened_model import EmbeddingOpened
from .vector_input import VectorInput
from .vector_source import TrunkVectors, load_trunk, open_table

TABLES = (GENES_FILE, FITS_FILE)


class EmbeddingGeneModel(GeneModel):
    """A network of vectors with its genes, and where the vectors come from; see :class:`GeneModel`.

    Args:
        network: the model.
        gene_table: the genes it knows.
        vectors: the network that makes the vectors, or a file of people's; None = nothing is predicted.
        fits: what became of each gene and output, see ``training.embedding``; None = not known.
        identity, device, precision: as for :class:`GeneModel`; the precision is that of the network that makes the
            vectors, and ``auto`` is float32 everywhere.

    Attributes:
        is_of_genes: whether each gene has weights of its own.
    """

    modes: tuple[str, ...] = MODES
    genes_at_once: int = 32
    is_of_genes: ClassVar[bool]

    def __init__(
        self,
        network: PreTrainedModel,
        gene_table: GeneTable,
        vectors: TrunkVectors | EmbeddingTable | None = None,
        fits: pa.Table | None = None,
        *,
        identity: ModelIdentity | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        precision = "float32" if precision == "auto" else precision
        super().__init__(network, gene_table, identity=identity, device=device, precision=precision)
        self.vectors = vectors
        self.fits = fits if fits is not None else pa.table({"gene_id": pa.array([], pa.string())})
        self.number_of = {gene.gene_id: number for number, gene in enumerate(gene_table)}

    @classmethod
    @abstractmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the network."""

    @classmethod
    def modes_of(cls, config: Mapping[str, Any]) -> tuple[str, ...]:
        """The mode of the vectors that it was fitted to, and no other, see :class:`GeneModel`."""
        mode = config.get("embedding_mode")
        return (EMBEDDING_MODES[mode],) if mode in EMBEDDING_MODES else cls.modes

    @classmethod
    def load(  # type: ignore[override]
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        embedding_model: str | Path | None = None,
        variant_embeddings: str | Path | None = None,
        force_companions: bool = False,
    ) -> "EmbeddingGeneModel":
        """Load a model folder, or a repository of the Hub, and where its vectors come from.

        Args:
            model, revision, device, precision, force_companions: as of any family.
            embedding_model: folder or Hub id of the network that makes the vectors, the one that the model's config has
                the SHA-256 of; None = where the config says.
            variant_embeddings: a file of people's vectors instead, see :class:`EmbeddingTable`.

        Raises:
            InputError: as of any family; both are given; the network is not there, or another one; a file of other
                vectors.
        """
        if embedding_model is not None and variant_embeddings is not None:
            raise InputError("both --embedding and --embedding-model are given", remedy="Give one of them.")
        check_companions(model, revision=revision, force=force_companions)
        network = load_strictly(cls.architecture(), model, dtype=torch.float32, revision=revision)
        genes = GeneTable.read(model_file(model, GENES_FILE, revision=revision))
        vectors: TrunkVectors | EmbeddingTable
        if variant_embeddings is not None:
            vectors = open_table(variant_embeddings, network.config)
        else:
            of_trunk = "float32" if precision == "auto" else precision
            vectors = load_trunk(model, network.config, asked=embedding_model, device=device, precision=of_trunk)
        has_fits = has_model_file(model, FITS_FILE, revision=revision)
        fits = pq.read_table(model_file(model, FITS_FILE, revision=revision)) if has_fits else None
        identity = model_identity(model, revision=revision)
        return cls(network, genes, vectors, fits, identity=identity, device=device, precision=precision)

    @classmethod
    def load_regions(
        cls, model: str | Path, reference: ReferenceGenome, *, force_companions: bool = False
    ) -> tuple[GeneTable, RegionFinder]:
        """From the table and the config alone, see :class:`GeneModel`."""
        check_companions(model, force=force_companions)
        config: Any = cls.architecture().config_class.from_pretrained(model)
        genes = GeneTable.read(model_file(model, GENES_FILE))
        return genes, finder_around_tss(genes, reference, config.embedding_window)

    def save(self, folder: str | Path) -> None:
        """Write a folder for :meth:`load`; a network in a folder is named by its path from there."""
        folder, config = Path(folder), self.network.config
        named, sha256 = config.embedding_model, config.embedding_sha256
        if isinstance(self.vectors, TrunkVectors):
            config.embedding_model = seen_from(folder, self.vectors.where)
            config.embedding_sha256 = self.vectors.sha256
        try:
            self.network.save_pretrained(folder)
        finally:
            config.embedding_model, config.embedding_sha256 = named, sha256
        self.gene_table.save(folder / GENES_FILE)
        with whole_file(folder / FITS_FILE) as partial:
            pq.write_table(self.fits, partial)
        write_companions(folder, TABLES)

    def region_finder(self, reference: ReferenceGenome) -> RegionFinder:
        """The window of the vectors around the TSS of genes, as far as their contigs have it."""
        return finder_around_tss(self.gene_table, reference, self.config.embedding_window)

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """A batch of B genes; vectors that are not known are made.

        Returns:
            embedding (B, embedding_size) float32; gene (B,), outputs (B, T) int64, and labels (B, T) where there are
            any.

        Raises:
            InputError: there is nothing that makes vectors.
        """
        read = [cast(VectorInput, each) for each in inputs]
        batch = {
            "embedding": torch.from_numpy(self._vectors(read)),
            "gene": torch.tensor([self.number_of[each.regions.gene.gene_id] for each in read]),
            "outputs": torch.from_numpy(np.asarray(outputs, dtype=np.int64)),
        }
        if labels is not None:
            batch["labels"] = torch.from_numpy(np.asarray(labels, dtype=np.float32))
        return batch

    def _vectors(self, read: Sequence[VectorInput]) -> np.ndarray:
        """(n, embedding_size) float32."""
        found = np.zeros((len(read), self.config.embedding_size), dtype=np.float32)
        unknown = [number for number, each in enumerate(read) if each.vector is None]
        for number, each in enumerate(read):
            if each.vector is not None:
                found[number] = each.vector
        if unknown:
            assert isinstance(self.vectors, TrunkVectors), "sequences are read for a network alone"
            found[unknown] = self.vectors.of([read[number].read for number in unknown])
        return found

    def open(self, reference: ReferenceGenome) -> EmbeddingOpened:
        """The model for one reference genome, see :class:`GeneModel`."""
        return EmbeddingOpened(self, reference)

    def without_network(self) -> "EmbeddingGeneModel":
        """See :meth:`GeneModel.without_network`."""
        light = copy(self)
        light.network = None
        return light

    def settings(self) -> dict[str, Any]:
        """The kind of baseline, and which vectors it reads; which network made them, :meth:`companions` says."""
        config = self.config
        which = {name: getattr(config, f"embedding_{name}") for name in ("mode", "pool", "window", "chunk_bases")}
        made_by = None if self.vectors is None else self.vectors.name
        return {"kind": config.kind, "embedding": {"of": made_by, **which}}

    def companions(self) -> dict[str, str]:
        """Hashes of the genes, and of the network that makes the vectors or the file of them."""
        found = table_digests(self.gene_table)
        if self.vectors is not None:
            found["embedding"] = self.vectors.sha256
        return found


class EmbeddingHeadsGeneModel(EmbeddingGeneModel):
    """Heads of tissues on the vectors of all genes: ``heads``."""

    model_type: ClassVar[str] = "embedding_heads"
    is_of_genes: ClassVar[bool] = False

    @classmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the network."""
        return EmbeddingHeadsForExpression


class EmbeddingNetGeneModel(EmbeddingGeneModel):
    """Elastic nets on the vectors of each gene: ``embedding-net``."""

    model_type: ClassVar[str] = "embedding_net"
    is_of_genes: ClassVar[bool] = True

    @classmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the network."""
        return EmbeddingNetForExpression

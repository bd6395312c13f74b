"""UKBioFormer and UKBioZoi as the zoo asks them: one window of a person's DNA, and the person's variant embedding."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import torch
from transformers import PreTrainedModel

from ...errors import InputError
from ...folder import GENES_FILE
from ...genome.genes import GeneTable
from ...genome.options import DIPLOID
from ...genome.reference import ReferenceGenome
from ...modeling import UkBioFormerConfig, UkBioFormerForExpression, UkBioFormerProcessor
from ..companions import table_digests
from ..gene_input import GeneInput
from ..model_files import ModelIdentity, model_file, model_identity
from ..named_network import seen_from
from ..window.gene_model import DiploidGeneModel
from .haplotype_vectors import OPTION, HaplotypeVectors, load_haplotype_vectors
from .opened_model import PersonInput, UkBioFormerOpened
from .people_embeddings import PeopleEmbeddings


class UkBioFormerGeneModel(DiploidGeneModel):
    """The network with its genes and its UKBioBERT, see :class:`GeneModel`.

    A person is read by SNPs alone: DNA is the mean of both haplotypes' one-hot numbers, the embedding is UKBioBERT's
    vector of each haplotype, read by itself, one behind the other. So phase matters to the embedding. In the modes of
    one sequence both halves of the embedding are that sequence's. Gradients are those of the DNA: the embedding is
    what it is.

    Args:
        network: the network.
        gene_table: the genes it knows.
        embeddings: where variant embeddings come from: a UKBioBERT, or a file of people's; None = nothing is predicted.
        identity, device, precision, window: as for :class:`WindowGeneModel`.

    Raises:
        InputError: as for :class:`WindowGeneModel`; the window is shorter than the embedding's; vectors of another
            width than the network reads.
    """

    model_type: ClassVar[str] = "ukbioformer"
    modes: tuple[str, ...] = (DIPLOID, "haplotype1", "haplotype2", "alt", "ref")

    def __init__(
        self,
        network: PreTrainedModel,
        gene_table: GeneTable,
        embeddings: HaplotypeVectors | PeopleEmbeddings | None = None,
        *,
        identity: ModelIdentity | None = None,
        device: str = "auto",
        precision: str = "auto",
        window: int | None = None,
    ) -> None:
        super().__init__(network, gene_table, identity=identity, device=device, precision=precision, window=window)
        config = cast(UkBioFormerConfig, network.config)
        self.form, self.embeddings = replace(self.form, is_phased=True), embeddings
        if self.form.length < config.embedding_length:
            raise InputError(
                f"a window of {self.form.length:,} bases is shorter than the embedding's, {config.embedding_length:,}",
                file=self.identity.name,
                remedy="Choose a longer --window.",
            )
        if isinstance(embeddings, HaplotypeVectors) and 2 * embeddings.width != config.embedding_size:
            raise InputError(
                f"reads variant embeddings of {config.embedding_size:,} numbers, and two vectors of the UKBioBERT "
                f"{embeddings.where} are {2 * embeddings.width:,}",
                file=self.identity.name,
                remedy=f"Give its own: {OPTION}.",
            )

    @classmethod
    def architecture(cls) -> type[PreTrainedModel]:
        """The class of the network."""
        return UkBioFormerForExpression

    @classmethod
    def load(  # type: ignore[override]
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        device: str = "auto",
        precision: str = "auto",
        window: int | None = None,
        attention: str = "auto",
        embedding_model: str | Path | None = None,
        variant_embeddings: str | Path | None = None,
        force_companions: bool = False,
    ) -> "UkBioFormerGeneModel":
        """Load a model folder, or a repository of the Hub, and its UKBioBERT.

        Args:
            model, revision, device, precision, window, attention, force_companions: see :meth:`WindowGeneModel.load`.
            embedding_model: folder or Hub id of the UKBioBERT, the one that the model's config has the SHA-256 of;
                None = where the config says.
            variant_embeddings: a file of embeddings instead, see :class:`PeopleEmbeddings`.

        Raises:
            InputError: as for :meth:`WindowGeneModel.load` and the class; the UKBioBERT is not there, or another one;
                a file of embeddings of others.
        """
        network = cls.load_network(model, revision, device, precision, attention, force_companions)
        config = cast(UkBioFormerConfig, network.config)
        genes = GeneTable.read(model_file(model, GENES_FILE, revision=revision))
        embeddings: HaplotypeVectors | PeopleEmbeddings
        if variant_embeddings is not None:
            made = {"window": config.embedding_length, "chunk_bases": config.embedding_chunk_bases}
            embeddings = PeopleEmbeddings(variant_embeddings, config.embedding_size, made, config.embedding_sha256)
        else:
            embeddings = load_haplotype_vectors(
                model,
                config.embedding_model,
                config.embedding_sha256,
                asked=embedding_model,
                chunk_bases=config.embedding_chunk_bases,
                device=device,
            )
        identity = model_identity(model, revision=revision)
        return cls(network, genes, embeddings, identity=identity, device=device, precision=precision, window=window)

    def save(self, folder: str | Path) -> None:
        """Write a folder for :meth:`load`; a UKBioBERT in a folder is named by its path from there."""
        config = self.network.config
        named, sha256 = config.embedding_model, config.embedding_sha256
        if isinstance(self.embeddings, HaplotypeVectors):
            config.embedding_model = seen_from(Path(folder), self.embeddings.where)
            config.embedding_sha256 = self.embeddings.identity.sha256
        try:
            super().save(folder)
        finally:
            config.embedding_model, config.embedding_sha256 = named, sha256

    def save_tables(self, folder: Path) -> None:
        """Write genes, processor and hashes into the folder of the weights."""
        config = self.network.config
        UkBioFormerProcessor(config.input_length, float(config.n_share)).save_pretrained(folder)
        super().save_tables(folder)

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """A batch of B genes.

        Returns:
            sequence (B, L, 4), variant_embedding (B, embedding_size), outputs (B, T), and labels (B, T) where there are
            any.

        Raises:
            InputError: there is no embedding of a person.
        """
        batch = super().batch(inputs, outputs, labels)
        vectors = self.variant_embeddings([cast(PersonInput, each) for each in inputs])
        return {"sequence": batch.pop("dna"), "variant_embedding": torch.from_numpy(vectors), **batch}

    def variant_embeddings(self, inputs: Sequence[PersonInput]) -> np.ndarray:
        """(n, embedding_size) float32 of people's genes.

        Raises:
            InputError: there is no embedding of a person.
        """
        if isinstance(self.embeddings, PeopleEmbeddings):
            return self.embeddings.of([(each.sample, each.regions.gene.gene_id) for each in inputs])
        if self.embeddings is None:
            raise InputError("has no UKBioBERT", file=self.identity.name, remedy=f"Give it: {OPTION}.")
        vectors = self.embeddings.of([part for each in inputs for part in self._haplotypes(each)])
        return vectors.reshape(len(inputs), -1)

    def _haplotypes(self, given: PersonInput) -> list[np.ndarray]:
        """Both haplotypes' letters of the embedding's window, which has the TSS in its middle too."""
        (window,) = given.windows
        length = self.config.embedding_length
        first = self.form.length // 2 - length // 2
        return [row[first : first + length] for row in (window.letters[0], window.letters[-1])]

    def open(self, reference: ReferenceGenome) -> UkBioFormerOpened:
        """The model for one reference genome, see :class:`GeneModel`."""
        return UkBioFormerOpened(self, reference)

    def without_network(self) -> "UkBioFormerGeneModel":
        """See :meth:`GeneModel.without_network`; without its UKBioBERT too."""
        light = copy(self)
        light.network = light.embeddings = None
        return light

    def settings(self) -> dict[str, Any]:
        """The windows, and where embeddings come from; which they are, :meth:`companions` says."""
        made_by = None if self.embeddings is None else self.embeddings.name
        return {**super().settings(), "embedding_window": self.config.embedding_length, "embedding": made_by}

    def companions(self) -> dict[str, str]:
        """Hashes of the genes and of the UKBioBERT, or of the file of embeddings."""
        found = table_digests(self.gene_table)
        if self.embeddings is not None:
            found["embedding"] = self.embeddings.sha256
        return found

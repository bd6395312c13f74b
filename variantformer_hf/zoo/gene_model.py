"""The one interface of the zoo: what every model is asked, with plain answers.

A model of the zoo is a subclass of :class:`GeneModel`. It says where it looks, what it reads there and how that becomes
a batch; all else has a plain default: an edited genome is read anew, and genes go through the network a few at a time.
What is overridden is overridden for speed, and gives the same numbers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import PreTrainedConfig, PreTrainedModel

from ..errors import InputError
from ..genome.genes import Gene, GeneTable
from ..genome.reference import ReferenceGenome
from ..version import __version__
from ..work.units import Engine
from .abilities import Abilities, require
from .device import choose_device, choose_dtype
from .gene_input import GeneInput
from .gene_regions import GeneRegions, RegionFinder
from .model_files import ModelIdentity
from .opened_model import OpenedModel
from .outputs import TissueNames
from .stored import Precomputed
from .units import Unit, unit_named


@dataclass(frozen=True, slots=True)
class LoadedFrom:
    """A model's folder or Hub id, its revision, and the options that it was loaded with."""

    model: str | Path
    revision: str | None
    options: dict[str, Any]


class GeneModel(ABC):
    """A model ready to be asked: its network, the genes it knows and what it predicts.

    Args:
        network: maps a :meth:`batch` to an output with ``logits`` (B, T) in the model's unit and, of a batch with
            ``labels``, ``loss``, the mean over those that are there, and 0 where there is none; maybe ``embeddings``
            (B, T, width). Its config has ``tissues`` (names of the
            outputs, by id; one whose name is None is not asked for) and ``unit``, and may have ``assembly`` and
            ``chromosomes``.
        gene_table: the genes it knows.
        identity: name and hash of the weights, for the report; None = ``unsaved``.
        device: where to compute: ``auto`` (cuda, else mps, else cpu) or a torch device name.
        precision: ``auto`` (bfloat16 on cuda, else float32), or one of :attr:`precisions`.

    Raises:
        InputError: the config names no unit; there is no such device or precision.

    Attributes:
        config: of the network.
        model_type: as in config.json.
        modes: genotype modes (see ``GenotypeOptions``) that it reads, the one that it was made for first; of the class
            those of the family.
        precisions: what it can compute in.
        abilities: what it can do beyond predictions.
        genes_at_once: genes in a batch, unless memory runs out.
        tissue_names: what it predicts, tissues or other outputs, by names and ontology ids.
        unit: of its predictions.
        assembly: that it was made for; None = any.
        chromosomes: that it was made for, without ``chr``; None = any.
        trained_genes: ids of those of its genes that it was trained on, the only ones that it can be trusted with, as
            its config names them by ``genes``; None = any, or not known.
        embedding_width: numbers in an embedding; 0 for a model without.
        loaded_from: by what :meth:`load` made it, in this process; None = it was made in memory, or changed since.
            Another process is sent this, and not the weights.
    """

    model_type: ClassVar[str]
    modes: tuple[str, ...] = ("iupac", "alt", "ref", "haplotype1", "haplotype2")
    precisions: ClassVar[tuple[str, ...]] = ("float32", "bfloat16")
    abilities: ClassVar[Abilities] = Abilities()
    genes_at_once: int = 8
    embedding_width: int = 0
    trained_genes: frozenset[str] | None = None
    loaded_from: "LoadedFrom | None" = None

    def __init__(
        self,
        network: PreTrainedModel,
        gene_table: GeneTable,
        *,
        identity: ModelIdentity | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        self.check_precision(precision)
        self.config = config = network.config
        self.modes = self.modes_of(config.to_dict())
        self.device = choose_device(device)
        self.dtype = choose_dtype(precision, self.device)
        self.precision = precision if precision != "auto" else str(self.dtype).removeprefix("torch.")
        self.network: Any = network.to(device=self.device, dtype=self.dtype).eval()
        self.gene_table = gene_table
        self.identity = identity or ModelIdentity("unsaved", "")
        self.tissue_names = TissueNames(getattr(config, "tissues", None) or ())
        self.unit: Unit = _unit_of(config)
        self.assembly: str | None = getattr(config, "assembly", None)
        chromosomes = getattr(config, "chromosomes", None)
        self.chromosomes: tuple[str, ...] | None = None if chromosomes is None else tuple(chromosomes)
        genes = getattr(config, "genes", None)
        if genes is not None:
            known, _ = gene_table.resolve(genes, most_suggested=0)
            self.trained_genes = frozenset(gene.gene_id for gene in known)

    # Each model's own.

    @classmethod
    @abstractmethod
    def load(cls, model: str | Path, *, revision: str | None = None, **options: Any) -> "GeneModel":
        """Load a folder, or a repository of the Hub; options as of the class.

        Raises:
            InputError: a file is missing, cannot be read, or is another model's.
        """

    @classmethod
    def load_regions(
        cls, model: str | Path, reference: ReferenceGenome, *, force_companions: bool = False
    ) -> tuple[GeneTable, RegionFinder]:
        """Genes of a folder's model, and where it looks for them; override it where the weights need not be loaded."""
        loaded = cls.load(model, device="cpu", force_companions=force_companions)
        return loaded.gene_table, loaded.region_finder(reference)

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Write a folder for :meth:`load`: weights, config, tables and their hashes."""

    @abstractmethod
    def region_finder(self, reference: ReferenceGenome) -> RegionFinder:
        """Where it looks for genes in a FASTA."""

    @abstractmethod
    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """What the network takes of B genes.

        Args:
            inputs: B genes that are there, as :meth:`OpenedModel.reader` reads them.
            outputs: (B, T) int64, ids of the outputs of each.
            labels: (B, T) float32 in the model's unit, NaN where there is none; None = no loss is wanted.
        """

    # Given.

    def open(self, reference: ReferenceGenome) -> "OpenedModel":
        """The model for one reference genome.

        Raises:
            AssemblyError: it is of another assembly than the model's.
            ContigError: a gene lies beyond the end of its contig.
        """
        return OpenedModel(self, reference)

    def ready_batch(self, sequences: Any, outputs: Sequence[int]) -> dict[str, torch.Tensor]:
        """What the network takes of one gene whose sequences the caller has, for models that read such.

        Args:
            sequences: in the gene's orientation, as the model takes them.
            outputs: ids of the outputs.

        Raises:
            InputError: the model takes none, or others.
        """
        raise InputError(
            f"models of the type {self.model_type!r} take no sequences that are ready",
            remedy="Give a genome: fasta=, and vcf= for a person.",
        )

    def follow_network(self) -> None:
        """Compute where, and in what, the network is now: somebody moved it.

        Raises:
            InputError: it is in a type that is none of :attr:`precisions`.
        """
        precision = str(self.network.dtype).removeprefix("torch.")
        self.check_precision(precision)
        self.device, self.dtype, self.precision = self.network.device, self.network.dtype, precision

    def description(self) -> dict[str, Any]:
        """All of the model that predictions depend on."""
        identity = {"name": self.identity.name, "sha256": self.identity.sha256}
        return {
            "version": __version__,
            "model": identity,
            "precision": self.precision,
            "unit": self.unit.name,
            "companions": self.companions(),
            **self.settings(),
        }

    def settings(self) -> dict[str, Any]:
        """What was chosen of how it reads and predicts, beside genotypes and precision; for reports."""
        return {}

    def is_unseen(self, gene: Gene) -> bool:
        """Whether a gene is none of those that it was trained on, see ``trained_genes``."""
        return self.trained_genes is not None and gene.gene_id not in self.trained_genes

    def companions(self) -> dict[str, str]:
        """Name -> hash of what predictions depend on beside the weights: tables, tokenizer, lengths."""
        from .companions import table_digests

        return table_digests(self.gene_table)

    def cre_names(self, regions: GeneRegions) -> list[str]:
        """Accessions of a gene's cCREs, in the model's order."""
        return []

    @classmethod
    def require(cls, ability: str, asked: str) -> None:
        """Refuse what its models cannot do, see :func:`require`."""
        require(cls.model_type, cls.abilities, ability, asked)

    @classmethod
    def modes_of(cls, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Genotype modes of a model with this config.json, the one that it was made for first.

        That is the family's first, or the ``genotype_mode`` that the config states.
        """
        stated = config.get("genotype_mode")
        return cls.modes if stated is None else (str(stated), *(mode for mode in cls.modes if mode != stated))

    def check_mode(self, mode: str) -> None:
        """Refuse a genotype mode that it does not read.

        Raises:
            InputError: it does not.
        """
        check_mode(self.model_type, self.modes, mode)

    @classmethod
    def check_precision(cls, precision: str) -> None:
        """Refuse a precision that its models cannot compute in.

        Raises:
            InputError: they cannot.
        """
        choices = ("auto", *cls.precisions)
        if precision not in choices:
            raise InputError(f"there is no precision {precision!r}", remedy=f"Choose one of {', '.join(choices)}.")

    def without_network(self) -> "GeneModel":
        """The same model for reading and batching only: light enough to be sent to worker processes."""
        light = copy(self)
        light.network = None
        return light

    def __copy__(self) -> "GeneModel":
        """A model of the same parts, whose parts may be changed."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.loaded_from = None
        return other

    def __reduce_ex__(self, protocol: Any) -> str | tuple[Any, ...]:
        """What another process is sent."""
        if self.loaded_from is None:
            return super().__reduce_ex__(protocol)
        return _loaded_again, (type(self), self.loaded_from, self.precision, self.identity.sha256)


class StoringGeneModel(GeneModel):
    """A model that can keep vectors of the reference's cCREs on disk."""

    @abstractmethod
    def store_folder(self, folder: str | Path | None = None) -> Path:
        """Where its vectors are or will be; None = where it looks for them by itself.

        Raises:
            InputError: the folder belongs to another model; or the model was not loaded from files.
        """

    @abstractmethod
    def precompute(
        self,
        reference: ReferenceGenome,
        folder: str | Path | None = None,
        *,
        genes: list[Gene] | None = None,
        share: tuple[int, int] = (0, 1),
        wait: Callable[[], None] = lambda: None,
        on_cres: Callable[[int, int], None] | None = None,
        engine: Engine | None = None,
    ) -> Precomputed:
        """Encode the reference's cCREs into a store, see ``inference.precompute``.

        Args:
            share: (number, of): which of several processes this is.
            wait: returns when all processes have called it.
            engine: where units are done; None = in this process.
        """


def _loaded_again(kind: type[GeneModel], source: LoadedFrom, precision: str, sha256: str) -> GeneModel:
    """The model in another process, which sees the same files.

    Raises:
        InputError: it cannot be loaded there, or has other weights.
    """
    model = kind.load(source.model, revision=source.revision, **{**source.options, "precision": precision})
    if model.identity.sha256 != sha256:
        raise InputError(
            "holds other weights than where the command was started",
            file=source.model,
            remedy="Put the same model folder on all machines, or name one that all see.",
        )
    model.loaded_from = source
    return model


def _unit_of(config: PreTrainedConfig) -> Unit:
    """The unit that a config names: none is meant by itself, or fold changes would be taken of what is no TPM."""
    unit = getattr(config, "unit", None)
    if not isinstance(unit, str) or not unit:
        raise InputError(
            f"the config of a model of the type {config.model_type!r} does not say in what unit it predicts",
            remedy="Give it one, such as unit = 'log1p_tpm' or 'inverse_normal'.",
        )
    return unit_named(unit)


def check_mode(model_type: str, modes: Sequence[str], mode: str) -> None:
    """Refuse a genotype mode that a model does not read.

    Raises:
        InputError: it does not.
    """
    if mode not in modes:
        raise InputError(
            f"a model of the type {model_type!r} does not read genotypes as {mode!r}",
            remedy=f"Choose --mode {' or '.join(modes)}.",
        )


def gene_named(model: GeneModel, name: str) -> Gene:
    """A gene by its symbol or Ensembl id.

    Raises:
        InputError: the model has no such gene.
    """
    found, unknown = model.gene_table.resolve([name])
    if unknown:
        hint = f" (did you mean {', '.join(unknown[0].suggestions)}?)" if unknown[0].suggestions else ""
        raise InputError(f"gene {name!r}: {unknown[0].reason}{hint}", remedy="Ask for a gene of the model's table.")
    return found[0]

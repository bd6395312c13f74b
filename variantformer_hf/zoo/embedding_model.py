"""Vectors of genes: an embedder, and the genes around whose TSS it reads, as a model that a run can ask.

It predicts no number: what a run keeps of it are embeddings, one a person and gene.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from ..errors import InputError
from ..folder import GENES_FILE
from ..genome.genes import Gene, GeneTable
from ..genome.options import MODES
from ..genome.personal import PersonalGenome
from ..genome.reference import ReferenceGenome
from ..genome.stretch import PersonalStretch
from .abilities import Abilities
from .embedder import EMBEDDING_MODES, Embedder, Pool, check_window, in_mode, personal
from .families import embedder_class, family_of, known_options
from .gene_input import GeneInput, GeneOutput
from .gene_model import GeneModel, LoadedFrom
from .gene_reader import GeneReader, stretch_of
from .gene_regions import GeneRegions, RegionFinder, covered, finder_around_tss
from .model_files import ModelIdentity, model_file, model_identity, pinned_revision
from .opened_model import OpenedModel
from .outputs import TissueNames
from .statuses import NOT_FINITE, record_use
from .units import Unit
from .window.person_window import WindowPlace

_NO_NUMBER = Unit("embedding", "no number: a vector beside it", "embedding")


@dataclass(frozen=True, slots=True)
class Asked:
    """What vectors are asked for.

    Attributes:
        mode: of ``EMBEDDING_MODES``.
        pool: see :class:`Pool`.
        window: bases around a gene's TSS, which is behind its middle, at ``window // 2``.
    """

    mode: str
    pool: Pool
    window: int


@dataclass(frozen=True, slots=True)
class EmbeddingInput(GeneInput):
    """A person's gene as an embedder reads it.

    Attributes:
        read: the sequences, see :class:`ReadSequences`.
    """

    read: tuple[Any, ...]


class EmbeddingModel(GeneModel):
    """An embedder with genes.

    Args:
        embedder: the network.
        gene_table: the genes.
        asked: which vectors.
        identity: of the embedder's weights; None = ``unsaved``.
        assembly: that it was made for; None = any.

    Attributes:
        shape: of the vectors of a person's gene: (width,), or (bins, width) of the pool ``bin``.

    Raises:
        InputError: the embedder does not give such vectors.
    """

    model_type: ClassVar[str] = "embedding"
    modes: tuple[str, ...] = MODES
    abilities: ClassVar[Abilities] = Abilities(embeddings=True)

    def __init__(
        self,
        embedder: Embedder,
        gene_table: GeneTable,
        asked: Asked,
        *,
        identity: ModelIdentity | None = None,
        assembly: str | None = None,
    ) -> None:
        embedder.check(asked.mode, asked.pool)
        check_window(asked.window)
        *bins, width = embedder.shape(asked.window, asked.pool)
        self.shape = (*bins, width * (2 if asked.mode == "concat" else 1))
        self.embedder, self.gene_table, self.asked = embedder, gene_table, asked
        self.network, self.config = embedder.network, embedder.network.config
        self.device, self.dtype, self.precision = embedder.device, embedder.network.dtype, embedder.precision
        self.identity = identity or ModelIdentity("unsaved", "")
        self.tissue_names, self.unit = TissueNames(["embedding"]), _NO_NUMBER
        self.assembly, self.chromosomes = assembly, None
        self.embedding_width = int(np.prod(self.shape))

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        genes: str | Path | None = None,
        mode: str | None = None,
        pool: str | None = None,
        window: int | None = None,
        **options: Any,
    ) -> "EmbeddingModel":
        """Load a folder, or a repository of the Hub, of a family that gives vectors.

        Args:
            model: folder or Hub id.
            revision: of a Hub repository.
            genes: table of genes, see ``GeneTable.read``; None = the one in the folder.
            mode: of ``EMBEDDING_MODES``; None = the family's first.
            pool: text of a :class:`Pool`; None = the family's first.
            window: bases around the TSS; None = the family's.
            **options: of the family's ``Embedder.load``; None, False and ``auto`` ask for nothing.

        Raises:
            InputError: the family gives no vectors, or not such; there is no table of genes; as for the embedder.
        """
        revision = pinned_revision(model, revision)
        kind = embedder_class(family_of(model, revision=revision), model)
        known = known_options(kind, model, options)
        asked_pool = Pool.of(pool or kind.pools[0])
        asked_mode = mode or kind.modes[0]
        kind.check(asked_mode, asked_pool)
        if window is not None:
            check_window(window)
        table = _genes(model, revision, genes)
        embedder = kind.load(model, revision=revision, **known)
        asked = Asked(asked_mode, asked_pool, embedder.default_window if window is None else window)
        assembly = getattr(embedder.network.config, "assembly", None)
        found = cls(embedder, table, asked, identity=model_identity(model, revision=revision), assembly=assembly)
        asked_for = {"genes": genes, "mode": asked.mode, "pool": str(asked.pool), "window": asked.window}
        found.loaded_from = LoadedFrom(model, revision, {**known, **asked_for})
        return found

    def save(self, folder: str | Path) -> None:
        """Not of its own: it is made of a folder that is there."""
        raise TypeError("vectors of genes have no folder of their own")

    @property
    def genotype_mode(self) -> str:
        """Genotype mode in which people are read."""
        return EMBEDDING_MODES[self.asked.mode]

    def settings(self) -> dict[str, Any]:
        """Which vectors these are."""
        asked = self.asked
        return {"mode": asked.mode, "pool": str(asked.pool), "window": asked.window, **self.embedder.options()}

    def region_finder(self, reference: ReferenceGenome) -> RegionFinder:
        """Where it looks for genes in a FASTA; a window that reaches beyond its contig is cut to it."""
        return finder_around_tss(self.gene_table, reference, self.asked.window)

    def window_of(self, gene: Gene) -> tuple[int, int]:
        """A gene's window, 0-based half-open; it may reach beyond its contig."""
        interval = WindowPlace.around(gene.chrom, gene.tss, self.asked.window).interval
        return interval.start, interval.end

    def batch(
        self, inputs: Sequence[GeneInput], outputs: np.ndarray, labels: np.ndarray | None = None
    ) -> dict[str, torch.Tensor]:
        """Not of its own: the embedder makes batches of what it reads."""
        raise TypeError("vectors of genes are asked of the embedder")

    def open(self, reference: ReferenceGenome) -> "OpenedEmbeddings":
        """See :meth:`GeneModel.open`."""
        return OpenedEmbeddings(self, reference)

    def without_network(self) -> "EmbeddingModel":
        """See :meth:`GeneModel.without_network`."""
        light = copy(self)
        light.network = None
        return light


class OpenedEmbeddings(OpenedModel):
    """An embedder with genes, opened for one reference genome."""

    model: EmbeddingModel

    def reader(self, person: PersonalGenome, stretch: PersonalStretch, regions: Sequence[GeneRegions]) -> GeneReader:
        """See :meth:`OpenedModel.reader`; the person's mode is the model's genotype mode."""
        return EmbeddingReader(self.model, person, stretch)

    def read(self, person: PersonalGenome, regions: GeneRegions) -> GeneInput:
        """One person's gene by itself, whatever the person's mode."""
        person = personal(person, self.model.asked.mode)
        return self.reader(person, stretch_of(person, regions), [regions]).gene(regions)

    def predict(self, inputs: Sequence[GeneInput], outputs: Sequence[int]) -> list[GeneOutput]:
        """Vectors of genes, each a ``GeneOutput`` whose one number is NaN."""
        able = [each for each in inputs if each.ending is None and isinstance(each, EmbeddingInput)]
        sequences = [sequence for each in able for sequence in each.read]
        asked, embedder = self.model.asked, self.model.embedder
        vectors = iter(embedder.vectors(sequences, asked.pool) if sequences else ())
        found = []
        for each in inputs:
            if each.ending is not None or not isinstance(each, EmbeddingInput):
                found.append(GeneOutput.nothing(each.ending or NOT_FINITE, 1))
                continue
            vector = in_mode([next(vectors) for _ in each.read], asked.mode).reshape(1, -1)
            is_finite = bool(np.isfinite(vector).all())
            nothing = np.full(1, np.nan, dtype=np.float32)
            found.append(GeneOutput(nothing, vector) if is_finite else GeneOutput(nothing, None, NOT_FINITE))
        return found


class EmbeddingReader(GeneReader):
    """Reads one person's genes in a stretch.

    Args:
        model: the model.
        person, stretch: see :class:`GeneReader`.
    """

    def __init__(self, model: EmbeddingModel, person: PersonalGenome, stretch: PersonalStretch) -> None:
        super().__init__(person, stretch)
        self._model = model

    def gene(self, regions: GeneRegions) -> EmbeddingInput:
        """See :meth:`GeneReader.gene`."""
        keys, outcomes = self.person.outcomes(self.stretch, *covered([regions]))
        window = regions.window
        use = record_use(self.person, window.chrom, outcomes)
        place = WindowPlace.around(window.chrom, regions.gene.tss, self._model.asked.window)
        read = self._model.embedder.read(self.person, self.stretch, place)
        return EmbeddingInput(regions, use, keys, outcomes, read.status, read.sequences)


def _genes(model: str | Path, revision: str | None, genes: str | Path | None) -> GeneTable:
    """The table of genes that was given, or is in the folder."""
    if genes is not None:
        return GeneTable.read(genes)
    try:
        path = model_file(model, GENES_FILE, revision=revision)
    except InputError as error:
        raise InputError(
            "has no table of genes, around whose TSS vectors are made",
            file=model,
            remedy="Give one: --gtf GENES.gtf (Python: genes=).",
        ) from error
    return GeneTable.read(path)

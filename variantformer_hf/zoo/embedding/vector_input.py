"""One person's gene as a model of vectors reads it: the vector, or the sequences that one is made of."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch
from ..embedder import Embedder
from ..embedding_table import EmbeddingTable
from ..gene_input import GeneInput
from ..gene_reader import GeneReader
from ..gene_regions import GeneRegions, covered
from ..statuses import NO_EMBEDDING, record_use
from ..window.person_window import WindowPlace


@dataclass(frozen=True, slots=True)
class VectorInput(GeneInput):
    """A person's gene.

    Attributes:
        read: the sequences, see ``ReadSequences``; () of a vector that is known.
        vector: (width,) float32; None = it is made of the sequences.
    """

    read: tuple[Any, ...] = ()
    vector: np.ndarray | None = None


class TableReader(GeneReader):
    """Looks one person's vectors up in a file, see :class:`GeneReader`.

    Args:
        person, stretch: see :class:`GeneReader`.
        table: of people's vectors.
    """

    def __init__(self, person: PersonalGenome, stretch: PersonalStretch, table: EmbeddingTable) -> None:
        super().__init__(person, stretch)
        self._table = table

    def gene(self, regions: GeneRegions) -> VectorInput:
        """A gene; one that the file has no numbers of has the status ``no_embedding``, or what the file says of it."""
        keys, outcomes = self.person.outcomes(self.stretch, *covered([regions]))
        use = record_use(self.person, regions.window.chrom, outcomes)
        vector = known_vector(self._table, self.person.sample, regions.gene.gene_id)
        missing = NO_EMBEDDING if vector is None else ""
        return VectorInput(regions, use, keys, outcomes, missing, vector=vector)


class TrunkReader(GeneReader):
    """Reads one person's genes as the network that makes vectors reads them, see :class:`GeneReader`.

    Args:
        person, stretch: see :class:`GeneReader`.
        embedder: the network.
        window: bases around the TSS.
    """

    def __init__(self, person: PersonalGenome, stretch: PersonalStretch, embedder: Embedder, window: int) -> None:
        super().__init__(person, stretch)
        self._embedder, self._window = embedder, window

    def gene(self, regions: GeneRegions) -> VectorInput:
        """A gene as its sequences."""
        keys, outcomes = self.person.outcomes(self.stretch, *covered([regions]))
        use = record_use(self.person, regions.window.chrom, outcomes)
        place = WindowPlace.around(regions.window.chrom, regions.gene.tss, self._window)
        read = self._embedder.read(self.person, self.stretch, place)
        return VectorInput(regions, use, keys, outcomes, read.status, read.sequences)


def known_vector(table: EmbeddingTable, sample: str, gene_id: str) -> np.ndarray | None:
    """(width,) float32 of a person's gene; None where the file has none, or numbers that are not finite."""
    row = int(table.rows([(sample, gene_id)])[0])
    vector = None if row < 0 else table.vector(row)
    return vector if vector is not None and bool(np.isfinite(vector).all()) else None


def check_snps(person: PersonalGenome, *, snps_only: bool, model: str) -> None:
    """Refuse to read all variants of people for a model that was fitted to SNPs alone.

    Raises:
        InputError: it would.
    """
    if snps_only and person.records is not None and not person.options.snps_only:
        raise InputError(
            "was fitted to vectors of genomes of SNPs alone", file=model, remedy="Give --snps-only (snps_only=True)."
        )

"""One person's gene as a network of windows reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xxhash import xxh3_128_digest

from ...errors import InputError
from ...genome.exons import ExonTable
from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch
from ..gene_input import GeneInput
from ..gene_reader import GeneReader
from ..gene_regions import GeneRegions, covered
from ..statuses import GENE_DELETED, record_use
from .person_window import PersonWindow, WindowPlace, read_windows
from .read_out import ReadOut

# Bases of windows in a batch; a window of published length goes by itself.
BASES_AT_ONCE = 262_144


def check_length(config: Any, length: int, file: str | None = None) -> None:
    """Refuse windows that a network does not read.

    Args:
        config: of the network, a ``WindowSettings``.
        length: bases of a window.
        file: the model, for messages.

    Raises:
        InputError: it does not read windows of so many bases.
    """
    try:
        config.check_length(length)
    except ValueError as error:
        raise InputError(
            f"a window of {length:,} bases cannot be read: {error}", file=file, remedy="Choose another --window."
        ) from error


@dataclass(frozen=True, slots=True)
class GeneWindow:
    """Where a gene is looked for, and what is read out of it.

    Attributes:
        place: the window.
        stretches: (S, 2) int64, of the reference, see :meth:`ReadOut.on_reference`.
    """

    place: WindowPlace
    stretches: np.ndarray


@dataclass(frozen=True, slots=True)
class WindowForm:
    """How windows are laid and read.

    Attributes:
        length: bases of a window.
        bin_size: bases of a bin.
        read_out: which bins are read.
    """

    length: int
    bin_size: int
    read_out: ReadOut

    def of_gene(self, regions: GeneRegions, exons: np.ndarray) -> GeneWindow:
        """A gene's window on the reference; it may reach beyond the contig.

        Args:
            regions: of the gene.
            exons: (E, 2) of the gene.
        """
        place = WindowPlace.around(regions.window.chrom, regions.gene.tss, self.length)
        return GeneWindow(place, self.read_out.on_reference(place.interval, self.bin_size, exons))

    def read(self, windows: Sequence[PersonWindow], of_gene: GeneWindow) -> "tuple[tuple[ReadWindow, ...], str]":
        """What is read out of a person's windows, and "" or ``gene_deleted`` where one of them has lost all of it."""
        found = tuple(
            ReadWindow(each.letters, self.read_out.bins(each, of_gene.stretches, self.bin_size)) for each in windows
        )
        return found, "" if all(each.bins.any() for each in found) else GENE_DELETED


@dataclass(frozen=True, slots=True)
class ReadWindow:
    """One sequence of a person's gene, and what is read out of it.

    Attributes:
        letters: (L,) uint8 ASCII codes.
        bins: (bins,) bool.
    """

    letters: np.ndarray
    bins: np.ndarray

    @property
    def key(self) -> bytes:
        """Of its content."""
        return xxh3_128_digest(self.letters.tobytes() + self.bins.tobytes())


@dataclass(frozen=True, slots=True)
class WindowInput(GeneInput):
    """A gene as its windows: one, or two haplotypes whose values are averaged.

    Attributes:
        windows: none where the gene is missing.
    """

    windows: tuple[ReadWindow, ...]


class WindowReader(GeneReader):
    """Reads one person's genes in a stretch as windows.

    Args:
        person: the person.
        stretch: the person's records there.
        form: how windows are laid and read.
        exons: of the genes.
    """

    def __init__(self, person: PersonalGenome, stretch: PersonalStretch, form: WindowForm, exons: ExonTable) -> None:
        super().__init__(person, stretch)
        self._form, self._exons = form, exons

    def gene(self, regions: GeneRegions) -> WindowInput:
        """A gene as the model reads it, see :class:`GeneReader`."""
        keys, outcomes = self.person.outcomes(self.stretch, *covered([regions]))
        use = record_use(self.person, regions.window.chrom, outcomes)
        of_gene = self._form.of_gene(regions, self._exons.of(regions.gene))
        found = read_windows(self.person, of_gene.place, self.stretch)
        windows, missing = self._form.read(found.windows, of_gene)
        missing = found.status or missing
        return WindowInput(regions, use, keys, outcomes, missing, () if missing else windows)

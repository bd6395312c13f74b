"""One person's gene as a network of windows reads it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from xxhash import xxh3_128_digest

from ...errors import InputError
from ...genome.exons import ExonTable
from ...genome.options import DIPLOID
from ...genome.personal import PersonalGenome
from ...genome.stretch import PersonalStretch
from ...tokenization.one_hot import mean_one_hot, one_hot
from ..diploid_dna import reads_edits
from ..gene_input import GeneInput
from ..gene_reader import GeneReader
from ..gene_regions import GeneRegions, covered
from ..statuses import GENE_DELETED, NOT_SNP, record_use
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
        read_out: which bins are read; a person without any base of them lacks the gene.
        exons: of the genes, for the read-out of that name.
        is_phased: on which haplotype a letter stands matters, though both are one input.
    """

    length: int
    bin_size: int
    read_out: ReadOut
    exons: ExonTable = field(default_factory=lambda: ExonTable({}))
    is_phased: bool = False

    def of_gene(self, regions: GeneRegions) -> GeneWindow:
        """A gene's window on the reference; it may reach beyond the contig."""
        place = WindowPlace.around(regions.window.chrom, regions.gene.tss, self.length)
        exons = self.exons.of(regions.gene)
        return GeneWindow(place, self.read_out.on_reference(place.interval, self.bin_size, exons))

    def read(
        self, person: PersonalGenome, windows: Sequence[PersonWindow], of_gene: GeneWindow
    ) -> "tuple[tuple[ReadWindow, ...], str]":
        """What is read out of a person's windows, and why there is nothing, or "".

        In the mode ``diploid`` both haplotypes are one window, and an edited genome with more than SNVs is ``not_snp``;
        ``gene_deleted`` is a gene of which one of the windows has lost all that is read out.
        """
        if not reads_edits(person):
            return (), NOT_SNP
        each_read = [self.read_out.bins(each, of_gene.stretches, self.bin_size) for each in windows]
        if person.options.mode == DIPLOID:
            found = [ReadWindow(np.stack([each.letters for each in windows]), each_read[0], self.is_phased)]
        else:
            found = [ReadWindow(each.letters[None], bins) for each, bins in zip(windows, each_read, strict=True)]
        is_there = all(bins.any() for bins in each_read)
        return (tuple(found), "") if is_there else ((), GENE_DELETED)


@dataclass(frozen=True, slots=True)
class ReadWindow:
    """One input of a person's gene, and what is read out of it.

    Attributes:
        letters: (H, L) uint8 ASCII codes, of one sequence, or of two haplotypes whose mean is read.
        bins: (bins,) bool.
        is_phased: on which of two haplotypes a letter stands matters.
    """

    letters: np.ndarray
    bins: np.ndarray
    is_phased: bool = False

    @property
    def key(self) -> bytes:
        """Of its content as a whole."""
        first, last = self.letters[0], self.letters[-1]
        if self.is_phased:
            parts = [first, last]
        elif first is not last and not np.array_equal(first, last):
            parts = [np.minimum(first, last), np.maximum(first, last)]
        else:
            parts = [first]
        return xxh3_128_digest(b"".join(each.tobytes() for each in (*parts, self.bins)))

    def one_hot(self, n: float) -> np.ndarray:
        """(L, 4) float32: shares of A, C, G and T; an ambiguity letter is shares of its bases.

        Args:
            n: what N writes into each of the four.
        """
        if len(self.letters) == 1:
            return one_hot(self.letters[0], n=n, iupac=True)
        return mean_one_hot(self.letters, n=n, iupac=True)


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
    """

    def __init__(self, person: PersonalGenome, stretch: PersonalStretch, form: WindowForm) -> None:
        super().__init__(person, stretch)
        self._form = form

    def gene(self, regions: GeneRegions) -> WindowInput:
        """A gene as the model reads it, see :class:`GeneReader`."""
        keys, outcomes = self.person.outcomes(self.stretch, *covered([regions]))
        use = record_use(self.person, regions.window.chrom, outcomes)
        of_gene = self._form.of_gene(regions)
        found = read_windows(self.person, of_gene.place, self.stretch)
        windows, missing = ((), found.status) if found.status else self._form.read(self.person, found.windows, of_gene)
        return WindowInput(regions, use, keys, outcomes, missing, windows)
